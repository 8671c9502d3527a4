#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

/* Rotates x[i] and x[j] by the angle whose cosine and sine are at cs. */
ACT_INLINE void rotate(bool half, graft_act *x, size_t i, size_t j, const graft_real *cs,
                       graft_real sign)
{
    graft_real c = cs[0], s = sign * cs[1];
    graft_real a = act_get(x, i, half), b = act_get(x, j, half);
    act_put(x, i, a * c - b * s, half);
    act_put(x, j, a * s + b * c, half);
}

/* The partner of entry i stands `apart` behind it; entries are `step` apart. */
ACT_INLINE void rope(bool half, graft_act *x, size_t ldx, const graft_real *cos_sin,
                     size_t n_rows, size_t n_head, size_t d_head, size_t d_rope, graft_real sign,
                     size_t step, size_t apart)
{
    for (size_t row = 0; row < n_rows; row++, cos_sin += d_rope) {
        for (size_t h = 0; h < n_head; h++) {
            size_t at = row * ldx + h * d_head;
            for (size_t i = 0; i < d_rope / 2; i++) {
                rotate(half, x, at + i * step, at + i * step + apart, cos_sin + 2 * i, sign);
            }
        }
    }
}

void graft_portable_rope_pairs(graft_act *x, size_t ldx, const graft_real *cos_sin,
                               size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                               graft_real sign)
{
    rope(false, x, ldx, cos_sin, n_rows, n_head, d_head, d_rope, sign, 2, 1);
}

void graft_portable_rope_pairs_half(graft_act *x, size_t ldx, const graft_real *cos_sin,
                                    size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                    graft_real sign)
{
    rope(true, x, ldx, cos_sin, n_rows, n_head, d_head, d_rope, sign, 2, 1);
}

void graft_portable_rope_halves(graft_act *x, size_t ldx, const graft_real *cos_sin,
                                size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                graft_real sign)
{
    rope(false, x, ldx, cos_sin, n_rows, n_head, d_head, d_rope, sign, 1, d_rope / 2);
}

void graft_portable_rope_halves_half(graft_act *x, size_t ldx, const graft_real *cos_sin,
                                     size_t n_rows, size_t n_head, size_t d_head, size_t d_rope,
                                     graft_real sign)
{
    rope(true, x, ldx, cos_sin, n_rows, n_head, d_head, d_rope, sign, 1, d_rope / 2);
}
