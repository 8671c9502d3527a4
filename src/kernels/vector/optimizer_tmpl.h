/* kernels/vector/optimizer_tmpl.h - element ranges. Included once by a level's optimizer.c. */

#include "kernels/kernels.h"

static void axpy(float *y, const float *x, float a, size_t n)
{
    size_t i = 0;
    vec factor = vec_set(a);
    for (; i + VEC_N <= n; i += VEC_N) {
        vec_store(y + i, vec_fma(factor, vec_load(x + i), vec_load(y + i)));
    }
    vec last = vec_fma(factor, vec_load_part(x + i, n - i), vec_load_part(y + i, n - i));
    vec_store_part(y + i, last, n - i);
}

static double sum_squares(const float *x, size_t n)
{
    size_t i = 0;
    vec_wide sum = vec_wide_zero();
    for (; i + VEC_N <= n; i += VEC_N) {
        sum = vec_wide_fma(sum, vec_load(x + i), vec_load(x + i));
    }
    vec tail = vec_load_part(x + i, n - i);
    return vec_wide_sum(vec_wide_fma(sum, tail, tail));
}

typedef struct adamw_factors {
    vec grad_scale, beta1, beta2, one_minus1, one_minus2, eps, decay, step, correction;
} adamw_factors;

VEC_INLINE void adamw_one(const adamw_factors *f, vec *p, vec *m, vec *v, vec g)
{
    g = vec_mul(g, f->grad_scale);
    *m = vec_fma(f->beta1, *m, vec_mul(f->one_minus1, g));
    *v = vec_fma(f->beta2, *v, vec_mul(vec_mul(f->one_minus2, g), g));
    vec root = vec_add(vec_div(vec_sqrt(*v), f->correction), f->eps);
    vec change = vec_div(vec_mul(f->step, *m), root);
    *p = vec_sub(vec_mul(*p, f->decay), change);
}

static void adamw(float *p, float *m, float *v, const float *g, size_t n, float grad_scale,
                  float beta1, float beta2, float eps, float decay, float step_size,
                  float sqrt_correction)
{
    const adamw_factors f = {vec_set(grad_scale),   vec_set(beta1), vec_set(beta2),
                             vec_set(1.0f - beta1), vec_set(1.0f - beta2), vec_set(eps),
                             vec_set(decay),        vec_set(step_size), vec_set(sqrt_correction)};
    size_t i = 0;
    for (; i + VEC_N <= n; i += VEC_N) {
        vec p1 = vec_load(p + i), m1 = vec_load(m + i), v1 = vec_load(v + i);
        adamw_one(&f, &p1, &m1, &v1, vec_load(g + i));
        vec_store(p + i, p1);
        vec_store(m + i, m1);
        vec_store(v + i, v1);
    }
    size_t rest = n - i;
    vec p1 = vec_load_part(p + i, rest), m1 = vec_load_part(m + i, rest);
    vec v1 = vec_load_part(v + i, rest);
    adamw_one(&f, &p1, &m1, &v1, vec_load_part(g + i, rest));
    vec_store_part(p + i, p1, rest);
    vec_store_part(m + i, m1, rest);
    vec_store_part(v + i, v1, rest);
}
