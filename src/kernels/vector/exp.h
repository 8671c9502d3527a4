/* kernels/vector/exp.h - e^x over the whole range: Cody & Waite reduction by ln 2 in two parts, a
 * polynomial of degree 6 on [-ln2/2, ln2/2]. Error below 1.1 ulp where the result is normal; e^0 is
 * 1 and NaN stays NaN. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_EXP_H
#define GRAFT_KERNELS_VECTOR_EXP_H

#define LOG2_E 0x1.715476p+0f

/* e^x = p 2^n with p = 1 + q r. */
typedef struct vec_exp_parts {
    vec p, q, r;
    vec_int n;
} vec_exp_parts;

VEC_INLINE vec_exp_parts vec_exp_reduce(vec x)
{
    vec n = vec_round(vec_mul(x, vec_set(LOG2_E)));
    vec r = vec_fma(n, vec_set(-0x1.62e4p-1f), x);
    r = vec_fma(n, vec_set(-0x1.7f7d1cp-20f), r);
    vec p = vec_set(0x1.6d43b4p-10f);
    p = vec_fma(p, r, vec_set(0x1.120be8p-7f));
    p = vec_fma(p, r, vec_set(0x1.5554e8p-5f));
    p = vec_fma(p, r, vec_set(0x1.5554dcp-3f));
    p = vec_fma(p, r, vec_set(0.5f));
    p = vec_fma(p, r, vec_set(1.0f));
    return (vec_exp_parts){vec_fma(p, r, vec_set(1.0f)), p, r, vec_to_int(n)};
}

/* Scaled in two steps, so that results may be subnormal; e^-inf = 0. */
VEC_INLINE vec vec_exp(vec x)
{
    x = vec_min(vec_set(100.0f), vec_max(vec_set(-110.0f), x)); /* NaN passes: second operand */
    vec_exp_parts e = vec_exp_reduce(x);
    vec_int half = vec_half_int(e.n);
    vec low = vec_mul(e.p, vec_exp2_int(half));
    return vec_mul(low, vec_exp2_int(vec_sub_int(e.n, half)));
}

/* For weights of a softmax, x at most a little above 0: below -86 it is e^-86. */
VEC_INLINE vec vec_exp_weight(vec x)
{
    vec_exp_parts e = vec_exp_reduce(vec_max(vec_set(-86.0f), x));
    return vec_scale_exponent(e.p, e.n);
}

/* (e^2x - 1) / (e^2x + 1), with the difference formed before anything is rounded to 1: relative
 * error below 4 ulp everywhere, NaN stays NaN. */
VEC_INLINE vec vec_tanh(vec x)
{
    x = vec_min(vec_set(20.0f), vec_max(vec_set(-20.0f), x));
    vec_exp_parts e = vec_exp_reduce(vec_add(x, x));
    vec power = vec_exp2_int(e.n);
    vec less = vec_fma(power, vec_mul(e.q, e.r), vec_sub(power, vec_set(1.0f)));
    return vec_div(less, vec_add(less, vec_set(2.0f)));
}

#endif
