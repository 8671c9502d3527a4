#include <math.h>

#include "optim/optimizer.h"

#define TILE 65536

double graft_grad_norm(const graft_kernels *kernels, const graft_real *grads, size_t n)
{
    double sum = 0;
    for (size_t begin = 0; begin < n; begin += TILE) {
        sum += kernels->sum_squares(grads + begin, n - begin < TILE ? n - begin : TILE);
    }
    return sqrt(sum);
}

double graft_clip_scale(double norm, double max_norm)
{
    double scale = max_norm / (norm + 1e-6);
    return max_norm > 0 && scale < 1.0 ? scale : 1.0;
}
