/* kernels/vector/columns_tmpl.h - columns of activations times factors, and back. Included once by a
 * level's columns.c. */

#include "kernels/kernels.h"

/* a z + b of what stands at column i; n < VEC_N: of so many. */
VEC_INLINE vec column_at(const act *z, const float *a, const float *b, size_t i, size_t n)
{
    if (n < VEC_N) {
        vec add = b == NULL ? vec_zero() : vec_load_part(b + i, n);
        return vec_fma(vec_load_part(a + i, n), act_load_part(z + i, n), add);
    }
    return vec_fma(vec_load(a + i), act_load(z + i), b == NULL ? vec_zero() : vec_load(b + i));
}

static void columns(graft_act *y_act, size_t ldy, const graft_act *z_act, size_t ldz,
                    const float *a, const float *b, size_t n_rows, size_t n)
{
    act *y = y_act;
    const act *z = z_act;
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, y += ldy, z += ldz) {
        for (size_t i = 0; i < whole; i += VEC_N) {
            act_store(y + i, column_at(z, a, b, i, VEC_N));
        }
        act_store_part(y + whole, column_at(z, a, b, whole, rest), rest);
    }
}

static void columns_add(float *out, size_t ldo, const float *residual, size_t ldr,
                        const graft_act *z_act, size_t ldz, const float *a, const float *b,
                        size_t n_rows, size_t n)
{
    const act *z = z_act;
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, out += ldo, z += ldz) {
        const float *from = residual == NULL ? NULL : residual + row * ldr;
        for (size_t i = 0; i < whole; i += VEC_N) {
            vec add = from == NULL ? vec_zero() : vec_load(from + i);
            vec_store(out + i, vec_add(add, column_at(z, a, b, i, VEC_N)));
        }
        vec add = from == NULL ? vec_zero() : vec_load_part(from + whole, rest);
        vec_store_part(out + whole, vec_add(add, column_at(z, a, b, whole, rest)), rest);
    }
}

static void columns_backward(float *sums, graft_act *dy_act, size_t lddy, const graft_act *z_act,
                             size_t ldz, const float *a, size_t n_rows, size_t n)
{
    act *dy = dy_act;
    const act *z = z_act;
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t i = 0; i < n; i++) {
        sums[i] = 0;
    }
    for (size_t row = 0; row < n_rows; row++, dy += lddy, z += ldz) {
        for (size_t i = 0; i < whole; i += VEC_N) {
            vec d = act_load(dy + i);
            vec_store(sums + i, vec_fma(d, act_load(z + i), vec_load(sums + i)));
            act_store(dy + i, vec_mul(vec_load(a + i), d));
        }
        vec d = act_load_part(dy + whole, rest), at = vec_load_part(sums + whole, rest);
        vec_store_part(sums + whole, vec_fma(d, act_load_part(z + whole, rest), at), rest);
        act_store_part(dy + whole, vec_mul(vec_load_part(a + whole, rest), d), rest);
    }
}
