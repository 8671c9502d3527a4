/* kernels/vector/swiglu_tmpl.h - the gated unit. Included once by a level's swiglu.c. */

#include "kernels/kernels.h"
#include "kernels/vector/exp.h"

VEC_INLINE vec sigmoid(vec x)
{
    vec one = vec_set(1.0f);
    return vec_div(one, vec_add(one, vec_exp(vec_sub(vec_zero(), x))));
}

VEC_INLINE vec swiglu_one(vec gate, vec up)
{
    return vec_mul(vec_mul(gate, sigmoid(gate)), up);
}

static void swiglu(float *y, const float *gate, const float *up, size_t n_rows, size_t n)
{
    size_t total = n_rows * n, i = 0;
    for (; i + VEC_N <= total; i += VEC_N) {
        vec_store(y + i, swiglu_one(vec_load(gate + i), vec_load(up + i)));
    }
    vec last = swiglu_one(vec_load_part(gate + i, total - i), vec_load_part(up + i, total - i));
    vec_store_part(y + i, last, total - i);
}

typedef struct swiglu_gradient {
    vec gate, up;
} swiglu_gradient;

VEC_INLINE swiglu_gradient swiglu_back(vec dy, vec gate, vec up)
{
    vec s = sigmoid(gate), silu = vec_mul(gate, s);
    /* d silu = s (1 + gate (1 - s)) = s + silu (1 - s) */
    vec slope = vec_fma(silu, vec_sub(vec_set(1.0f), s), s);
    return (swiglu_gradient){vec_mul(vec_mul(dy, up), slope), vec_mul(dy, silu)};
}

static void swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate,
                            const float *up, size_t n_rows, size_t n)
{
    size_t total = n_rows * n, i = 0;
    for (; i + VEC_N <= total; i += VEC_N) {
        swiglu_gradient d = swiglu_back(vec_load(dy + i), vec_load(gate + i), vec_load(up + i));
        vec_store(dgate + i, vec_add(vec_load(dgate + i), d.gate));
        vec_store(dup + i, vec_add(vec_load(dup + i), d.up));
    }
    size_t rest = total - i;
    swiglu_gradient d = swiglu_back(vec_load_part(dy + i, rest), vec_load_part(gate + i, rest),
                                    vec_load_part(up + i, rest));
    vec_store_part(dgate + i, vec_add(vec_load_part(dgate + i, rest), d.gate), rest);
    vec_store_part(dup + i, vec_add(vec_load_part(dup + i, rest), d.up), rest);
}
