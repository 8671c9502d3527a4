/* kernels/kernels.h - arithmetic on raw pointers: the table of kernels and how to get one.
 *
 * Dimension alphabet, used in every room:
 *   n_tok   rows of a pass (tokens)          n_in, n_out  width of a linear map
 *   n_head  query heads                      n_kv         key/value heads (divides n_head)
 *   d_head  width of one head                rank         of an adapter
 *   n_vocab entries of the vocabulary        d<name>      the gradient of <name>
 * Matrices are row-major; `ld*` is the distance between rows in elements, >= the width.
 *
 * Numbers are of two kinds. The residual stream, adapters, their gradients, logits and statistics
 * are graft_real. What flows between linear maps - activations and their gradients, written
 * graft_act below - is graft_real where `compute` is f32 and bfloat16 where it is bf16
 * (graft_kernels.half). Sums are formed in single precision in both cases. Weights are rounded to
 * bfloat16 with them, but for AVX2, which multiplies in single precision.
 *
 * A kernel is a pure function over a range of rows: no allocation, no error, no threads. The
 * table is filled with portable C; each instruction set that CPU and system offer overlays what
 * it makes faster (dispatch.c). Results may differ between levels in the last bits, never
 * within a level: not with the number of threads, nor with how rows are grouped into calls
 * unless a slot says so. */
#ifndef GRAFT_KERNELS_KERNELS_H
#define GRAFT_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "core/real.h"
#include "core/status.h"
#include "quant/format.h"

/* A frozen or dense matrix W[n_out, n_in] as it lies in memory: rows of blocks. */
typedef struct graft_weight {
    const void *data;
    const graft_format *format; /* NULL: rows of graft_real (adapters, dense operands) */
    size_t n_out, n_in;
    size_t row_bytes;           /* distance between rows */
} graft_weight;

/* A dense row-major matrix of graft_real seen as a weight. */
graft_weight graft_weight_dense(const graft_real *data, size_t n_out, size_t n_in);

/* Elements are graft_real, or uint16_t holding bfloat16 where graft_kernels.half is set. */
typedef void graft_act;

/* Where the keys of a query lie. Attention runs over a forest of spans: a query attends to the
 * keys of its own span up to itself and to all keys of every ancestor span. In training keys and
 * queries are the same rows; in decoding the keys of a span include what is cached. */
typedef struct graft_span {
    uint32_t query_begin, n_query; /* rows of q (and of the output); n_query may be 0 */
    uint32_t key_begin, n_key;     /* rows of k and v; the last n_query keys are the queries' own */
    int32_t parent;                /* index of the parent span, smaller than this one's; -1: none */
    uint32_t depth;                /* keys in all ancestors together: position of the first key */
} graft_span;

/* q [n_query rows, n_head * d_head], k and v [n_kv][n_key rows, d_head]; query head h uses key/value head
 * h / (n_head / n_kv). */
typedef struct graft_attention {
    const graft_span *spans;
    size_t n_spans;
    size_t n_head, n_kv, d_head;
    graft_real scale;              /* usually 1 / sqrt(d_head) */
    const graft_act *q, *k, *v;
    size_t ldq, ldk, ldv;
    size_t kv_step; /* numbers from a head to the next in k and v: d_head where heads stand side by side */
    graft_real softcap; /* scores become cap * tanh(score / cap), after the scale; 0: none */
    size_t window;      /* the query at position p sees keys at positions > p - window; 0: all */
    /* Gradients may leave out keys at which every query of a call puts less than this share of what it
     * would put everywhere if it looked at all keys alike; 0: none is left out. */
    graft_real faint;
    /* Gradients of some queries of each span, which stand close together (rows of q, of the output and of
     * what is kept for them): how many keys each of them sees, more than the one before it in its span.
     * NULL: all queries are there, and each sees one more. */
    const uint32_t *seen;
} graft_attention;

/* Widest head. Any width up to it works; multiples of 16 (of 8 at level avx2) are fast. */
#define GRAFT_MAX_D_HEAD 1024

/* Query rows and key rows handled by one job of the attention kernels. */
#define GRAFT_ATTENTION_ROWS 64

struct graft_bytes; /* kernels/bytes.h */

/* Sizes of the integers of products of bytes (kernels/bytes.h). */
typedef struct graft_byte_limits {
    int x, w;   /* largest magnitudes in activations and in weights */
    int raised; /* what is added to those of weights, which are stored as unsigned ones */
} graft_byte_limits;

