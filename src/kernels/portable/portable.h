/* kernels/portable/portable.h - the complete set of kernels in plain C; kernels.h says what each
 * one does. Computes in graft_real; the ones named _half have activations in bfloat16. */
#ifndef GRAFT_KERNELS_PORTABLE_H
#define GRAFT_KERNELS_PORTABLE_H

#include "kernels/gemm.h"

extern const struct graft_gemm graft_portable_gemm, graft_portable_gemm_half;
extern const struct graft_gemm graft_portable_gemm_bytes, graft_portable_gemm_half_bytes;

void graft_portable_decode_row(const graft_weight *w, size_t row, graft_real *out);

void graft_portable_to_act(graft_act *y, size_t ldy, const graft_real *x, size_t ldx,
                           size_t n_rows, size_t n);
void graft_portable_to_act_half(graft_act *y, size_t ldy, const graft_real *x, size_t ldx,
                                size_t n_rows, size_t n);
void graft_portable_to_bytes(const graft_bytes *out, const graft_act *x, size_t ldx, size_t n_rows,
                             size_t n, bool backward);
void graft_portable_to_bytes_half(const graft_bytes *out, const graft_act *x, size_t ldx,
                                  size_t n_rows, size_t n, bool backward);
/* A group of numbers of a panel, step apart, n of them there, becomes what it is as bytes. */
void graft_portable_round_group(graft_real *x, size_t n, size_t step, int most, bool backward);
void graft_portable_rmsnorm(graft_act *y, size_t ldy, graft_real *inv_rms, const graft_real *x,
                            size_t ldx, const graft_real *g, graft_real eps, size_t n_rows,
                            size_t n);
void graft_portable_rmsnorm_half(graft_act *y, size_t ldy, graft_real *inv_rms,
                                 const graft_real *x, size_t ldx, const graft_real *g,
                                 graft_real eps, size_t n_rows, size_t n);
void graft_portable_rmsnorm_backward(graft_real *dx, size_t lddx, const graft_real *dy,
                                     size_t lddy, const graft_real *x, size_t ldx,
                                     const graft_real *inv_rms, const graft_real *g,
                                     size_t n_rows, size_t n);
void graft_portable_head_norm(graft_act *y, size_t ldy, const graft_act *x, size_t ldx,
                              const graft_real *g, graft_real eps, size_t n_rows, size_t n_head,
                              size_t d_head);
void graft_portable_head_norm_half(graft_act *y, size_t ldy, const graft_act *x, size_t ldx,
                                   const graft_real *g, graft_real eps, size_t n_rows,
                                   size_t n_head, size_t d_head);
void graft_portable_head_norm_backward(graft_act *dy, size_t lddy, const graft_act *x, size_t ldx,
                                       const graft_real *g, graft_real eps, size_t n_rows,
                                       size_t n_head, size_t d_head);
void graft_portable_head_norm_backward_half(graft_act *dy, size_t lddy, const graft_act *x,
                                            size_t ldx, const graft_real *g, graft_real eps,
                                            size_t n_rows, size_t n_head, size_t d_head);
void graft_portable_norm_add(graft_real *out, size_t ldo, const graft_real *residual, size_t ldr,
                             const graft_act *y, size_t ldy, const graft_real *g, graft_real eps,
                             size_t n_rows, size_t n);
void graft_portable_norm_add_half(graft_real *out, size_t ldo, const graft_real *residual,
                                  size_t ldr, const graft_act *y, size_t ldy, const graft_real *g,
                                  graft_real eps, size_t n_rows, size_t n);
void graft_portable_columns(graft_act *y, size_t ldy, const graft_act *z, size_t ldz,
                            const graft_real *a, const graft_real *b, size_t n_rows, size_t n);
void graft_portable_columns_half(graft_act *y, size_t ldy, const graft_act *z, size_t ldz,
                                 const graft_real *a, const graft_real *b, size_t n_rows,
                                 size_t n);
void graft_portable_columns_add(graft_real *out, size_t ldo, const graft_real *residual,
                                size_t ldr, const graft_act *z, size_t ldz, const graft_real *a,
                                const graft_real *b, size_t n_rows, size_t n);
