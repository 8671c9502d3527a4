/* adapter/decompose.h - room-internal: the parts of a frozen weight W [n_out, n_in] that adapters start
 * from. Products run in single precision on all threads; the results depend neither on their
 * number nor on anything but W, n and the seed. */
#ifndef GRAFT_ADAPTER_DECOMPOSE_H
#define GRAFT_ADAPTER_DECOMPOSE_H

#include "kernels/kernels.h"

/* The n largest singular values of W, descending, with their vectors: u [n, n_out] and v [n, n_in], rows
 * of length 1. By subspace iteration from random vectors (Halko, Martinsson & Tropp 2011), which is
 * exact where 2 n + 16 vectors span the smaller side. GRAFT_E_NUMERICS if W is not finite. */
graft_status graft_leading_svd(const graft_weight *w, size_t n, uint64_t seed, uint32_t stream,
                               graft_real *u, graft_real *sigma, graft_real *v);

/* The first n columns of Q, as rows q [n, n_out], and the first n rows of R [n, n_in] in W = QR, where
 * the diagonal of R is not negative. */
graft_status graft_leading_qr(const graft_weight *w, size_t n, graft_real *q, graft_real *r);

#endif
