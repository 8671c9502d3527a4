/* kernels/portable/swiglu.c - gated units: the gate is x sigmoid(x), or x sigmoid(u) with
 * u = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is GELU's tanh form (Hendrycks & Gimpel 2016). */
#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

typedef struct gate_value {
    graft_real value, slope;
} gate_value;

ACT_INLINE graft_real sigmoid(graft_real x)
{
    return GRAFT_REAL(1.0) / (GRAFT_REAL(1.0) + graft_exp(-x));
}

ACT_INLINE gate_value gate_at(bool gelu, graft_real x)
{
    const graft_real twice = GRAFT_REAL(1.5957691216057307), cubic = GRAFT_REAL(0.044715);
    const graft_real one = GRAFT_REAL(1.0), far = GRAFT_REAL(30.0);
    if (!gelu) {
        graft_real s = sigmoid(x);
        return (gate_value){x * s, s * (one + x * (one - s))};
    }
    /* beyond 30 the sigmoid is 0 or 1 in any precision, and nothing overflows before */
    graft_real near = x > far ? far : x < -far ? -far : x, square = near * near;
    graft_real s = sigmoid(twice * near * (one + cubic * square)), value = x * s;
    return (gate_value){value, s + value * (one - s) * (twice * (one + 3 * cubic * square))};
}

ACT_INLINE void gated(bool half, bool gelu, graft_act *y, const graft_act *gate,
                      const graft_act *up, size_t ld, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = row * ld; i < row * ld + n; i++) {
            gate_value g = gate_at(gelu, act_get(gate, i, half));
            act_put(y, i, g.value * act_get(up, i, half), half);
        }
    }
}

ACT_INLINE void gated_backward(bool half, bool gelu, graft_act *dy, graft_act *gate, graft_act *up,
                               size_t ld, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = row * ld; i < row * ld + n; i++) {
            graft_real d = act_get(dy, i, half), u = act_get(up, i, half);
            gate_value g = gate_at(gelu, act_get(gate, i, half));
            act_put(gate, i, d * u * g.slope, half);
            act_put(up, i, d * g.value, half);
            act_put(dy, i, g.value * u, half);
        }
    }
}

void graft_portable_swiglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                           size_t n_rows, size_t n)
{
    gated(false, false, y, gate, up, ld, n_rows, n);
}

void graft_portable_swiglu_half(graft_act *y, const graft_act *gate, const graft_act *up,
                                size_t ld, size_t n_rows, size_t n)
{
    gated(true, false, y, gate, up, ld, n_rows, n);
}

void graft_portable_swiglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                    size_t n_rows, size_t n)
{
    gated_backward(false, false, dy, gate, up, ld, n_rows, n);
}

void graft_portable_swiglu_backward_half(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                         size_t n_rows, size_t n)
{
    gated_backward(true, false, dy, gate, up, ld, n_rows, n);
}

void graft_portable_geglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                          size_t n_rows, size_t n)
{
    gated(false, true, y, gate, up, ld, n_rows, n);
}

void graft_portable_geglu_half(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                               size_t n_rows, size_t n)
{
    gated(true, true, y, gate, up, ld, n_rows, n);
}

void graft_portable_geglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                   size_t n_rows, size_t n)
{
    gated_backward(false, true, dy, gate, up, ld, n_rows, n);
}

void graft_portable_geglu_backward_half(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                        size_t n_rows, size_t n)
{
    gated_backward(true, true, dy, gate, up, ld, n_rows, n);
}
