/* kernels/blas/gemm.c - the door to CBLAS: one-threaded sgemm calls inside graft's own tiles.
 *
 * How the library cuts a product depends on its shape, so at this level the bits of a row may
 * depend on how many rows are multiplied with it; on the number of threads they do not. */
#include <cblas.h>

#include "kernels/gemm.h"
#include "kernels/levels.h"

/* A panel is rows of W as they are: [n_cols][n_k] forward, [n_k][n_cols] backward. */
static void unpack(const graft_weight *w, bool backward, size_t c0, size_t n_cols, size_t k0,
                   size_t n_k, float *panel)
{
    size_t n_rows = backward ? n_k : n_cols, width = backward ? n_cols : n_k;
    size_t row = backward ? k0 : c0, begin = backward ? c0 : k0;
    for (size_t i = 0; i < n_rows; i++) {
        graft_weight_part(w, row + i, begin, width, panel + i * width);
    }
}

static void multiply(const float *x, size_t ldx, const float *panel, bool backward, size_t n_rows,
                     size_t n_cols, size_t n_k, float *y, size_t ldy, float scale, bool accumulate)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, backward ? CblasNoTrans : CblasTrans, (int)n_rows,
                (int)n_cols, (int)n_k, scale, x, (int)ldx, panel,
                (int)(backward ? n_cols : n_k), accumulate ? 1.0f : 0.0f, y, (int)ldy);
}

static void outer(float *dw, size_t lddw, const float *dy, size_t lddy, const float *x, size_t ldx,
                  size_t n_tok, size_t m, size_t n, float scale, float *scratch)
{
    (void)scratch;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)n_tok, scale, dy,
                (int)lddy, x, (int)ldx, 1.0f, dw, (int)lddw);
}

/* Operands that fit into the second cache. */
enum { SPIN = 192 };

static float spin(size_t rounds, float *scratch)
{
    float *y = scratch + 2 * SPIN * SPIN;
    for (size_t i = 0; i < 3 * SPIN * SPIN; i++) {
        scratch[i] = 1.0f;
    }
    for (size_t i = 0; i < rounds; i++) {
        multiply(scratch, SPIN, scratch + SPIN * SPIN, true, SPIN, SPIN, SPIN, y, SPIN, 1.0f,
                 false);
    }
    return y[0];
}

static const struct graft_gemm gemm = {0,     NULL, unpack, multiply,
                                       outer, spin, (size_t)2 * SPIN * SPIN * SPIN};

void graft_kernels_blas(graft_kernels *table)
{
    openblas_set_num_threads(1);
    table->gemm = &gemm;
}
