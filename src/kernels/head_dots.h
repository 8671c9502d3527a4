/* kernels/head_dots.h - dot products of two matrices, row by row and head by head. */
#ifndef GRAFT_KERNELS_HEAD_DOTS_H
#define GRAFT_KERNELS_HEAD_DOTS_H

#include <stddef.h>

#include "core/real.h"

/* out[row * n_head + h] = dot(x, y) over the d_head entries of head h; x and y are
 * [n_rows, n_head * d_head]. For attention's backward: delta = dot(out, dout). */
void graft_head_dots(graft_real *out, const graft_real *x, const graft_real *y, size_t n_rows,
                     size_t n_head, size_t d_head);

#endif