typedef struct graft_kernels {
    graft_cpu_level level;
    bool half;        /* activations are bfloat16 */
    size_t act_bytes; /* of one activation */
    bool bytes;       /* products with frozen weights are made of 8-bit integers (kernels/bytes.h) */
    graft_byte_limits byte_limits;

    /* --- linear maps: see kernels/product.h for the drivers that call these --- */

    /* row[0..n) of a weight to graft_real. */
    void (*decode_row)(const graft_weight *w, size_t row, graft_real *out);

    /* --- rows --- */

    /* y = x as activations, n_rows of width n. */
    void (*to_act)(graft_act *y, size_t ldy, const graft_real *x, size_t ldx, size_t n_rows,
                   size_t n);

    /* x as bytes (kernels/bytes.h). */
    void (*to_bytes)(const struct graft_bytes *out, const graft_act *x, size_t ldx, size_t n_rows,
                     size_t n, bool backward);

    /* y[i] = x[i] * g[i] / sqrt(mean(x^2) + eps) for n_rows rows of width n; inv_rms[row] is kept
     * for backward. */
    void (*rmsnorm)(graft_act *y, size_t ldy, graft_real *inv_rms, const graft_real *x, size_t ldx,
                    const graft_real *g, graft_real eps, size_t n_rows, size_t n);
    /* dx += d(rmsnorm)/dx applied to dy. */
    void (*rmsnorm_backward)(graft_real *dx, size_t lddx, const graft_real *dy, size_t lddy,
                             const graft_real *x, size_t ldx, const graft_real *inv_rms,
                             const graft_real *g, size_t n_rows, size_t n);

    /* The norm of each head by itself, over activations: y = x * g / sqrt(mean(x^2) + eps) for
     * n_head heads of width d_head a row, g [d_head]. y may be x. */
    void (*head_norm)(graft_act *y, size_t ldy, const graft_act *x, size_t ldx,
                      const graft_real *g, graft_real eps, size_t n_rows, size_t n_head,
                      size_t d_head);
    /* dy becomes the gradient of x. */
    void (*head_norm_backward)(graft_act *dy, size_t lddy, const graft_act *x, size_t ldx,
                               const graft_real *g, graft_real eps, size_t n_rows, size_t n_head,
                               size_t d_head);

    /* out[i] = residual[i] + y[i] * g[i] / sqrt(mean(y^2) + eps) for n_rows rows of width n. out
     * may be residual. */
    void (*norm_add)(graft_real *out, size_t ldo, const graft_real *residual, size_t ldr,
                     const graft_act *y, size_t ldy, const graft_real *g, graft_real eps,
                     size_t n_rows, size_t n);

    /* Rotates, in place, neighbouring pairs (2i, 2i+1) of the first d_rope entries of each head:
     * the convention of GGUF files of arch llama. cos_sin holds for each row d_rope entries
     * cos(0), sin(0), cos(1), ...; sign = -1 applies the inverse (backward). */
    void (*rope_pairs)(graft_act *x, size_t ldx, const graft_real *cos_sin, size_t n_rows,
                       size_t n_head, size_t d_head, size_t d_rope, graft_real sign);
    /* The same on halves (i, i + d_rope/2): the convention of arch qwen2 and others. */
    void (*rope_halves)(graft_act *x, size_t ldx, const graft_real *cos_sin, size_t n_rows,
                        size_t n_head, size_t d_head, size_t d_rope, graft_real sign);

    /* y = silu(gate) * up; rows of width n, all ld apart. y may alias gate or up. */
    void (*swiglu)(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                   size_t n_rows, size_t n);
    /* From dy: gate and up are replaced by their gradients, dy by y, so that nothing else has to
     * be kept. */
    void (*swiglu_backward)(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                            size_t n_rows, size_t n);

    /* The same two with gelu(gate) in its tanh form instead of silu(gate). */
    void (*geglu)(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                  size_t n_rows, size_t n);
    void (*geglu_backward)(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                           size_t n_rows, size_t n);

    /* --- columns: a map whose rows are multiplied by factors multiplies what it gives by them --- */

    /* y[i] = a[i] * z[i] + b[i] for n_rows rows of width n; b NULL: nothing. y may be z. */
    void (*columns)(graft_act *y, size_t ldy, const graft_act *z, size_t ldz, const graft_real *a,
                    const graft_real *b, size_t n_rows, size_t n);
    /* out[i] = residual[i] + a[i] * z[i] + b[i]; residual NULL: nothing. out may be residual. */
    void (*columns_add)(graft_real *out, size_t ldo, const graft_real *residual, size_t ldr,
                        const graft_act *z, size_t ldz, const graft_real *a, const graft_real *b,
                        size_t n_rows, size_t n);
    /* sums[i] = sum of dy[i] * z[i] over the rows, in order; dy[i] becomes a[i] * dy[i], the
     * gradient of z. */
    void (*columns_backward)(graft_real *sums, graft_act *dy, size_t lddy, const graft_act *z,
                             size_t ldz, const graft_real *a, size_t n_rows, size_t n);
    /* da[i] += scale * w[i] * (sums[i] + sums[lds + i] + ...), n_sums of them, in order. */
    void (*columns_grad)(graft_real *da, const graft_real *sums, size_t lds, size_t n_sums,
                         const graft_real *w, graft_real scale, size_t n);

    /* y[i] += a * x[i] */
    void (*axpy)(graft_real *y, const graft_real *x, graft_real a, size_t n);
    /* x[i] *= a */
    void (*scale)(graft_real *x, graft_real a, size_t n);
    /* x[i] = cap * tanh(x[i] / cap) */
    void (*softcap)(graft_real *x, graft_real cap, size_t n);

    /* --- attention: one span, query rows [begin, end) of it, one head or several of one row ---
     *
     * begin and end count from the span's first query; every matrix is indexed by the row of q (or
     * of k and v) in the whole pass. At most GRAFT_ATTENTION_ROWS rows a call. scratch:
     * graft_attention_scratch() reals, aligned to 64 bytes. Forward bits depend neither on how
     * rows and heads are grouped into calls nor on how the keys of a row are spread over spans. */

    /* out rows for heads h in [head, head + n_heads), which share keys; stats[row * n_head + h] =
     * log-sum-exp of the scores, scaled and capped, kept for backward. More than one head, at most
     * GRAFT_ATTENTION_ROWS, only of a single row (end = begin + 1): decoding reads keys once for all
     * of them. Blocks of keys that no query of the call sees are passed over. */
    void (*attention)(const graft_attention *a, size_t span, size_t begin, size_t end, size_t head,
                      size_t n_heads, graft_act *out, size_t ldo, graft_real *stats,
                      graft_real *scratch);
    /* From out and dout of these rows: dq of the rows and head h is written; dk and dv of all keys
     * that they see are added to, at columns [0, d_head) of their rows. Only for training layouts
     * (key_begin == query_begin, n_key == n_query). */
    void (*attention_backward)(const graft_attention *a, size_t span, size_t begin, size_t end,
                               size_t head, const graft_act *out, const graft_act *dout,
                               size_t ldo, const graft_real *stats, graft_act *dq, size_t lddq,
                               graft_real *dk, size_t lddk, graft_real *dv, size_t lddv,
                               graft_real *scratch);

    /* --- loss --- */

    /* log(sum(exp(logits))) of one row of width n >= 1; NaN if a logit is NaN or +infinity. */
    double (*log_sum_exp)(const graft_real *logits, size_t n);
    /* out[i] = weight * (exp(logits[i] - lse) - [i == target]): the gradient; with softcap > 0
     * that of the logits before they were capped, times 1 - (logits[i] / softcap)^2. out may be
     * logits: narrower elements then fill the front of the row. */
    void (*softmax_gradient)(graft_act *out, const graft_real *logits, size_t n, graft_real lse,
                             size_t target, graft_real weight, graft_real softcap);

    /* --- optimiser: element ranges --- */

    double (*sum_squares)(const graft_real *x, size_t n);
    /* AdamW (Loshchilov & Hutter 2019), bias correction folded by the caller into step_size and
     * sqrt_correction = sqrt(1 - beta2^t): m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
     * p = p * decay - step_size * m / (sqrt(v) / sqrt_correction + eps), g scaled by grad_scale. */
    void (*adamw)(graft_real *p, graft_real *m, graft_real *v, const graft_real *g, size_t n,
                  graft_real grad_scale, graft_real beta1, graft_real beta2, graft_real eps,
                  graft_real decay, graft_real step_size, graft_real sqrt_correction);

    /* --- micro-kernels of the packed product (private to kernels/product.c) --- */
    const struct graft_gemm *gemm;
    const struct graft_gemm *gemm_bytes; /* of products some of whose terms are bytes */
} graft_kernels;

/* Distance between rows of activations n wide, in elements. In bfloat16 an odd width is followed
 * by one more element, which must be zero, because products walk pairs; and rows do not fall
 * on the same lines of the first cache. */
size_t graft_act_ld(const graft_kernels *kernels, size_t n);

/* Fills the table for a level; GRAFT_E_CONFIG if the CPU lacks it. half: activations in bfloat16;
 * any level can (portable and blas slowly). */
graft_status graft_kernels_init(graft_kernels *out, graft_cpu_level level, bool half);
/* True if the level has kernels of its own for activations in bfloat16. */
bool graft_kernels_know_half(graft_cpu_level level);
/* True if training is faster with activations in bfloat16, or as fast in less memory. */
bool graft_kernels_prefer_half(graft_cpu_level level);
/* True if the level has products of 8-bit integers of its own, which are faster than what it
 * prefers otherwise. */
bool graft_kernels_prefer_bytes(graft_cpu_level level);

/* Reals of scratch that one attention job needs, whatever the number of its keys. */
size_t graft_attention_scratch(size_t d_head);

#endif
