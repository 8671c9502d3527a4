/* kernels/vector/loss_tmpl.h - softmax over a vocabulary. Included once by a level's loss.c. */

#include <math.h>

#include "kernels/kernels.h"
#include "kernels/vector/exp.h"

static double log_sum_exp(const float *logits, size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    vec low = vec_set(-INFINITY), max = low;
    for (size_t i = 0; i < whole; i += VEC_N) {
        max = vec_max(vec_load(logits + i), max); /* a NaN is passed over here, not below */
    }
    vec tail = vec_first(vec_load_part(logits + whole, rest), low, rest);
    max = vec_set(vec_largest(vec_max(tail, max)));
    vec_wide sum = vec_wide_zero();
    for (size_t i = 0; i < whole; i += VEC_N) {
        sum = vec_wide_add(sum, vec_exp(vec_sub(vec_load(logits + i), max)));
    }
    vec last = vec_first(vec_exp(vec_sub(tail, max)), vec_zero(), rest);
    sum = vec_wide_add(sum, last);
    float largest[VEC_N];
    vec_store(largest, max);
    return (double)largest[0] + log(vec_wide_sum(sum));
}

VEC_INLINE vec capped(vec x, vec cap)
{
    return vec_mul(cap, vec_tanh(vec_div(x, cap)));
}

static void softcap(float *x, float cap, size_t n)
{
    size_t whole = n / VEC_N * VEC_N;
    vec most = vec_set(cap);
    for (size_t i = 0; i < whole; i += VEC_N) {
        vec_store(x + i, capped(vec_load(x + i), most));
    }
    vec_store_part(x + whole, capped(vec_load_part(x + whole, n - whole), most), n - whole);
}

/* What a gradient is made of; cap: of logits that have been capped. */
typedef struct gradient_of {
    vec shift, scale, cap;
} gradient_of;

VEC_INLINE vec through_cap(const gradient_of *g, vec gradient, vec logits)
{
    vec t = vec_div(logits, g->cap);
    return vec_mul(gradient, vec_sub(vec_set(1.0f), vec_mul(t, t)));
}

VEC_INLINE vec gradient_at(const gradient_of *g, bool caps, vec logits)
{
    vec gradient = vec_mul(g->scale, vec_exp(vec_sub(logits, g->shift)));
    return caps ? through_cap(g, gradient, logits) : gradient;
}

/* In order: where out is the front of logits, what is written has been read. */
VEC_INLINE void gradient_row(const gradient_of *g, bool caps, act *out, const float *logits,
                             size_t n, size_t target)
{
    float at_target[VEC_N];
    size_t i = 0;
    vec hit = vec_set(logits[target]);
    vec p = vec_sub(vec_mul(g->scale, vec_exp(vec_sub(hit, g->shift))), g->scale);
    vec_store(at_target, caps ? through_cap(g, p, hit) : p);
    for (; i + VEC_N <= n; i += VEC_N) {
        act_store(out + i, gradient_at(g, caps, vec_load(logits + i)));
    }
    act_store_part(out + i, gradient_at(g, caps, vec_load_part(logits + i, n - i)), n - i);
    act_store_part(out + target, vec_load_part(at_target, 1), 1);
}

static void softmax_gradient(graft_act *out, const float *logits, size_t n, float lse,
                             size_t target, float weight, float cap)
{
    gradient_of g = {vec_set(lse), vec_set(weight), vec_set(cap)};
    if (cap > 0) {
        gradient_row(&g, true, out, logits, n, target);
    } else {
        gradient_row(&g, false, out, logits, n, target);
    }
}
