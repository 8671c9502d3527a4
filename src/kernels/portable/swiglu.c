#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

ACT_INLINE void swiglu(bool half, graft_act *y, const graft_act *gate, const graft_act *up,
                       size_t ld, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = row * ld; i < row * ld + n; i++) {
            graft_real g = act_get(gate, i, half);
            graft_real sigmoid = GRAFT_REAL(1.0) / (GRAFT_REAL(1.0) + graft_exp(-g));
            act_put(y, i, g * sigmoid * act_get(up, i, half), half);
        }
    }
}

void graft_portable_swiglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                           size_t n_rows, size_t n)
{
    swiglu(false, y, gate, up, ld, n_rows, n);
}

void graft_portable_swiglu_half(graft_act *y, const graft_act *gate, const graft_act *up,
                                size_t ld, size_t n_rows, size_t n)
{
    swiglu(true, y, gate, up, ld, n_rows, n);
}

ACT_INLINE void swiglu_backward(bool half, graft_act *dy, graft_act *gate, graft_act *up,
                                size_t ld, size_t n_rows, size_t n)
{
    const graft_real one = GRAFT_REAL(1.0);
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = row * ld; i < row * ld + n; i++) {
            graft_real d = act_get(dy, i, half), g = act_get(gate, i, half);
            graft_real u = act_get(up, i, half);
            graft_real sigmoid = one / (one + graft_exp(-g)), silu = g * sigmoid;
            act_put(gate, i, d * u * (sigmoid * (one + g * (one - sigmoid))), half);
            act_put(up, i, d * silu, half);
            act_put(dy, i, silu * u, half);
        }
    }
}

void graft_portable_swiglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                    size_t n_rows, size_t n)
{
    swiglu_backward(false, dy, gate, up, ld, n_rows, n);
}

void graft_portable_swiglu_backward_half(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                         size_t n_rows, size_t n)
{
    swiglu_backward(true, dy, gate, up, ld, n_rows, n);
}
