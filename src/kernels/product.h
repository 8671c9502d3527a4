/* kernels/product.h - large products with quantised weights, cut into tiles over all threads.
 *
 * One packed driver serves both directions: it unpacks a panel of W from its blocks once and
 * multiplies it with all rows of the pass. Rows of X and Y are graft_real. The split into tiles
 * does not depend on the number of threads and the reduction axis is never split between them.
 *
 * The reduction axis is walked in slices of GRAFT_KC, each added to the result in order: part of
 * the numeric contract of a level, with the order inside the micro-kernel. */
#ifndef GRAFT_KERNELS_PRODUCT_H
#define GRAFT_KERNELS_PRODUCT_H

#include "kernels/kernels.h"

/* What a product needs besides its operands. Owned by whoever runs passes (autograd/compute.h).*/
typedef struct graft_workspace {
    void **per_thread;       /* graft_threads() blocks of per_thread_bytes each */
    size_t per_thread_bytes;
    void *shared;            /* packed X, at least graft_product_shared_bytes() */
    size_t shared_bytes;
    int n_threads;
} graft_workspace;

/* Bytes of a thread's block / of the shared block that products of at most these sizes need at
 * this level. Monotone in each argument. */
size_t graft_product_thread_bytes(const graft_kernels *kernels);
size_t graft_product_shared_bytes(const graft_kernels *kernels, size_t n_tok, size_t n_widest);

/* Y[n_tok, n_out] = scale * X[n_tok, n_in] W^T, or += if accumulate. Y must not alias X. */
void graft_product(const graft_kernels *kernels, graft_workspace *workspace, graft_real *y,
                   size_t ldy, const graft_real *x, size_t ldx, const graft_weight *w,
                   size_t n_tok, graft_real scale, bool accumulate);

/* dX[n_tok, n_in] = scale * dY[n_tok, n_out] W, or += if accumulate. */
void graft_product_backward(const graft_kernels *kernels, graft_workspace *workspace,
                            graft_real *dx, size_t lddx, const graft_real *dy, size_t lddy,
                            const graft_weight *w, size_t n_tok, graft_real scale,
                            bool accumulate);

/* dW[n_out, n_in] += scale * dY^T X: the gradient of a dense weight; one of n_out, n_in is small
 * (a rank). Summed over tokens in order, in slices of fixed size. */
void graft_product_outer(const graft_kernels *kernels, graft_workspace *workspace, graft_real *dw,
                         size_t lddw, const graft_real *dy, size_t lddy, const graft_real *x,
                         size_t ldx, size_t n_tok, size_t n_out, size_t n_in, graft_real scale);

#endif
