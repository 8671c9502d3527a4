/* kernels/vector/swiglu_tmpl.h - gated units: the gate is x sigmoid(x), or x sigmoid(u) with
 * u = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is GELU's tanh form. Included once by a level's
 * swiglu.c. */

#include "kernels/kernels.h"
#include "kernels/vector/exp.h"

VEC_INLINE vec sigmoid(vec x)
{
    vec one = vec_set(1.0f);
    return vec_div(one, vec_add(one, vec_exp(vec_sub(vec_zero(), x))));
}

/* What the sigmoid is of, and its slope: where x is far from 0, as at 30, where the sigmoid is 0 or
 * 1 and nothing overflows. */
VEC_INLINE vec gelu_argument(vec x, vec *slope)
{
    const vec twice = vec_set(0x1.988454p+0f), one = vec_set(1.0f);
    x = vec_min(vec_set(30.0f), vec_max(vec_set(-30.0f), x));
    vec square = vec_mul(x, x);
    *slope = vec_mul(twice, vec_fma(vec_set(3 * 0.044715f), square, one));
    return vec_mul(vec_mul(twice, x), vec_fma(vec_set(0.044715f), square, one));
}

VEC_INLINE vec gate_one(bool gelu, vec gate, vec up)
{
    vec slope;
    return vec_mul(vec_mul(gate, sigmoid(gelu ? gelu_argument(gate, &slope) : gate)), up);
}

VEC_INLINE void gated(bool gelu, act *y, const act *gate, const act *up, size_t ld, size_t n_rows,
                      size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, y += ld, gate += ld, up += ld) {
        for (size_t i = 0; i < whole; i += VEC_N) {
            act_store(y + i, gate_one(gelu, act_load(gate + i), act_load(up + i)));
        }
        vec last = gate_one(gelu, act_load_part(gate + whole, rest),
                            act_load_part(up + whole, rest));
        act_store_part(y + whole, last, rest);
    }
}

static void swiglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                   size_t n_rows, size_t n)
{
    gated(false, y, gate, up, ld, n_rows, n);
}

static void geglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                  size_t n_rows, size_t n)
{
    gated(true, y, gate, up, ld, n_rows, n);
}

typedef struct gated_parts {
    vec y, gate, up; /* the unit itself, and the gradients of its inputs */
} gated_parts;

VEC_INLINE gated_parts gate_back(bool gelu, vec dy, vec gate, vec up)
{
    vec inner = vec_set(1.0f), s = sigmoid(gelu ? gelu_argument(gate, &inner) : gate);
    vec value = vec_mul(gate, s);
    /* d (x s(u)) = s + x s (1 - s) du */
    vec rest = vec_sub(vec_set(1.0f), s);
    vec slope = vec_fma(value, gelu ? vec_mul(rest, inner) : rest, s);
    return (gated_parts){vec_mul(value, up), vec_mul(vec_mul(dy, up), slope), vec_mul(dy, value)};
}

VEC_INLINE void gated_backward(bool gelu, act *dy, act *gate, act *up, size_t ld, size_t n_rows,
                               size_t n)
{
    size_t whole = n / VEC_N * VEC_N, rest = n - whole;
    for (size_t row = 0; row < n_rows; row++, dy += ld, gate += ld, up += ld) {
        for (size_t i = 0; i < whole; i += VEC_N) {
            gated_parts d = gate_back(gelu, act_load(dy + i), act_load(gate + i),
                                      act_load(up + i));
            act_store(dy + i, d.y);
            act_store(gate + i, d.gate);
            act_store(up + i, d.up);
        }
        gated_parts d = gate_back(gelu, act_load_part(dy + whole, rest),
                                  act_load_part(gate + whole, rest),
                                  act_load_part(up + whole, rest));
        act_store_part(dy + whole, d.y, rest);
        act_store_part(gate + whole, d.gate, rest);
        act_store_part(up + whole, d.up, rest);
    }
}

static void swiglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                            size_t n_rows, size_t n)
{
    gated_backward(false, dy, gate, up, ld, n_rows, n);
}

static void geglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld, size_t n_rows,
                           size_t n)
{
    gated_backward(true, dy, gate, up, ld, n_rows, n);
}
