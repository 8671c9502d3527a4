/* autograd/compute.h - what passes run on: kernels, threads, scratch and the arena of a pass.
 *
 * One per trainer or generator; not to be shared by threads that run passes at the same time. */
#ifndef GRAFT_AUTOGRAD_COMPUTE_H
#define GRAFT_AUTOGRAD_COMPUTE_H

#include "autograd/profile.h"
#include "core/arena.h"
#include "kernels/product.h"

/* Sees what goes into each linear map: x [n_tok, w->n_in] activations, rows ldx apart, valid during the
 * call. again: x is what the call before had, since maps share it. */
typedef struct graft_input_watch {
    void (*see)(void *context, const graft_weight *w, const graft_act *x, size_t ldx, size_t n_tok,
                bool again);
    void *context;
} graft_input_watch;

/* What gradients leave out because it adds next to nothing; 0: nothing. What is left out of what, and what that
 * changes, was measured (tests/bench/RESULTS.md). */
typedef struct graft_left_out {
    graft_real keys; /* of attention, below this part of an even share: graft_attention.faint */
    double rows;     /* tokens, below this part of their mean square: graft_live_rows_find */
} graft_left_out;

typedef struct graft_compute {
    graft_kernels kernels;
    graft_workspace workspace; /* scratch per thread, also for attention */
    graft_arena arena;         /* activations and gradients of the pass that runs */
    graft_profile profile;     /* sums up; whoever reads it sets it to zero before */
    const graft_input_watch *watch; /* NULL: nobody looks */
    graft_left_out left_out;
} graft_compute;

/* half: activations in bfloat16 (see kernels/kernels.h). */
graft_status graft_compute_init(graft_compute *compute, graft_cpu_level level, bool half);
void graft_compute_clear(graft_compute *compute);

/* From here on gradients leave out what changes them by less than bfloat16 does, with bytes by less than those
 * do: in single precision that is more than its rounding. */
void graft_compute_sparsify(graft_compute *compute);

/* Scratch for all threads, so that passes of a model with heads of this width run without allocating
 * in it. */
graft_status graft_compute_prepare(graft_compute *compute, size_t d_head);

/* *out = the kernels of the same level in single precision, for what bfloat16 is too coarse for; with
 * scratch for their products. */
graft_status graft_compute_single(graft_compute *compute, graft_kernels *out);

#endif
