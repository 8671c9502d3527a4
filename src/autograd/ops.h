/* autograd/ops.h - the differentiable operations, one file each (op_<name>.c).
 *
 * Every op computes *out at once from its inputs and, if the tape records, leaves behind how
 * gradients flow back. Ops describe shapes and what is saved; the arithmetic is in the kernel
 * table. Dimensions as in kernels/kernels.h. All fail only for lack of memory, unless they say more.
 * What a zero leaves out is left out everywhere: a scale of 0 is 1, a cap, a window or an address
 * of 0 is none. */
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
 * and B [n_out, rank]. With magnitudes (Liu et al. 2024, "DoRA") row i of W + scale B A is made as
 * long as magnitude i says. How long it was is a constant to the gradient, as in section 4.3 there,
 * and is measured by whoever changes parameters (adapter/dora.h). */
typedef struct graft_low_rank {
    graft_param a, b;
    graft_real scale;   /* alpha / rank, or alpha / sqrt(rank) */
    graft_real dropout; /* share of the adapter's inputs that is zeroed while training */
    uint32_t site;      /* keeps the dropout masks of different maps apart */
    graft_param magnitude;   /* [n_out, 1]; data NULL: rows are as long as they are */
    graft_real *inv_norm;    /* [n_out]: 1 / the length of the row; 0 where there is none */
    graft_real *factor;      /* [n_out]: magnitude / length */
    const double *w_squares; /* [n_out]: squared lengths of W's own rows */
} graft_low_rank;

/* scale * (factors (x W^T + low-rank part) + bias). */
typedef struct graft_linear {
    const graft_weight *w;
    const graft_low_rank *low_rank; /* NULL: none */
    const graft_real *bias;         /* [n_out], frozen; NULL: none */
    graft_real scale;               /* 0: 1. The same for maps that share what goes in */
} graft_linear;

/* What goes into linear maps. It is made when it is needed, in backward once more, and not kept. */
typedef enum graft_feed_kind {
    GRAFT_FEED_PLAIN, /* activations as they are */
    GRAFT_FEED_NORM,  /* reals x / sqrt(mean(x^2) + eps) * gain per row (Zhang & Sennrich 2019) */
    GRAFT_FEED_GATED, /* gate(x) * up, both activations (Shazeer 2020) */
} graft_feed_kind;
typedef enum graft_gate {
    GRAFT_GATE_SILU, /* x / (1 + e^-x) */
    GRAFT_GATE_GELU, /* its tanh form: x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
} graft_gate;
typedef struct graft_feed {
    graft_feed_kind kind;
    graft_gate gate; /* of a gated feed */
    graft_tensor *x, *up;
    const graft_real *gain; /* [n_cols], frozen */
    graft_real eps;
} graft_feed;

/* outs[i] [n_tok, n_out of map i] = scale (feed W_i^T + s_i (dropout(feed) A_i^T) B_i^T + bias_i),
 * n <= 4 maps that share what goes in. They are activations; or reals if `real`, which records
 * nothing. With a residual (n = 1) *outs = residual + that, reals, and in backward both share one
 * gradient buffer. Keeps the outputs, what the feed reads, and a row of `rank` activations per
 * low-rank part; parts with the same A (rows of one map) are one. Maps with magnitudes also keep
 * what comes out before these, and are without dropout. Where products are made of bytes, rows of next to no
 * gradient do not go back through maps whose feed is no norm (autograd/live_rows.h). */
#define GRAFT_MAX_MAPS 4
graft_status graft_op_linears(graft_tape *tape, graft_tensor **outs, const graft_feed *feed,
                              const graft_linear *maps, size_t n, graft_tensor *residual,
                              bool real);

/* *out [n_tok, n] = residual + y / sqrt(mean(y^2) + eps) * gain per row: the output of a map, normed
 * before it joins the stream (Gemma 2). residual and *out are reals that share one gradient buffer
 * in backward, y activations. Keeps both. */
graft_status graft_op_norm_add(graft_tape *tape, graft_tensor **out, graft_tensor *residual,
                               graft_tensor *y, const graft_real *gain, graft_real eps);

