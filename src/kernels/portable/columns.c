#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

ACT_INLINE void columns(bool half, graft_act *y, size_t ldy, const graft_act *z, size_t ldz,
                        const graft_real *a, const graft_real *b, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = 0; i < n; i++) {
            graft_real add = b == NULL ? GRAFT_REAL(0.0) : b[i];
            act_put(y, row * ldy + i, a[i] * act_get(z, row * ldz + i, half) + add, half);
        }
    }
}

void graft_portable_columns(graft_act *y, size_t ldy, const graft_act *z, size_t ldz,
                            const graft_real *a, const graft_real *b, size_t n_rows, size_t n)
{
    columns(false, y, ldy, z, ldz, a, b, n_rows, n);
}

void graft_portable_columns_half(graft_act *y, size_t ldy, const graft_act *z, size_t ldz,
                                 const graft_real *a, const graft_real *b, size_t n_rows,
                                 size_t n)
{
    columns(true, y, ldy, z, ldz, a, b, n_rows, n);
}

ACT_INLINE void columns_add(bool half, graft_real *out, size_t ldo, const graft_real *residual,
                            size_t ldr, const graft_act *z, size_t ldz, const graft_real *a,
                            const graft_real *b, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++, out += ldo) {
        for (size_t i = 0; i < n; i++) {
            graft_real add = b == NULL ? GRAFT_REAL(0.0) : b[i];
            add += a[i] * act_get(z, row * ldz + i, half);
            out[i] = residual == NULL ? add : residual[row * ldr + i] + add;
        }
    }
}

void graft_portable_columns_add(graft_real *out, size_t ldo, const graft_real *residual,
                                size_t ldr, const graft_act *z, size_t ldz, const graft_real *a,
                                const graft_real *b, size_t n_rows, size_t n)
{
    columns_add(false, out, ldo, residual, ldr, z, ldz, a, b, n_rows, n);
}

void graft_portable_columns_add_half(graft_real *out, size_t ldo, const graft_real *residual,
                                     size_t ldr, const graft_act *z, size_t ldz,
                                     const graft_real *a, const graft_real *b, size_t n_rows,
                                     size_t n)
{
    columns_add(true, out, ldo, residual, ldr, z, ldz, a, b, n_rows, n);
}

ACT_INLINE void columns_backward(bool half, graft_real *sums, graft_act *dy, size_t lddy,
                                 const graft_act *z, size_t ldz, const graft_real *a,
                                 size_t n_rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sums[i] = 0;
    }
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = 0; i < n; i++) {
            graft_real d = act_get(dy, row * lddy + i, half);
            sums[i] += d * act_get(z, row * ldz + i, half);
            act_put(dy, row * lddy + i, a[i] * d, half);
        }
    }
}

void graft_portable_columns_backward(graft_real *sums, graft_act *dy, size_t lddy,
                                     const graft_act *z, size_t ldz, const graft_real *a,
                                     size_t n_rows, size_t n)
{
    columns_backward(false, sums, dy, lddy, z, ldz, a, n_rows, n);
}

void graft_portable_columns_backward_half(graft_real *sums, graft_act *dy, size_t lddy,
                                          const graft_act *z, size_t ldz, const graft_real *a,
                                          size_t n_rows, size_t n)
{
    columns_backward(true, sums, dy, lddy, z, ldz, a, n_rows, n);
}

void graft_portable_columns_grad(graft_real *da, const graft_real *sums, size_t lds,
                                 size_t n_sums, const graft_real *w, graft_real scale, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = 0; k < n_sums; k++) {
            sum += (double)sums[k * lds + i];
        }
        da[i] += (graft_real)((double)scale * (double)w[i] * sum);
    }
}
