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

/* A row-major matrix [n_rows, n_cols] living in the arena of the pass. */
typedef struct graft_tensor {
    graft_real *data;
    graft_real *grad; /* NULL until backward has written something */
    size_t n_rows, n_cols;
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
                              bool wants_grad);
/* A tensor over data it does not own. */
graft_status graft_tensor_wrap(graft_tape *tape, graft_tensor **out, graft_real *data,
                               size_t n_rows, size_t n_cols, bool wants_grad);

/* Pushes a node with `size` bytes for what backward needs; call only while recording. */
graft_status graft_tape_push(graft_tape *tape, graft_backward *backward, void *saved_out,
                             size_t size);

/* For backward functions. *accumulate tells whether something was already written: if false the
 * caller must write every element, if true it must add. */
graft_status graft_tensor_grad(graft_tape *tape, graft_tensor *tensor, bool *accumulate);
/* The same, zeroed on first use: the caller always adds. */
graft_status graft_tensor_grad_add(graft_tape *tape, graft_tensor *tensor);

/* One layer of a residual network: *out = f(in), same shape as in. The layer's last act must be
 * graft_op_add(..., a = something that goes back to `in` through graft_op_add only), so that the
 * gradient of the stream stays in one buffer for all layers. With recompute, only `in` is kept
 * and f runs again in backward; f must be a pure function of (in, context). `context` must
 * outlive the tape. Nothing else made inside f may be used outside. */
typedef graft_status graft_layer(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                                 void *context);
graft_status graft_tape_layer(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                              graft_layer *layer, void *context, bool recompute);

/* Runs all nodes backwards from the last one. */
graft_status graft_tape_backward(graft_tape *tape);

#endif
