#include "kernels/portable/portable.h"

void graft_portable_scale(graft_real *x, graft_real a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= a;
    }
}

void graft_portable_axpy(graft_real *y, const graft_real *x, graft_real a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += a * x[i];
    }
}

double graft_portable_sum_squares(const graft_real *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

void graft_portable_adamw(graft_real *p, graft_real *m, graft_real *v, const graft_real *g,
                          size_t n, graft_real grad_scale, graft_real beta1, graft_real beta2,
                          graft_real eps, graft_real decay, graft_real step_size,
                          graft_real sqrt_correction)
{
    const graft_real one = GRAFT_REAL(1.0);
    for (size_t i = 0; i < n; i++) {
        graft_real gradient = g[i] * grad_scale;
        m[i] = beta1 * m[i] + (one - beta1) * gradient;
        v[i] = beta2 * v[i] + (one - beta2) * gradient * gradient;
        p[i] = p[i] * decay - step_size * m[i] / (graft_sqrt(v[i]) / sqrt_correction + eps);
    }
}
