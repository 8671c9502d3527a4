#include "kernels/head_dots.h"

#define LANES 8

void graft_head_dots(graft_real *out, const graft_real *x, const graft_real *y, size_t n_rows,
                     size_t n_head, size_t d_head)
{
    for (size_t i = 0; i < n_rows * n_head; i++, x += d_head, y += d_head) {
        graft_real lanes[LANES] = {0}, sum = 0;
        size_t k = 0;
        for (; k + LANES <= d_head; k += LANES) {
            for (size_t l = 0; l < LANES; l++) {
                lanes[l] += x[k + l] * y[k + l];
            }
        }
        for (; k < d_head; k++) {
            sum += x[k] * y[k];
        }
        for (size_t l = 0; l < LANES; l++) {
            sum += lanes[l];
        }
        out[i] = sum;
    }
}
