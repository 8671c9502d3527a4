/* autograd/compute.h - what passes run on: kernels, threads, scratch and the arena of a pass.
 *
 * One per trainer or generator; not to be shared by threads that run passes at the same time. */
#ifndef GRAFT_AUTOGRAD_COMPUTE_H
#define GRAFT_AUTOGRAD_COMPUTE_H

#include "autograd/profile.h"
#include "core/arena.h"
#include "kernels/product.h"

typedef struct graft_compute {
    graft_kernels kernels;
    graft_workspace workspace; /* packed operands and per-thread scratch, also for attention */
    graft_arena arena;         /* activations and gradients of the pass that runs */
    graft_profile profile;     /* sums up; whoever reads it sets it to zero before */
} graft_compute;

/* The largest shapes the passes to come will have. */
typedef struct graft_compute_sizes {
    size_t n_tok;       /* rows of a pass */
    size_t n_widest;    /* all operands of the widest op of linear maps together, without the head */
    size_t n_head_rows; /* rows the output head is given at once */
    size_t n_vocab;
    size_t n_key;       /* most keys a query can see */
    size_t d_head;
} graft_compute_sizes;

/* half: activations in bfloat16 (see kernels/kernels.h). */
graft_status graft_compute_init(graft_compute *compute, graft_cpu_level level, bool half);
void graft_compute_clear(graft_compute *compute);

/* Grows the scratch so that passes of these sizes run without allocating in it. */
graft_status graft_compute_prepare(graft_compute *compute, const graft_compute_sizes *sizes);

#endif
