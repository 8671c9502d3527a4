/* kernels/portable/geglu.c - the gated unit with GELU's tanh form (Hendrycks & Gimpel 2016), which is
 * x sigmoid(u) with u = 2 sqrt(2 / pi) (x + 0.044715 x^3). */
#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

typedef struct gelu {
    graft_real sigmoid, slope; /* of u; slope: du/dx */
} gelu;

/* Beyond 30 the sigmoid is 0 or 1 in any precision, and nothing overflows before. */
static gelu gelu_at(graft_real x)
{
    const graft_real twice = GRAFT_REAL(1.5957691216057307), cubic = GRAFT_REAL(0.044715);
    const graft_real one = GRAFT_REAL(1.0), far = GRAFT_REAL(30.0);
    x = x > far ? far : x < -far ? -far : x;
    graft_real square = x * x;
    graft_real u = twice * x * (one + cubic * square);
    return (gelu){one / (one + graft_exp(-u)), twice * (one + 3 * cubic * square)};
}

ACT_INLINE void geglu(bool half, graft_act *y, const graft_act *gate, const graft_act *up,
                      size_t ld, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = row * ld; i < row * ld + n; i++) {
            graft_real g = act_get(gate, i, half);
            act_put(y, i, g * gelu_at(g).sigmoid * act_get(up, i, half), half);
        }
    }
}

void graft_portable_geglu(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                          size_t n_rows, size_t n)
{
    geglu(false, y, gate, up, ld, n_rows, n);
}

void graft_portable_geglu_half(graft_act *y, const graft_act *gate, const graft_act *up, size_t ld,
                               size_t n_rows, size_t n)
{
    geglu(true, y, gate, up, ld, n_rows, n);
}

ACT_INLINE void geglu_backward(bool half, graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                               size_t n_rows, size_t n)
{
    const graft_real one = GRAFT_REAL(1.0);
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t i = row * ld; i < row * ld + n; i++) {
            graft_real d = act_get(dy, i, half), g = act_get(gate, i, half);
            graft_real u = act_get(up, i, half);
            gelu at = gelu_at(g);
            graft_real value = g * at.sigmoid;
            act_put(gate, i, d * u * (at.sigmoid + value * (one - at.sigmoid) * at.slope), half);
            act_put(up, i, d * value, half);
            act_put(dy, i, value * u, half);
        }
    }
}

void graft_portable_geglu_backward(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                   size_t n_rows, size_t n)
{
    geglu_backward(false, dy, gate, up, ld, n_rows, n);
}

void graft_portable_geglu_backward_half(graft_act *dy, graft_act *gate, graft_act *up, size_t ld,
                                        size_t n_rows, size_t n)
{
    geglu_backward(true, dy, gate, up, ld, n_rows, n);
}
