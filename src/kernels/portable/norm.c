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
