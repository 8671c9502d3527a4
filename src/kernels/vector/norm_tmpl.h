/* kernels/vector/norm_tmpl.h - RMSNorm of reals and of activations, sums in double; and rounding.
 * Included once by a level's norm.c. */

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

/* 1 / sqrt(mean(x^2) + eps) */
VEC_INLINE float inverse_rms(const act *x, size_t n, float eps)
{
    size_t whole = n / VEC_N * VEC_N;
    vec_wide sum = vec_wide_zero();
    for (size_t i = 0; i < whole; i += VEC_N) {
        vec v = act_load(x + i);
        sum = vec_wide_fma(sum, v, v);
    }
    vec tail = act_load_part(x + whole, n - whole);
    sum = vec_wide_fma(sum, tail, tail);
    return 1.0f / sqrtf((float)(vec_wide_sum(sum) / (double)n) + eps);
}

static void head_norm(graft_act *y_act, size_t ldy, const graft_act *x_act, size_t ldx,
                      const float *g, float eps, size_t n_rows, size_t n_head, size_t d_head)
{
    size_t whole = d_head / VEC_N * VEC_N, rest = d_head - whole;
    for (size_t i = 0; i < n_rows * n_head; i++) {
        size_t row = i / n_head, column = i % n_head * d_head;
        const act *x = (const act *)x_act + row * ldx + column;
        act *y = (act *)y_act + row * ldy + column;
        vec scale = vec_set(inverse_rms(x, d_head, eps));
        for (size_t d = 0; d < whole; d += VEC_N) {
            act_store(y + d, vec_mul(vec_mul(act_load(x + d), scale), vec_load(g + d)));
        }
        vec tail = vec_mul(act_load_part(x + whole, rest), scale);
        act_store_part(y + whole, vec_mul(tail, vec_load_part(g + whole, rest)), rest);
    }
}

/* One head: dy becomes the gradient of x. */
VEC_INLINE void head_gradient(act *dy, const act *x, const float *g, float eps, size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    float inverse = inverse_rms(x, n, eps);
    vec_wide sum = vec_wide_zero();
    for (size_t d = 0; d < whole; d += VEC_N) {
        sum = vec_wide_fma(sum, vec_mul(act_load(dy + d), vec_load(g + d)), act_load(x + d));
    }
    vec dy_tail = act_load_part(dy + whole, rest), x_tail = act_load_part(x + whole, rest);
    vec g_tail = vec_load_part(g + whole, rest);
    sum = vec_wide_fma(sum, vec_mul(dy_tail, g_tail), x_tail);
    vec scale = vec_set(inverse);
    vec along = vec_set((float)(vec_wide_sum(sum) / (double)n) * inverse * inverse);
    for (size_t d = 0; d < whole; d += VEC_N) {
        act_store(dy + d, norm_gradient(act_load(dy + d), vec_load(g + d), act_load(x + d), scale,
                                        along));
    }
    act_store_part(dy + whole, norm_gradient(dy_tail, g_tail, x_tail, scale, along), rest);
}

static void head_norm_backward(graft_act *dy, size_t lddy, const graft_act *x, size_t ldx,
                               const float *g, float eps, size_t n_rows, size_t n_head,
                               size_t d_head)
{
    for (size_t i = 0; i < n_rows * n_head; i++) {
        size_t row = i / n_head, column = i % n_head * d_head;
        head_gradient((act *)dy + row * lddy + column, (const act *)x + row * ldx + column, g, eps,
                      d_head);
    }
}

static void norm_add(float *out, size_t ldo, const float *residual, size_t ldr,
                     const graft_act *y_act, size_t ldy, const float *g, float eps, size_t n_rows,
                     size_t n)
{
    const act *y = y_act;
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, out += ldo, residual += ldr, y += ldy) {
        vec scale = vec_set(inverse_rms(y, n, eps));
        for (size_t i = 0; i < whole; i += VEC_N) {
            vec normed = vec_mul(act_load(y + i), scale);
            vec_store(out + i, vec_fma(normed, vec_load(g + i), vec_load(residual + i)));
        }
        vec tail = vec_mul(act_load_part(y + whole, rest), scale);
        tail = vec_fma(tail, vec_load_part(g + whole, rest),
                       vec_load_part(residual + whole, rest));
        vec_store_part(out + whole, tail, rest);
    }
}
