/* autograd/live_rows.h - rows of a gradient that the way back is worth going for.
 *
 * Tokens that are not trained get gradients through attention alone, and most of them next to none; some
 * rows are zeros all through. What is made of the others alone stands at the front of its matrix, and is
 * then spread. */
#ifndef GRAFT_AUTOGRAD_LIVE_ROWS_H
#define GRAFT_AUTOGRAD_LIVE_ROWS_H

#include "autograd/tape.h"

typedef struct graft_live_rows {
    const uint32_t *rows; /* ascending */
    size_t n, of;         /* of so many; n == of: all of them */
} graft_live_rows;

/* *out = the rows in which the gradients of n tensors together have at least this share of their mean square
 * (0: are not all zeros), in the arena of the pass. What is no number is alive. The gradients of
 * all tensors must be there. */
graft_status graft_live_rows_find(graft_tape *tape, graft_live_rows *out,
                                  graft_tensor *const *tensors, size_t n, double share);

/* Row i of `to` = row rows[i] of `from`, which may be the same matrix. */
void graft_live_rows_gather(const graft_live_rows *live, void *to, const void *from,
                            size_t row_bytes);
/* Row i to where row rows[i] is; zeros elsewhere. */
void graft_live_rows_spread(const graft_live_rows *live, void *matrix, size_t row_bytes);

#endif
