/* kernels/gemm.h - what a level contributes to packed products. Private to this room.
 *
 * A product is cut into slices along the reduction axis and into panels of columns. A panel is
 * unpacked from W into scratch once and multiplied with many rows of X. Its layout is the level's
 * own affair; only `unpack` writes and only `multiply` reads it. */
#ifndef GRAFT_KERNELS_GEMM_H
#define GRAFT_KERNELS_GEMM_H

#include "kernels/bytes.h"

/* graft_gemm.nc of most levels. Panels begin at multiples of 32. */
#define GRAFT_NC 128
/* The same where a long slice of 128 columns does not stay in the second cache either: X is read, and on
 * avx2bf16 widened, half as often. */
#define GRAFT_NC_WIDE 256
/* Slices of other terms that join a full one, so that the low-rank part of a map does not need a
 * panel of its own. A multiple of 32. */
#define GRAFT_K_EXTRA 128
/* Most slices in a panel. */
#define GRAFT_SLICES 8
/* graft_gemm.rows where arithmetic is not much faster than unpacking, and its row_block. */
#define GRAFT_ROWS 240
#define GRAFT_ROW_BLOCK 48
/* Tokens that one slice of graft_product_outer sums up: numeric contract as well. */
#define GRAFT_OUTER_TOKENS 256
/* Columns of the wide side in one job of it. */
#define GRAFT_OUTER_N 64

/* A panel: columns [c0, c0 + n_cols) of one or more slices, one behind the other along k. */
typedef struct graft_panel {
    void *data; /* aligned to 64 bytes */
    size_t n_cols;
    size_t n_k; /* of all slices, each rounded up to gemm->k_step, of bytes to whole groups */
} graft_panel;

/* Rows of X for one slice, as they lie. */
typedef struct graft_slice {
    const void *x;   /* the first row, at the slice's first element */
    size_t row_step; /* elements from row to row */
    size_t n_k;
    const graft_byte_group *groups; /* x is bytes, and these their first row; NULL: activations */
    size_t group_step;              /* from row to row */
} graft_slice;

/* y = scale * (sum over slices of x panel) + add, for one block of rows and columns. */
typedef struct graft_multiply {
    graft_slice slices[GRAFT_SLICES];
    size_t n_slices;
    graft_panel panel;
    size_t n_rows;
    graft_real scale;
    void *y; /* activations if y_act, else reals; must not overlap x */
    size_t ldy;
    bool y_act;
    const graft_real *add; /* NULL: nothing. May be y */
    size_t ldadd;
} graft_multiply;

struct graft_gemm {
    /* Longest slice of the reduction axis: a multiple of every block of every format. Part of the
     * numeric contract: the bits of a product depend on it, and on nothing else of the tiling. */
    size_t kc;
    size_t nc;            /* widest panel, in columns: a multiple of 64, at most kc */
    size_t nc_short;      /* the same of a reduction shorter than kc; 0: nc */
    size_t k_step;        /* slices are rounded up to multiples of it */
    size_t element_bytes; /* of a panel */

    /* Reduction slice [k0, k0 + n_k) of W^T (forward: column c is row c of W) or of W (backward:
     * column c is element c of W's rows, and k a row), columns from c0 on, to places k_at.. of
     * the panel. c0 is a multiple of 32, k0 of kc, k_at of k_step. */
    void (*unpack)(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                   const graft_panel *panel, size_t k_at);
    /* The same as bytes, in the room of k_step-sized elements; NULL where `multiply` knows none. */
    void (*unpack_bytes)(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                         const graft_panel *panel, size_t k_at);

    /* No row of y depends on n_rows, unless the level says so. */
    void (*multiply)(const graft_multiply *job, bool backward);

    /* sums[i * GRAFT_OUTER_N + j] += sum over n_tok <= GRAFT_OUTER_TOKENS rows of a[., i] b[., j]
     * for i < m, j < n <= GRAFT_OUTER_N. Both are activations. scratch: as large as a panel. */
    void (*outer)(graft_real *sums, const graft_act *a, size_t lda, const graft_act *b, size_t ldb,
                  size_t n_tok, size_t m, size_t n, void *scratch);

    /* Runs `rounds` rounds of the level's fastest arithmetic, spin_flops floating-point operations
     * each, without touching memory beyond the first cache; returns any number, so that nothing
     * is optimised away. scratch: as large as a panel. */
    graft_real (*spin)(size_t rounds, void *scratch);
    size_t spin_flops;

    /* Rows that a panel should serve once it is unpacked, where a product has as many: ranges of rows
     * are not made smaller to give all threads work. */
    size_t rows;
    /* Rows given to `multiply` at once: few enough for their X to stay in the second cache beside
     * the panel. 0: all. */
    size_t row_block;
};

/* Reals in columns or elements [begin, begin + n) of a row of W; begin need not be the start of a
 * block. Through the format's own decoder. */
void graft_weight_part(const graft_weight *w, size_t row, size_t begin, size_t n, graft_real *out);

#endif
