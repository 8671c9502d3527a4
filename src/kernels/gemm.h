/* kernels/gemm.h - what a level contributes to packed products. Private to this room.
 *
 * A product is cut into slices of GRAFT_KC along the reduction axis and into panels of columns. A
 * panel is unpacked from W into scratch once per slice and multiplied with many rows of X. Its
 * layout is the level's own affair; only `unpack` writes and only `multiply` reads it. */
#ifndef GRAFT_KERNELS_GEMM_H
#define GRAFT_KERNELS_GEMM_H

#include "kernels/kernels.h"

/* Longest slice of the reduction axis; a multiple of every block of every format. Part of the
 * numeric contract: the bits of a product depend on it, and on nothing else of the tiling. */
#define GRAFT_KC 1024
/* Widest panel, in columns. */
#define GRAFT_NC 128
/* Tokens that one slice of graft_product_outer sums up: numeric contract as well. */
#define GRAFT_OUTER_TOKENS 256

struct graft_gemm {
    /* X is given to `multiply` in packed tiles of this many rows; 0: as it lies. */
    size_t tile;

    /* n_rows rows of x, n_k wide, to out[n_rows * n_k]: tile after tile. NULL if tile is 0. */
    void (*pack)(const graft_real *x, size_t ldx, size_t n_rows, size_t n_k, graft_real *out);

    /* Columns [c0, c0 + n_cols) and reduction slice [k0, k0 + n_k) of W^T (forward: column c is
     * row c of W) or of W (backward: column c is element c of W's rows, and k a row). c0 is a
     * multiple of 32, k0 of GRAFT_KC. panel: GRAFT_NC * GRAFT_KC reals, aligned to 64 bytes. */
    void (*unpack)(const graft_weight *w, bool backward, size_t c0, size_t n_cols, size_t k0,
                   size_t n_k, graft_real *panel);

    /* y[n_rows, n_cols] = scale * x[n_rows, n_k] panel, or += if accumulate. ldx counts only
     * where x is as it lies, backward as for unpack. No row of y depends on n_rows, unless the level says so. */
    void (*multiply)(const graft_real *x, size_t ldx, const graft_real *panel, bool backward,
                     size_t n_rows, size_t n_cols, size_t n_k, graft_real *y, size_t ldy,
                     graft_real scale, bool accumulate);

    /* dw[m, n] += scale * sum over n_tok rows of dy[., m] x[., n]: at most GRAFT_OUTER_TOKENS
     * rows. scratch: as large as a panel. */
    void (*outer)(graft_real *dw, size_t lddw, const graft_real *dy, size_t lddy,
                  const graft_real *x, size_t ldx, size_t n_tok, size_t m, size_t n,
                  graft_real scale, graft_real *scratch);

    /* Runs `rounds` rounds of the level's fastest arithmetic, spin_flops floating-point operations
     * each, without touching memory beyond the first cache; returns any number, so that nothing
     * is optimised away. scratch: as large as a panel. */
    graft_real (*spin)(size_t rounds, graft_real *scratch);
    size_t spin_flops;
};

/* Reals in columns or elements [begin, begin + n) of a row of W; begin need not be the start of a
 * block. Through the format's own decoder. */
void graft_weight_part(const graft_weight *w, size_t row, size_t begin, size_t n, graft_real *out);

#endif
