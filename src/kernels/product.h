/* kernels/product.h - large products with quantised weights, cut into tiles over all threads.
 *
 * One driver serves both directions: it unpacks a panel of W from its blocks once and
 * multiplies it with all rows of the pass. The split into tiles does not depend on the number of
 * threads and the reduction axis is never split between them.
 *
 * A result may be the sum of several terms X W^T or X W, each with its own X and W: a frozen weight
 * and its low-rank part, or the gradients that come back from all maps which share an input. The
 * reduction axis of a term is walked in slices of fixed length; slices that fit into one
 * panel are summed in registers. Which ones do is a function of the shapes alone. */
#ifndef GRAFT_KERNELS_PRODUCT_H
#define GRAFT_KERNELS_PRODUCT_H

#include "kernels/bytes.h"

/* What a product needs besides its operands. Owned by whoever runs passes (autograd/compute.h).*/
typedef struct graft_workspace {
    void **per_thread;       /* graft_threads() blocks of per_thread_bytes each */
    size_t per_thread_bytes;
    int n_threads;
} graft_workspace;

/* Bytes of a thread's block that products of any size need at this level. */
size_t graft_product_thread_bytes(const graft_kernels *kernels);

typedef struct graft_term {
    const graft_act *x; /* [n_tok, n_in], or [n_tok, n_out] if backward */
    size_t ldx;
    const graft_weight *w;
    bool backward;      /* X W instead of X W^T */
    const graft_bytes *bytes; /* x as bytes: W is rounded to such as well; NULL: as they are */
} graft_term;

#define GRAFT_MAX_TERMS 8
#define GRAFT_MAX_PRODUCTS 8

/* y = scale * (sum of terms) + add */
typedef struct graft_product {
    graft_term terms[GRAFT_MAX_TERMS];
    size_t n_terms; /* >= 1; all give rows of the same width */
    void *y;        /* activations if y_act, else reals */
    size_t ldy;
    bool y_act;
    graft_real scale;
    const graft_real *add; /* NULL: nothing. May be y where y is real */
    size_t ldadd;
} graft_product;

/* Runs n <= GRAFT_MAX_PRODUCTS independent products of n_tok rows at once. No y may overlap an x. */
void graft_products_run(const graft_kernels *kernels, graft_workspace *workspace,
                        const graft_product *products, size_t n, size_t n_tok);

/* One product of one term to reals: Y[n_tok, n_out] = scale * X[n_tok, n_in] W^T, or += ;
 * backward: dX[n_tok, n_in] = scale * dY[n_tok, n_out] W. */
void graft_product_run(const graft_kernels *kernels, graft_workspace *workspace, graft_real *y,
                       size_t ldy, const graft_act *x, size_t ldx, const graft_weight *w,
                       bool backward, size_t n_tok, graft_real scale, bool accumulate);

/* dW[i * row_step + j * col_step] += scale * (A^T B)[i, j] with A [n_tok, m] and B [n_tok, n],
 * both activations: the gradient of a factor of rank m, the narrow side. Summed over tokens in
 * order, in slices of fixed size. */
typedef struct graft_outer {
    graft_real *dw;
    size_t row_step, col_step;
    const graft_act *a, *b;
    size_t lda, ldb, m, n;
    graft_real scale;
} graft_outer;
void graft_outers_run(const graft_kernels *kernels, graft_workspace *workspace,
                      const graft_outer *outers, size_t n, size_t n_tok);

#endif
