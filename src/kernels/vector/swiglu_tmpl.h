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

static void swiglu(graft_act *y_act, const graft_act *gate_act, const graft_act *up_act,
                   size_t ld, size_t n_rows, size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++) {
        const act *gate = (const act *)gate_act + row * ld, *up = (const act *)up_act + row * ld;
        act *y = (act *)y_act + row * ld;
        for (size_t i = 0; i < whole; i += VEC_N) {
            act_store(y + i, swiglu_one(act_load(gate + i), act_load(up + i)));
        }
        vec last = swiglu_one(act_load_part(gate + whole, rest), act_load_part(up + whole, rest));
        act_store_part(y + whole, last, rest);
    }
}

typedef struct swiglu_parts {
    vec y, gate, up; /* the unit itself, and the gradients of its inputs */
} swiglu_parts;

VEC_INLINE swiglu_parts swiglu_back(vec dy, vec gate, vec up)
{
    vec s = sigmoid(gate), silu = vec_mul(gate, s);
    /* d silu = s (1 + gate (1 - s)) = s + silu (1 - s) */
    vec slope = vec_fma(silu, vec_sub(vec_set(1.0f), s), s);
    return (swiglu_parts){vec_mul(silu, up), vec_mul(vec_mul(dy, up), slope), vec_mul(dy, silu)};
}

static void swiglu_backward(graft_act *dy_act, graft_act *gate_act, graft_act *up_act, size_t ld,
                            size_t n_rows, size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++) {
        act *gate = (act *)gate_act + row * ld, *up = (act *)up_act + row * ld;
        act *dy = (act *)dy_act + row * ld;
        for (size_t i = 0; i < whole; i += VEC_N) {
            swiglu_parts d = swiglu_back(act_load(dy + i), act_load(gate + i), act_load(up + i));
            act_store(dy + i, d.y);
            act_store(gate + i, d.gate);
            act_store(up + i, d.up);
        }
        swiglu_parts d = swiglu_back(act_load_part(dy + whole, rest),
                                     act_load_part(gate + whole, rest),
                                     act_load_part(up + whole, rest));
        act_store_part(dy + whole, d.y, rest);
        act_store_part(gate + whole, d.gate, rest);
        act_store_part(up + whole, d.up, rest);
    }
}