void graft_portable_columns_add_half(graft_real *out, size_t ldo, const graft_real *residual,
                                     size_t ldr, const graft_act *z, size_t ldz,
                                     const graft_real *a, const graft_real *b, size_t n_rows,
                                     size_t n);
void graft_portable_columns_backward(graft_real *sums, graft_act *dy, size_t lddy,
                                     const graft_act *z, size_t ldz, const graft_real *a,
                                     size_t n_rows, size_t n);
void graft_portable_columns_backward_half(graft_real *sums, graft_act *dy, size_t lddy,
                                          const graft_act *z, size_t ldz, const graft_real *a,
                                          size_t n_rows, size_t n);
void graft_portable_columns_grad(graft_real *da, const graft_real *sums, size_t lds,
                                 size_t n_sums, const graft_real *w, graft_real scale, size_t n);
void graft_portable_rope_pairs(graft_act *x, size_t ldx, const graft_real *cos_sin,
                               size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                               graft_real sign);
void graft_portable_rope_pairs_half(graft_act *x, size_t ldx, const graft_real *cos_sin,
                                    size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                    graft_real sign);
void graft_portable_rope_halves(graft_act *x, size_t ldx, const graft_real *cos_sin,
                                size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                graft_real sign);
void graft_portable_rope_halves_half(graft_act *x, size_t ldx, const graft_real *cos_sin,
                                     size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                     graft_real sign);
void graft_portable_swiglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                           size_t n_rows, size_t n);
void graft_portable_swiglu_half(graft_act *y, const graft_act *gate, const graft_act *up,
                                size_t ld, size_t n_rows, size_t n);
void graft_portable_swiglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                    size_t n_rows, size_t n);
void graft_portable_swiglu_backward_half(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                         size_t n_rows, size_t n);
void graft_portable_geglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                          size_t n_rows, size_t n);
void graft_portable_geglu_half(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                               size_t n_rows, size_t n);
void graft_portable_geglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                   size_t n_rows, size_t n);
void graft_portable_geglu_backward_half(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                        size_t n_rows, size_t n);
void graft_portable_axpy(graft_real *y, const graft_real *x, graft_real a, size_t n);
void graft_portable_scale(graft_real *x, graft_real a, size_t n);

void graft_portable_attention(const graft_attention *a, size_t span, size_t begin, size_t end,
                              size_t head, size_t n_heads, graft_act *out, size_t ldo,
                              graft_real *stats, graft_real *scratch);
void graft_portable_attention_half(const graft_attention *a, size_t span, size_t begin, size_t end,
                                   size_t head, size_t n_heads, graft_act *out, size_t ldo,
                                   graft_real *stats, graft_real *scratch);
void graft_portable_attention_backward(const graft_attention *a, size_t span, size_t begin,
                                       size_t end, size_t head, const graft_act *out,
                                       const graft_act *dout, size_t ldo, const graft_real *stats,
                                       graft_act *dq, size_t lddq, graft_real *dk, size_t lddk,
                                       graft_real *dv, size_t lddv, graft_real *scratch);
void graft_portable_attention_backward_half(const graft_attention *a, size_t span, size_t begin,
                                            size_t end, size_t head, const graft_act *out,
                                            const graft_act *dout, size_t ldo,
                                            const graft_real *stats, graft_act *dq, size_t lddq,
                                            graft_real *dk, size_t lddk, graft_real *dv,
                                            size_t lddv, graft_real *scratch);

double graft_portable_log_sum_exp(const graft_real *logits, size_t n);
void graft_portable_softcap(graft_real *x, graft_real cap, size_t n);
void graft_portable_softmax_gradient(graft_act *out, const graft_real *logits, size_t n,
                                     graft_real lse, size_t target, graft_real weight,
                                     graft_real softcap);
void graft_portable_softmax_gradient_half(graft_act *out, const graft_real *logits, size_t n,
                                          graft_real lse, size_t target, graft_real weight,
                                          graft_real softcap);

double graft_portable_sum_squares(const graft_real *x, size_t n);
void graft_portable_adamw(graft_real *p, graft_real *m, graft_real *v, const graft_real *g,
                          size_t n, graft_real grad_scale, graft_real beta1, graft_real beta2,
                          graft_real eps, graft_real decay, graft_real step_size,
                          graft_real sqrt_correction);

#endif
