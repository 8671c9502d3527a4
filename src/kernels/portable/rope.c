#include "kernels/portable/portable.h"

void graft_portable_rope_pairs(graft_real *x, size_t ldx, const graft_real *cos_sin,
                               size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                               graft_real sign)
{
    for (size_t row = 0; row < n_rows; row++, x += ldx, cos_sin += d_rope) {
        for (size_t h = 0; h < n_head; h++) {
            graft_real *v = x + h * d_head;
            for (size_t i = 0; i < d_rope; i += 2) {
                graft_real c = cos_sin[i], s = sign * cos_sin[i + 1];
                graft_real a = v[i], b = v[i + 1];
                v[i] = a * c - b * s;
                v[i + 1] = a * s + b * c;
            }
        }
    }
}

void graft_portable_rope_halves(graft_real *x, size_t ldx, const graft_real *cos_sin,
                                size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                graft_real sign)
{
    size_t half = d_rope / 2;
    for (size_t row = 0; row < n_rows; row++, x += ldx, cos_sin += d_rope) {
        for (size_t h = 0; h < n_head; h++) {
            graft_real *v = x + h * d_head;
            for (size_t i = 0; i < half; i++) {
                graft_real c = cos_sin[2 * i], s = sign * cos_sin[2 * i + 1];
                graft_real a = v[i], b = v[i + half];
                v[i] = a * c - b * s;
                v[i + half] = a * s + b * c;
            }
        }
    }
}
