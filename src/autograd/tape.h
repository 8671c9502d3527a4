/* autograd/tape.h - reverse-mode differentiation: tensors, the tape, and layers of a residual
 * stream that may be computed again instead of kept.
 *
 * An op computes its output at once; if the tape records and the gradient is wanted it pushes a
 * node whose `backward` later adds to the gradients of its inputs. All memory comes from the
 * arena of the pass. Gradients come into being when backward first needs them. */
#ifndef GRAFT_AUTOGRAD_TAPE_H
#define GRAFT_AUTOGRAD_TAPE_H

#include <stdbool.h>

#include "autograd/compute.h"

/* A row-major matrix [n_rows, n_cols] living in the arena of the pass: reals, neighbouring rows; or
 * activations, rows ld apart (see kernels/kernels.h). The gradient is laid out like the data. */
typedef struct graft_tensor {
    void *data;
    void *grad; /* NULL until backward has written something */
    size_t n_rows, n_cols, ld;
    bool act;
    bool wants_grad;
} graft_tensor;

typedef struct graft_tape graft_tape;
typedef graft_status graft_backward(graft_tape *tape, void *saved);

typedef struct graft_node {
    graft_backward *backward;
    void *saved;
    struct graft_node *previous;
} graft_node;

struct graft_tape {
    graft_compute *compute;
    graft_node *last;
    bool recording; /* ops leave nodes behind */
    bool training;  /* dropout acts; also while a layer runs unrecorded that is recomputed later */
    uint64_t seed; /* for dropout: masks are a function of (seed, step, pass, site, element) */
    uint32_t step, pass;
};

/* An empty tape on an empty arena (which it resets). */
void graft_tape_begin(graft_tape *tape, graft_compute *compute, bool recording);

/* A tensor with uninitialised data. */
graft_status graft_tensor_new(graft_tape *tape, graft_tensor **out, size_t n_rows, size_t n_cols,
                              bool act, bool wants_grad);
/* Another tensor over the data of one. */
graft_status graft_tensor_alias(graft_tape *tape, graft_tensor **out, const graft_tensor *of);

/* Room for activations that are no tensor, graft_act_ld(n_cols) apart. */
graft_status graft_act_alloc(graft_tape *tape, graft_act **out, size_t n_rows, size_t n_cols);

/* *out = x [n_rows, n_cols], or these rows of it (NULL: as they stand), as bytes, in the arena; NULL where
 * graft_tape_bytes is false. */
graft_status graft_act_to_bytes(graft_tape *tape, graft_bytes **out, const graft_act *x, size_t ldx,
                                const uint32_t *rows, size_t n_rows, size_t n_cols, bool backward);
/* Are products with frozen weights made of bytes? Not where nothing is trained: few rows do not pay for
 * turning the weights. */
bool graft_tape_bytes(const graft_tape *tape);

/* Row i of data or gradient. */
graft_real *graft_tensor_reals(const graft_tensor *tensor, size_t row);
graft_real *graft_tensor_grads(const graft_tensor *tensor, size_t row);

/* Pushes a node; `saved` is what backward needs, in the arena of the pass. Call only while
 * recording. */
graft_status graft_tape_push(graft_tape *tape, graft_backward *backward, void *saved);
/* The same with a copy of `size` bytes. */
graft_status graft_tape_push_copy(graft_tape *tape, graft_backward *backward, const void *saved,
                                  size_t size);

/* For backward functions. Makes the gradient of a tensor that nothing has written yet; the caller
 * writes every element. Activations are read by one op only, so theirs is never added to. */
graft_status graft_tensor_grad_new(graft_tape *tape, graft_tensor *tensor);
/* The gradient of reals, zeroed on first use: the caller always adds. */
graft_status graft_tensor_grad_add(graft_tape *tape, graft_tensor *tensor);

/* One layer of a residual network: *out = f(in), a stream of reals. Where it keeps all rows
 * (n_rows = in->n_rows) the gradient of the stream must stay in one buffer for all layers: f adds
 * to `in` and to what it made of it through the residual of graft_op_linears or graft_op_norm_add
 * only. Otherwise it
 * begins with the rows it keeps (graft_op_gather). With recompute, only `in` is kept and f runs
 * again in backward; f must be a pure function of (in, context). `context` must outlive the
 * tape. Nothing else made inside f may be used outside. */
typedef graft_status graft_layer(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                                 void *context);
graft_status graft_tape_layer(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                              size_t n_rows, graft_layer *layer, void *context, bool recompute);

/* Runs all nodes backwards from the last one. */
graft_status graft_tape_backward(graft_tape *tape);

#endif
