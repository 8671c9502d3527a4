/* kernels/vector/norm_tmpl.h - RMSNorm, sums in double; and rounding. Included once by a level's norm.c. */

#include "kernels/kernels.h"

static void to_act(graft_act *out, size_t ldy, const float *x, size_t ldx, size_t n_rows,
                   size_t n)
{
    act *y = out;
    size_t whole = n / VEC_N * VEC_N;
    for (size_t row = 0; row < n_rows; row++, y += ldy, x += ldx) {
        for (size_t i = 0; i < whole; i += VEC_N) {
            act_store(y + i, vec_load(x + i));
        }
        act_store_part(y + whole, vec_load_part(x + whole, n - whole), n - whole);
    }
}

static void rmsnorm(graft_act *out, size_t ldy, float *inv_rms, const float *x, size_t ldx,
                    const float *g, float eps, size_t n_rows, size_t n)
{
    act *y = out;
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, y += ldy, x += ldx) {
        vec_wide sum = vec_wide_zero();
        for (size_t i = 0; i < whole; i += VEC_N) {
            sum = vec_wide_fma(sum, vec_load(x + i), vec_load(x + i));
        }
        vec tail = vec_load_part(x + whole, rest);
        sum = vec_wide_fma(sum, tail, tail);
        float inverse = 1.0f / sqrtf((float)(vec_wide_sum(sum) / (double)n) + eps);
        inv_rms[row] = inverse;
        vec scale = vec_set(inverse);
        for (size_t i = 0; i < whole; i += VEC_N) {
            act_store(y + i, vec_mul(vec_mul(vec_load(x + i), scale), vec_load(g + i)));
        }
        act_store_part(y + whole, vec_mul(vec_mul(tail, scale), vec_load_part(g + whole, rest)),
                       rest);
    }
}

/* inverse (dy g - x along) */
VEC_INLINE vec norm_gradient(vec dy, vec g, vec x, vec inverse, vec along)
{
    return vec_mul(inverse, vec_sub(vec_mul(dy, g), vec_mul(x, along)));
}

static void rmsnorm_backward(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x,
                             size_t ldx, const float *inv_rms, const float *g, size_t n_rows,
                             size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, dx += lddx, dy += lddy, x += ldx) {
        vec_wide sum = vec_wide_zero();
        for (size_t i = 0; i < whole; i += VEC_N) {
            sum = vec_wide_fma(sum, vec_mul(vec_load(dy + i), vec_load(g + i)), vec_load(x + i));
        }
        vec dy_tail = vec_load_part(dy + whole, rest), x_tail = vec_load_part(x + whole, rest);
        vec g_tail = vec_load_part(g + whole, rest);
        sum = vec_wide_fma(sum, vec_mul(dy_tail, g_tail), x_tail);
        vec inverse = vec_set(inv_rms[row]);
        vec along = vec_set((float)(vec_wide_sum(sum) / (double)n) * inv_rms[row] * inv_rms[row]);
        for (size_t i = 0; i < whole; i += VEC_N) {
            vec d = norm_gradient(vec_load(dy + i), vec_load(g + i), vec_load(x + i), inverse,
                                  along);
            vec_store(dx + i, vec_add(vec_load(dx + i), d));
        }
        vec d = norm_gradient(dy_tail, g_tail, x_tail, inverse, along);
        vec_store_part(dx + whole, vec_add(vec_load_part(dx + whole, rest), d), rest);
    }
}
