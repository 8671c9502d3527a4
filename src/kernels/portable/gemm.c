/* kernels/portable/gemm.c - a panel is strips of STRIP columns, each [n_k][STRIP], so that the
 * compiler can keep a tile of the result in registers. */
#include <string.h>

#include "kernels/portable/portable.h"

enum { STRIP = 8, ROWS = 4 };

void graft_portable_decode_row(const graft_weight *w, size_t row, graft_real *out)
{
    graft_weight_part(w, row, 0, w->n_in, out);
}

static void unpack(const graft_weight *w, bool backward, size_t c0, size_t n_cols, size_t k0,
                   size_t n_k, graft_real *panel)
{
    graft_real row[GRAFT_KC > GRAFT_NC ? GRAFT_KC : GRAFT_NC];
    size_t padded = (n_cols + STRIP - 1) / STRIP * STRIP;
    if (padded != n_cols) {
        memset(panel + (padded - STRIP) * n_k, 0, STRIP * n_k * sizeof *panel);
    }
    if (backward) {
        for (size_t k = 0; k < n_k; k++) {
            graft_weight_part(w, k0 + k, c0, n_cols, row);
            for (size_t c = 0; c < n_cols; c++) {
                panel[(c / STRIP * n_k + k) * STRIP + c % STRIP] = row[c];
            }
        }
    } else {
        for (size_t c = 0; c < n_cols; c++) {
            graft_weight_part(w, c0 + c, k0, n_k, row);
            for (size_t k = 0; k < n_k; k++) {
                panel[(c / STRIP * n_k + k) * STRIP + c % STRIP] = row[k];
            }
        }
    }
}

/* Writes `cols` columns of one row of a tile. */
static void store(graft_real *y, const graft_real *acc, size_t cols, graft_real scale,
                  bool accumulate)
{
    for (size_t c = 0; c < cols; c++) {
        y[c] = accumulate ? y[c] + scale * acc[c] : scale * acc[c];
    }
}

static void multiply(const graft_real *x, size_t ldx, const graft_real *panel, bool backward,
                     size_t n_rows, size_t n_cols, size_t n_k, graft_real *y, size_t ldy,
                     graft_real scale, bool accumulate)
{
    (void)backward; /* panels of both directions look the same */
    for (size_t r = 0; r < n_rows; r += ROWS) {
        size_t rows = n_rows - r < ROWS ? n_rows - r : ROWS;
        const graft_real *in[ROWS];
        for (size_t i = 0; i < ROWS; i++) {
            in[i] = x + (r + (i < rows ? i : 0)) * ldx; /* spare rows repeat the first */
        }
        for (size_t c = 0; c < n_cols; c += STRIP) {
            size_t cols = n_cols - c < STRIP ? n_cols - c : STRIP;
            const graft_real *w = panel + c * n_k;
            graft_real acc[ROWS][STRIP] = {{0}};
            for (size_t k = 0; k < n_k; k++, w += STRIP) {
                for (size_t i = 0; i < ROWS; i++) {
                    for (size_t j = 0; j < STRIP; j++) {
                        acc[i][j] += in[i][k] * w[j];
                    }
                }
            }
            for (size_t i = 0; i < rows; i++) {
                store(y + (r + i) * ldy + c, acc[i], cols, scale, accumulate);
            }
        }
    }
}

static void outer(graft_real *dw, size_t lddw, const graft_real *dy, size_t lddy,
                  const graft_real *x, size_t ldx, size_t n_tok, size_t m, size_t n,
                  graft_real scale, graft_real *scratch)
{
    graft_real *sum = scratch;
    for (size_t i = 0; i < m; i++, dw += lddw) {
        memset(sum, 0, n * sizeof *sum);
        for (size_t t = 0; t < n_tok; t++) {
            graft_real g = dy[t * lddy + i];
            for (size_t j = 0; j < n; j++) {
                sum[j] += g * x[t * ldx + j];
            }
        }
        store(dw, sum, n, scale, true);
    }
}

static graft_real spin(size_t rounds, graft_real *scratch)
{
    graft_real acc[ROWS * STRIP];
    for (size_t i = 0; i < ROWS * STRIP; i++) {
        acc[i] = scratch[i] = GRAFT_REAL(1.0);
    }
    for (size_t k = 0; k < rounds; k++) {
        for (size_t i = 0; i < ROWS * STRIP; i++) {
            acc[i] += acc[i] * GRAFT_REAL(0x1p-40);
        }
    }
    for (size_t i = 1; i < ROWS * STRIP; i++) {
        acc[0] += acc[i];
    }
    return acc[0];
}

const struct graft_gemm graft_portable_gemm = {0, NULL, unpack, multiply, outer, spin,
                                               2 * ROWS * STRIP};
