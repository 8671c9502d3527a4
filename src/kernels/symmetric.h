/* kernels/symmetric.h - symmetric matrices: sums of x x^T, and their factor.
 *
 * Only the upper triangle is looked at and written. X is packed: strips of eight columns, each
 * [m][8], the last one filled up with zeros; packed numbers are aligned to 16 bytes. Drivers run on all threads; the bits depend on neither
 * their number nor the instruction set. */
#ifndef GRAFT_KERNELS_SYMMETRIC_H
#define GRAFT_KERNELS_SYMMETRIC_H

#include <stdbool.h>
#include <stddef.h>

/* Rows of X that are summed before they are added to a matrix. */
enum { GRAFT_SYMMETRIC_ROWS = 256 };

/* Floats that m packed rows of n numbers take. */
static inline size_t graft_symmetric_packed(size_t n, size_t m)
{
    return (n + 7) / 8 * 8 * m;
}

/* packed = X [m, n], rows ldx apart. */
void graft_symmetric_pack(float *packed, const float *x, size_t ldx, size_t n, size_t m);

/* A [n, n], rows lda apart, += sign * X^T X; m <= GRAFT_SYMMETRIC_ROWS. */
void graft_symmetric_add(float *a, size_t lda, size_t n, const float *packed, size_t m, float sign);

/* A [n, n] becomes R with A = R^T R, R upper triangular with a positive diagonal. scratch:
 * graft_symmetric_packed(n, 64) floats. False if A is not positive definite; it is then spoilt. */
bool graft_symmetric_factor(float *a, size_t n, float *scratch);

#endif
