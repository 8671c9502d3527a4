/* kernels/portable/portable.h - the complete set of kernels in plain C; kernels.h says what each
 * one does. Computes in graft_real. */
#ifndef GRAFT_KERNELS_PORTABLE_H
#define GRAFT_KERNELS_PORTABLE_H

#include "kernels/gemm.h"

extern const struct graft_gemm graft_portable_gemm;

void graft_portable_decode_row(const graft_weight *w, size_t row, graft_real *out);

void graft_portable_rmsnorm(graft_real *y, size_t ldy, graft_real *inv_rms, const graft_real *x,
                            size_t ldx, const graft_real *g, graft_real eps, size_t n_rows,
                            size_t n);
void graft_portable_rmsnorm_backward(graft_real *dx, size_t lddx, const graft_real *dy,
                                     size_t lddy, const graft_real *x, size_t ldx,
                                     const graft_real *inv_rms, const graft_real *g,
                                     size_t n_rows, size_t n);
void graft_portable_rope_pairs(graft_real *x, size_t ldx, const graft_real *cos_sin,
                               size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                               graft_real sign);
void graft_portable_rope_halves(graft_real *x, size_t ldx, const graft_real *cos_sin,
                                size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                graft_real sign);
void graft_portable_swiglu(graft_real *y, const graft_real *gate, const graft_real *up,
                           size_t n_rows, size_t n);
void graft_portable_swiglu_backward(graft_real *dgate, graft_real *dup, const graft_real *dy,
                                    const graft_real *gate, const graft_real *up, size_t n_rows,
                                    size_t n);
void graft_portable_axpy(graft_real *y, const graft_real *x, graft_real a, size_t n);

void graft_portable_attention(const graft_attention *a, size_t span, size_t begin, size_t end,
                              size_t head, graft_real *out, size_t ldo, graft_real *stats,
                              graft_real *scratch);
void graft_portable_attention_backward_q(const graft_attention *a, size_t span, size_t begin,
                                         size_t end, size_t head, const graft_real *dout,
                                         size_t lddo, const graft_real *stats,
                                         const graft_real *delta, graft_real *dq, size_t lddq,
                                         graft_real *scratch);
void graft_portable_attention_backward_kv(const graft_attention *a, size_t span, size_t begin,
                                          size_t end, size_t kv_head, const graft_real *dout,
                                          size_t lddo, const graft_real *stats,
                                          const graft_real *delta, graft_real *dk, size_t lddk,
                                          graft_real *dv, size_t lddv, graft_real *scratch);

double graft_portable_log_sum_exp(const graft_real *logits, size_t n);
void graft_portable_softmax_gradient(graft_real *logits, size_t n, graft_real lse, size_t target,
                                     graft_real weight);

double graft_portable_sum_squares(const graft_real *x, size_t n);
void graft_portable_adamw(graft_real *p, graft_real *m, graft_real *v, const graft_real *g,
                          size_t n, graft_real grad_scale, graft_real beta1, graft_real beta2,
                          graft_real eps, graft_real decay, graft_real step_size,
                          graft_real sqrt_correction);

#endif
