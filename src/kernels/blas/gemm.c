/* kernels/blas/gemm.c - the door to CBLAS: one-threaded sgemm calls inside graft's own tiles.
 *
 * How the library cuts a product depends on its shape, so at this level the bits of a row may
 * depend on how many rows are multiplied with it; on the number of threads they do not. */
#include <cblas.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/levels.h"

enum { KC = 1024 };

/* A panel is slice after slice, each rows of W as they are: [n_cols][n_k] forward, [n_k][n_cols]
 * backward. */
static void unpack(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                   const graft_panel *panel, size_t k_at)
{
    size_t n_cols = panel->n_cols;
    size_t n_rows = backward ? n_k : n_cols, width = backward ? n_cols : n_k;
    size_t row = backward ? k0 : c0, begin = backward ? c0 : k0;
    float *out = (float *)panel->data + k_at * n_cols;
    for (size_t i = 0; i < n_rows; i++) {
        graft_weight_part(w, row + i, begin, width, out + i * width);
    }
}

static void multiply(const graft_multiply *m, bool backward)
{
    size_t n_cols = m->panel.n_cols;
    const float *panel = m->panel.data;
    float *y = m->y;
    for (size_t i = 0; m->add != NULL && m->add != y && i < m->n_rows; i++) {
        memcpy(y + i * m->ldy, m->add + i * m->ldadd, n_cols * sizeof *y);
    }
    for (size_t s = 0; s < m->n_slices; s++) {
        const graft_slice *slice = &m->slices[s];
        cblas_sgemm(CblasRowMajor, CblasNoTrans, backward ? CblasNoTrans : CblasTrans,
                    (int)m->n_rows, (int)n_cols, (int)slice->n_k, m->scale, slice->x,
                    (int)slice->row_step, panel, (int)(backward ? n_cols : slice->n_k),
                    m->add != NULL || s > 0 ? 1.0f : 0.0f, y, (int)m->ldy);
        panel += slice->n_k * n_cols;
    }
}

static void outer(float *sums, const graft_act *a, size_t lda, const graft_act *b, size_t ldb,
                  size_t n_tok, size_t m, size_t n, void *scratch)
{
    (void)scratch;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)n_tok, 1.0f, a,
                (int)lda, b, (int)ldb, 1.0f, sums, GRAFT_OUTER_N);
}

/* Operands that fit into the second cache. */
enum { SPIN = 192 };

static float spin(size_t rounds, void *scratch)
{
    float *x = scratch, *y = x + 2 * SPIN * SPIN;
    for (size_t i = 0; i < 3 * SPIN * SPIN; i++) {
        x[i] = 1.0f;
    }
    for (size_t i = 0; i < rounds; i++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SPIN, SPIN, SPIN, 1.0f, x, SPIN,
                    x + SPIN * SPIN, SPIN, 0.0f, y, SPIN);
    }
    return y[0];
}

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 1, .element_bytes = sizeof(float), .rows = GRAFT_ROWS,
    .unpack = unpack,
    .multiply = multiply, .outer = outer, .spin = spin,
    .spin_flops = (size_t)2 * SPIN * SPIN * SPIN,
};

void graft_kernels_blas(graft_kernels *table)
{
    openblas_set_num_threads(1);
    table->gemm = &gemm;
}
