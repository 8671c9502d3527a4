/* kernels/vector/rope_tmpl.h - rotary positions. Included once by a level's rope.c. */

#include "kernels/portable/portable.h"

static void rope_pairs(graft_act *x_act, size_t ldx, const float *cos_sin, size_t n_rows, size_t n_head,
                       size_t d_head, size_t d_rope, float sign)
{
    if (d_rope % VEC_N != 0) {
        PORTABLE(rope_pairs)(x_act, ldx, cos_sin, n_rows, n_head, d_head, d_rope, sign);
        return;
    }
    act *x = x_act;
    for (size_t row = 0; row < n_rows; row++, x += ldx, cos_sin += d_rope) {
        for (size_t i = 0; i < d_rope; i += VEC_N) {
            vec both = vec_load(cos_sin + i), c = vec_even(both);
            vec s = vec_mul(vec_odd(both), vec_set(sign));
            for (size_t h = 0; h < n_head; h++) {
                act *at = x + h * d_head + i;
                vec v = act_load(at);
                act_store(at, vec_fma_alternate(v, c, vec_mul(vec_swap_pairs(v), s)));
            }
        }
    }
}

static void rope_halves(graft_act *x_act, size_t ldx, const float *cos_sin, size_t n_rows, size_t n_head,
                        size_t d_head, size_t d_rope, float sign)
{
    size_t half = d_rope / 2;
    if (half % VEC_N != 0) {
        PORTABLE(rope_halves)(x_act, ldx, cos_sin, n_rows, n_head, d_head, d_rope, sign);
        return;
    }
    act *x = x_act;
    for (size_t row = 0; row < n_rows; row++, x += ldx, cos_sin += d_rope) {
        for (size_t i = 0; i < half; i += VEC_N) {
            vec c, s;
            vec_deinterleave(cos_sin + 2 * i, &c, &s);
            s = vec_mul(s, vec_set(sign));
            for (size_t h = 0; h < n_head; h++) {
                act *at = x + h * d_head + i;
                vec a = act_load(at), b = act_load(at + half);
                act_store(at, vec_sub(vec_mul(a, c), vec_mul(b, s)));
                act_store(at + half, vec_fma(a, s, vec_mul(b, c)));
            }
        }
    }
}