/* out [n_tok, n_in] = scale * rows `ids` of the embedding matrix. No gradient: embeddings are
 * frozen. ids must be < w->n_out (checked when the pass is laid out). */
graft_status graft_op_embedding(graft_tape *tape, graft_tensor **out, const graft_weight *w,
                                const int32_t *ids, size_t n_tok, graft_real scale,
                                bool wants_grad);

/* An RMS norm per head where there is a gain (QK norm), then rotary position embedding (Su et al.
 * 2021) of the first d_rope entries of each head where there are angles. x must not be read
 * afterwards: without a gain, or where nothing is recorded, *out takes its storage; else both are
 * kept. cos_sin is [n_tok, d_rope], pairs cos, sin, and must outlive the tape. */
typedef struct graft_rope {
    const graft_real *cos_sin; /* NULL: no rotation */
    size_t n_head, d_head, d_rope;
    bool halves;               /* pairs (i, i + d_rope/2) instead of (2i, 2i + 1) */
    const graft_real *gain;    /* [d_head], frozen; NULL: no norm */
    graft_real eps;
} graft_rope;
graft_status graft_op_rope(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                           const graft_rope *rope);

/* Causal attention over the pass's forest of spans: out [n_tok, n_head * d_head].
 * With a cache (decoding; the tape must not record) k and v of the pass are first copied to the
 * key rows of their spans and keys are read from the cache. Keeps q, k, v, *out and n_head reals
 * per token. In backward, queries whose gradient is zero are passed over, and the others may be moved to
 * the front of q and *out. GRAFT_E_MODEL for heads wider than GRAFT_MAX_D_HEAD. */
typedef struct graft_key_cache {
    graft_act *k, *v; /* [n_kv][n_rows, d_head]: decoding reads the rows of one head after another */
    size_t n_rows;
} graft_key_cache;
typedef struct graft_attention_shape {
    size_t n_head, n_kv, d_head;
    graft_real scale;
    graft_real softcap; /* scores become cap * tanh(score / cap), after the scale; 0: none */
    size_t window;      /* the query at position p sees keys at positions > p - window; 0: all */
} graft_attention_shape;
graft_status graft_op_attention(graft_tape *tape, graft_tensor **out, graft_tensor *q,
                                graft_tensor *k, graft_tensor *v, const graft_pass *pass,
                                const graft_attention_shape *shape, const graft_key_cache *cache);

/* out[i] = x[rows[i]], of the same kind as x; rows of reals may repeat. */
graft_status graft_op_gather(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const uint32_t *rows, size_t n_rows);

/* From the residual stream to logits: cap * tanh(logit_scale * norm(x) W^T / cap). */
typedef struct graft_head {
    const graft_weight *w;  /* [n_vocab, n_in] */
    const graft_real *gain; /* of the norm before it, [n_in] */
    graft_real eps;
    graft_real logit_scale; /* 0: 1 */
    graft_real softcap;     /* 0: none */
} graft_head;

/* *out [n_rows, n_vocab] = the logits of rows of reals. Records nothing. */
graft_status graft_op_logits(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const graft_head *head);

/* The token with the greatest logit, the first of equals. */
int32_t graft_argmax(const graft_real *logits, size_t n);

/* The head and the cross-entropy in one: for prediction i, row i of x (reals) gives logits and
 * contributes weight_i / total_weight * -log p(target_i) to *loss (added, in order). Logits are
 * made in chunks of GRAFT_HEAD_CHUNK rows and not kept; the gradient of x is computed along with
 * them. logprobs, if not NULL, gets log p(target_i); best, if not NULL, the most probable tokens.
 * Predictions are borrowed only for the call. If the loss is not finite it says so through *loss.
 *
 * Each chunk unpacks the head twice, whatever its rows; but their logits take 4 bytes each. */
#define GRAFT_HEAD_CHUNK 384
graft_status graft_op_head_loss(graft_tape *tape, double *loss, float *logprobs, int32_t *best,
                                graft_tensor *x, const graft_head *head,
                                const graft_prediction *predictions, double total_weight);

#endif
