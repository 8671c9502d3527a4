/* kernels/avx2bf16/gemm.c - products in tiles of 6 x 16. Panels hold floats that are rounded to
 * bfloat16, rows of X become floats before the strips of a panel need them: products are exact, sums
 * in single precision. */
#include "kernels/avx2bf16/act.h"
#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/vector/gemm_tmpl.h"

/* Rows at a time: their X is on the stack and has to stay in the second cache beside a strip. Rows of
 * each slice are whole vectors there. */
enum { BLOCK_ROWS = 24, BLOCK_K = KC + GRAFT_K_EXTRA + GRAFT_SLICES * VEC_N };

static void unpack_rounded(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                           const graft_panel *panel, size_t k_at)
{
    unpack(w, backward, c0, k0, n_k, panel, k_at);
    for (size_t c = 0; c < panel->n_cols; c += STRIP) {
        float *strip = panel_at(panel, c, k_at);
        size_t n = n_k * strip_width(panel->n_cols - c);
        for (size_t i = 0; i < n; i += VEC_N) {
            vec_store(strip + i, _mm256_castsi256_ps(vec_round_bits(vec_load(strip + i))));
        }
    }
}

/* Rows [begin, begin + n) of a product. */
static void multiply_rows(const graft_multiply *m, size_t begin, size_t n, bool backward)
{
    float x[BLOCK_ROWS * BLOCK_K], y[BLOCK_ROWS * GRAFT_NC];
    graft_multiply block = *m;
    size_t at = 0, ld;
    for (size_t s = 0; s < m->n_slices; s++) {
        const graft_slice *slice = &m->slices[s];
        const act *rows = (const act *)slice->x + begin * slice->row_step;
        block.slices[s].x = act_rows(x + at, rows, slice->row_step, n, slice->n_k, &ld);
        block.slices[s].row_step = ld;
        at += n * ld;
    }
    block.n_rows = n;
    block.add = m->add == NULL ? NULL : m->add + begin * m->ldadd;
    if (!m->y_act) {
        block.y = (float *)m->y + begin * m->ldy;
        multiply(&block, backward);
        return;
    }
    block.y = y;
    block.ldy = GRAFT_NC;
    multiply(&block, backward);
    act_put_sums((act *)m->y + begin * m->ldy, m->ldy, y, GRAFT_NC, n, m->panel.n_cols);
}

static void multiply_act(const graft_multiply *m, bool backward)
{
    for (size_t r = 0; r < m->n_rows; r += BLOCK_ROWS) {
        size_t n = m->n_rows - r < BLOCK_ROWS ? m->n_rows - r : BLOCK_ROWS;
        multiply_rows(m, r, n, backward);
    }
}

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 1, .element_bytes = sizeof(float), .rows = GRAFT_ROWS,
    .row_block = BLOCK_ROWS, .unpack = unpack_rounded, .multiply = multiply_act, .outer = outer,
    .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx2bf16_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
    table->decode_row = decode_row;
}
