/* kernels/avx2bf16/rows.h - a level's `multiply`, which takes rows of floats, for rows of bfloat16.
 * Included after it. */
#ifndef GRAFT_KERNELS_AVX2BF16_ROWS_H
#define GRAFT_KERNELS_AVX2BF16_ROWS_H

#include "kernels/avx2bf16/act.h"
#include "kernels/gemm.h"

/* Rows at a time: their X is on the stack and has to stay in the second cache beside a strip. Rows of
 * each slice are whole vectors there. */
enum { BLOCK_ROWS = 24, BLOCK_K = KC + GRAFT_K_EXTRA + GRAFT_SLICES * VEC_N };

/* The slice from row `begin` on, n rows; those that are not bytes become floats at *room. */
VEC_INLINE graft_slice slice_rows(const graft_slice *s, size_t begin, size_t n, float **room)
{
    graft_slice out = *s;
    if (s->groups != NULL) {
        out.x = (const int8_t *)s->x + begin * s->row_step;
        out.groups = s->groups + begin * s->group_step;
        return out;
    }
    out.x = act_rows(*room, (const act *)s->x + begin * s->row_step, s->row_step, n, s->n_k,
                     &out.row_step);
    *room += n * out.row_step;
    return out;
}

static void multiply_rows(const graft_multiply *m, size_t begin, size_t n, bool backward)
{
    float x[BLOCK_ROWS * BLOCK_K], y[BLOCK_ROWS * GRAFT_NC_WIDE], *room = x;
    graft_multiply block = *m;
    for (size_t s = 0; s < m->n_slices; s++) {
        block.slices[s] = slice_rows(&m->slices[s], begin, n, &room);
    }
    block.n_rows = n;
    block.add = m->add == NULL ? NULL : m->add + begin * m->ldadd;
    if (!m->y_act) {
        block.y = (float *)m->y + begin * m->ldy;
        multiply(&block, backward);
        return;
    }
    block.y = y;
    block.ldy = GRAFT_NC_WIDE;
    multiply(&block, backward);
    act_put_sums((act *)m->y + begin * m->ldy, m->ldy, y, GRAFT_NC_WIDE, n, m->panel.n_cols);
}

static void multiply_act(const graft_multiply *m, bool backward)
{
    for (size_t r = 0; r < m->n_rows; r += BLOCK_ROWS) {
        multiply_rows(m, r, m->n_rows - r < BLOCK_ROWS ? m->n_rows - r : BLOCK_ROWS, backward);
    }
}

#endif
