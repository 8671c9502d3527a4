/* autograd/ops.h - the differentiable operations, one file each (op_<name>.c).
 *
 * Every op computes *out at once from its inputs and, if the tape records, leaves behind how
 * gradients flow back. Ops describe shapes and what is saved; the arithmetic is in the kernel
 * table. Dimensions as in kernels/kernels.h. All fail only for lack of memory. */
#ifndef GRAFT_AUTOGRAD_OPS_H
#define GRAFT_AUTOGRAD_OPS_H

#include "autograd/pass.h"
#include "autograd/tape.h"

/* A trainable matrix with a place where its gradient is summed over the passes of a step. */
typedef struct graft_param {
    graft_real *data, *grad; /* [n_rows, n_cols]; grad NULL: frozen for now */
    size_t n_rows, n_cols;
} graft_param;

/* The low-rank part of a linear map (Hu et al. 2021, "LoRA"): scale * B A, with A [rank, n_in]
 * and B [n_out, rank]. */
typedef struct graft_low_rank {
    graft_param a, b;
    graft_real scale;   /* alpha / rank, or alpha / sqrt(rank) */
    graft_real dropout; /* share of the adapter's inputs that is zeroed while training */
    uint32_t site;      /* keeps the dropout masks of different maps apart */
} graft_low_rank;

/* out [n_tok, n_out] = x W^T + scale * (dropout(x) A^T) B^T; low_rank may be NULL. */
graft_status graft_op_linear(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const graft_weight *w, const graft_low_rank *low_rank);

/* out [n_tok, n_in] = rows `ids` of the embedding matrix. No gradient: embeddings are frozen.
 * ids must be < w->n_out (checked when the pass is laid out). */
graft_status graft_op_embedding(graft_tape *tape, graft_tensor **out, const graft_weight *w,
                                const int32_t *ids, size_t n_tok, bool wants_grad);

/* out = x / sqrt(mean(x^2) + eps) * gain, per row (Zhang & Sennrich 2019). gain is frozen. */
graft_status graft_op_rmsnorm(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                              const graft_real *gain, graft_real eps);

/* Rotary position embedding (Su et al. 2021), in place: *out takes x's storage, x must not be
 * read afterwards. cos_sin is [n_tok, d_rope], pairs cos, sin, and must outlive the tape. */
typedef struct graft_rope {
    const graft_real *cos_sin;
    size_t n_head, d_head, d_rope;
    bool halves; /* pairs (i, i + d_rope/2) instead of (2i, 2i + 1) */
} graft_rope;
graft_status graft_op_rope(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                           const graft_rope *rope);

/* Causal attention over the pass's forest of spans: out [n_tok, n_head * d_head].
 * With a cache (decoding; the tape must not record) k and v of the pass are first copied to the
 * key rows of their spans and keys are read from the cache. */
typedef struct graft_key_cache {
    graft_real *k, *v; /* [n_rows, n_kv * d_head] */
} graft_key_cache;
typedef struct graft_attention_shape {
    size_t n_head, n_kv, d_head;
    graft_real scale;
} graft_attention_shape;
graft_status graft_op_attention(graft_tape *tape, graft_tensor **out, graft_tensor *q,
                                graft_tensor *k, graft_tensor *v, const graft_pass *pass,
                                const graft_attention_shape *shape, const graft_key_cache *cache);

/* out = silu(gate) * up (Shazeer 2020). */
graft_status graft_op_swiglu(graft_tape *tape, graft_tensor **out, graft_tensor *gate,
                             graft_tensor *up);

/* out = a + b, the step of a residual stream. *out takes b's storage, and in backward a, b and
 * out share one gradient buffer. Therefore: b must not be read by anything else, and nothing
 * recorded between the making of b and this call may read a. */
graft_status graft_op_add(graft_tape *tape, graft_tensor **out, graft_tensor *a, graft_tensor *b);

/* out[i] = x[rows[i]]; rows may repeat. */
graft_status graft_op_gather(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const uint32_t *rows, size_t n_rows);

/* The output head and the cross-entropy in one: for prediction i, row i of x gives logits
 * x[i] W^T and contributes weight_i / total_weight * -log p(target_i) to *loss
 * (added, in order). Logits are made in chunks of GRAFT_HEAD_CHUNK rows and not kept; the gradient
 * of x is computed along with them. logprobs, if not NULL, gets log p(target_i). Predictions are
 * borrowed only for the call. If the loss is not finite it says so through *loss. */
#define GRAFT_HEAD_CHUNK 128
graft_status graft_op_head_loss(graft_tape *tape, double *loss, float *logprobs, graft_tensor *x,
                                const graft_weight *w, const graft_prediction *predictions,
                                double total_weight);

#endif
