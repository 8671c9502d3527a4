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

/* In order: where out is the front of logits, what is written has been read. */
static void softmax_gradient(graft_act *out_act, const float *logits, size_t n, float lse,
                             size_t target, float weight)
{
    act *out = out_act;
    float at_target[VEC_N];
    size_t i = 0;
    vec shift = vec_set(lse), scale = vec_set(weight);
    vec p = vec_mul(scale, vec_exp(vec_sub(vec_set(logits[target]), shift)));
    vec_store(at_target, vec_sub(p, scale));
    for (; i + VEC_N <= n; i += VEC_N) {
        act_store(out + i, vec_mul(scale, vec_exp(vec_sub(vec_load(logits + i), shift))));
    }
    vec tail = vec_load_part(logits + i, n - i);
    act_store_part(out + i, vec_mul(scale, vec_exp(vec_sub(tail, shift))), n - i);
    act_store_part(out + target, vec_load_part(at_target, 1), 1);
}
