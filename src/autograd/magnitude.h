/* autograd/magnitude.h - room-internal: maps whose rows have magnitudes (graft_low_rank), at what they
 * give: y = scale (factor z + bias), column by column, instead of W + scale B A made anew. */
#ifndef GRAFT_AUTOGRAD_MAGNITUDE_H
#define GRAFT_AUTOGRAD_MAGNITUDE_H

#include "autograd/ops.h"

typedef struct graft_magnitude {
    const graft_low_rank *low_rank;
    const graft_real *bias; /* NULL: none */
    graft_real scale;       /* of the output */
    const graft_act *z;     /* [n_rows, n_cols] */
    size_t n_rows, n_cols;
} graft_magnitude;

/* out = y, which may lie where z does; or reals residual + y, residual NULL: none. */
graft_status graft_magnitude_apply(graft_tape *tape, const graft_magnitude *m, graft_tensor *out,
                                   const graft_tensor *residual);

/* Adds to the gradient of the magnitudes; dy, activations, becomes the gradient of scale * z. */
graft_status graft_magnitude_backward(graft_tape *tape, const graft_magnitude *m, graft_act *dy);

#endif
