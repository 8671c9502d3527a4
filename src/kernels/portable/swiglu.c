#include "kernels/portable/portable.h"

void graft_portable_swiglu(graft_real *y, const graft_real *gate, const graft_real *up,
                           size_t n_rows, size_t n)
{
    for (size_t i = 0; i < n_rows * n; i++) {
        y[i] = gate[i] / (GRAFT_REAL(1.0) + graft_exp(-gate[i])) * up[i];
    }
}

void graft_portable_swiglu_backward(graft_real *dgate, graft_real *dup, const graft_real *dy,
                                    const graft_real *gate, const graft_real *up, size_t n_rows,
                                    size_t n)
{
    const graft_real one = GRAFT_REAL(1.0);
    for (size_t i = 0; i < n_rows * n; i++) {
        graft_real sigmoid = one / (one + graft_exp(-gate[i]));
        dgate[i] += dy[i] * up[i] * (sigmoid * (one + gate[i] * (one - sigmoid)));
        dup[i] += dy[i] * (gate[i] * sigmoid);
    }
}
