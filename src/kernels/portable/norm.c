#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

ACT_INLINE void to_act(bool half, graft_act *y, size_t ldy, const graft_real *x, size_t ldx,
                       size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = 0; i < n; i++) {
            act_put(y, row * ldy + i, x[row * ldx + i], half);
        }
    }
}

void graft_portable_to_act(graft_act *y, size_t ldy, const graft_real *x, size_t ldx,
                           size_t n_rows, size_t n)
{
    to_act(false, y, ldy, x, ldx, n_rows, n);
}

void graft_portable_to_act_half(graft_act *y, size_t ldy, const graft_real *x, size_t ldx,
                                size_t n_rows, size_t n)
{
    to_act(true, y, ldy, x, ldx, n_rows, n);
}

ACT_INLINE void rmsnorm(bool half, graft_act *y, size_t ldy, graft_real *inv_rms,
                        const graft_real *x, size_t ldx, const graft_real *g, graft_real eps,
                        size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++, x += ldx) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)x[i] * (double)x[i];
        }
        graft_real inverse = GRAFT_REAL(1.0) / graft_sqrt((graft_real)(sum / (double)n) + eps);
        inv_rms[row] = inverse;
        for (size_t i = 0; i < n; i++) {
            act_put(y, row * ldy + i, x[i] * inverse * g[i], half);
        }
    }
}

void graft_portable_rmsnorm(graft_act *y, size_t ldy, graft_real *inv_rms, const graft_real *x,
                            size_t ldx, const graft_real *g, graft_real eps, size_t n_rows,
                            size_t n)
{
    rmsnorm(false, y, ldy, inv_rms, x, ldx, g, eps, n_rows, n);
}

void graft_portable_rmsnorm_half(graft_act *y, size_t ldy, graft_real *inv_rms,
                                 const graft_real *x, size_t ldx, const graft_real *g,
                                 graft_real eps, size_t n_rows, size_t n)
{
    rmsnorm(true, y, ldy, inv_rms, x, ldx, g, eps, n_rows, n);
}

void graft_portable_rmsnorm_backward(graft_real *dx, size_t lddx, const graft_real *dy,
                                     size_t lddy, const graft_real *x, size_t ldx,
                                     const graft_real *inv_rms, const graft_real *g,
                                     size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++, dx += lddx, dy += lddy, x += ldx) {
        graft_real inverse = inv_rms[row];
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)(dy[i] * g[i]) * (double)x[i];
        }
        graft_real along = (graft_real)(sum / (double)n) * inverse * inverse;
        for (size_t i = 0; i < n; i++) {
            dx[i] += inverse * (dy[i] * g[i] - x[i] * along);
        }
    }
}

/* 1 / sqrt(mean(x^2) + eps) */
ACT_INLINE graft_real inverse_rms(bool half, const graft_act *x, size_t n, graft_real eps)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)act_get(x, i, half) * (double)act_get(x, i, half);
    }
    return GRAFT_REAL(1.0) / graft_sqrt((graft_real)(sum / (double)n) + eps);
}

ACT_INLINE void head_norm(bool half, graft_act *y, size_t ldy, const graft_act *x, size_t ldx,
                          const graft_real *g, graft_real eps, size_t n_rows, size_t n_head,
                          size_t d_head)
{
    for (size_t i = 0; i < n_rows * n_head; i++) {
        size_t row = i / n_head, column = i % n_head * d_head;
        const graft_act *from = act_at(x, row * ldx + column, half);
        graft_act *to = act_to(y, row * ldy + column, half);
        graft_real inverse = inverse_rms(half, from, d_head, eps);
        for (size_t d = 0; d < d_head; d++) {
            act_put(to, d, act_get(from, d, half) * inverse * g[d], half);
        }
    }
}

void graft_portable_head_norm(graft_act *y, size_t ldy, const graft_act *x, size_t ldx,
                              const graft_real *g, graft_real eps, size_t n_rows, size_t n_head,
                              size_t d_head)
{
    head_norm(false, y, ldy, x, ldx, g, eps, n_rows, n_head, d_head);
}

void graft_portable_head_norm_half(graft_act *y, size_t ldy, const graft_act *x, size_t ldx,
                                   const graft_real *g, graft_real eps, size_t n_rows,
                                   size_t n_head, size_t d_head)
{
    head_norm(true, y, ldy, x, ldx, g, eps, n_rows, n_head, d_head);
}

ACT_INLINE void head_norm_backward(bool half, graft_act *dy, size_t lddy, const graft_act *x,
                                   size_t ldx, const graft_real *g, graft_real eps, size_t n_rows,
                                   size_t n_head, size_t d_head)
{
    for (size_t i = 0; i < n_rows * n_head; i++) {
        size_t row = i / n_head, column = i % n_head * d_head;
        const graft_act *from = act_at(x, row * ldx + column, half);
        graft_act *to = act_to(dy, row * lddy + column, half);
        graft_real inverse = inverse_rms(half, from, d_head, eps);
        double sum = 0;
        for (size_t d = 0; d < d_head; d++) {
            sum += (double)(act_get(to, d, half) * g[d]) * (double)act_get(from, d, half);
        }
        graft_real along = (graft_real)(sum / (double)d_head) * inverse * inverse;
        for (size_t d = 0; d < d_head; d++) {
            graft_real radial = act_get(from, d, half) * along;
            act_put(to, d, inverse * (act_get(to, d, half) * g[d] - radial), half);
        }
    }
}

void graft_portable_head_norm_backward(graft_act *dy, size_t lddy, const graft_act *x, size_t ldx,
                                       const graft_real *g, graft_real eps, size_t n_rows,
                                       size_t n_head, size_t d_head)
{
    head_norm_backward(false, dy, lddy, x, ldx, g, eps, n_rows, n_head, d_head);
}

void graft_portable_head_norm_backward_half(graft_act *dy, size_t lddy, const graft_act *x,
                                            size_t ldx, const graft_real *g, graft_real eps,
                                            size_t n_rows, size_t n_head, size_t d_head)
{
    head_norm_backward(true, dy, lddy, x, ldx, g, eps, n_rows, n_head, d_head);
}

ACT_INLINE void norm_add(bool half, graft_real *out, size_t ldo, const graft_real *residual,
                         size_t ldr, const graft_act *y, size_t ldy, const graft_real *g,
                         graft_real eps, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++, out += ldo, residual += ldr) {
        const graft_act *from = act_at(y, row * ldy, half);
        graft_real inverse = inverse_rms(half, from, n, eps);
        for (size_t i = 0; i < n; i++) {
            out[i] = residual[i] + act_get(from, i, half) * inverse * g[i];
        }
    }
}

void graft_portable_norm_add(graft_real *out, size_t ldo, const graft_real *residual, size_t ldr,
                             const graft_act *y, size_t ldy, const graft_real *g, graft_real eps,
                             size_t n_rows, size_t n)
{
    norm_add(false, out, ldo, residual, ldr, y, ldy, g, eps, n_rows, n);
}

void graft_portable_norm_add_half(graft_real *out, size_t ldo, const graft_real *residual,
                                  size_t ldr, const graft_act *y, size_t ldy, const graft_real *g,
                                  graft_real eps, size_t n_rows, size_t n)
{
    norm_add(true, out, ldo, residual, ldr, y, ldy, g, eps, n_rows, n);
}
