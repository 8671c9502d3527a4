/* autograd/rows.h - running a row kernel over all rows of a tensor, in tiles over the threads. */
#ifndef GRAFT_AUTOGRAD_ROWS_H
#define GRAFT_AUTOGRAD_ROWS_H

#include <stddef.h>

#include "core/threads.h"

/* Rows per job: fixed, so results do not depend on the number of threads. */
#define GRAFT_ROW_TILE 16

typedef void graft_row_range(const void *context, size_t begin, size_t end);

/* Calls range(context, begin, end) for consecutive tiles of [0, n_rows). */
void graft_rows_run(size_t n_rows, graft_row_range *range, const void *context);

#endif
