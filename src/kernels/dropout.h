/* kernels/dropout.h - dropout masks that are a function of where they are used, not of state. */
#ifndef GRAFT_KERNELS_DROPOUT_H
#define GRAFT_KERNELS_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

typedef struct graft_dropout {
    uint32_t key[2];
    uint32_t counter[2];
    uint32_t threshold; /* elements whose 32-bit number lies below are dropped */
    graft_real keep_scale;
} graft_dropout;

/* p in [0, 1): the share dropped; what is kept is scaled by 1 / (1 - p). */
graft_dropout graft_dropout_mask(uint64_t seed, uint32_t step, uint32_t pass, uint32_t site,
                                 graft_real p);

/* y[i] += x[i] * mask_i for i in [0, n); over all threads. */
void graft_dropout_add(graft_real *y, const graft_real *x, size_t n, const graft_dropout *mask);
/* y = x * mask for activations [n_rows, n_cols], both ld apart; element i of the matrix without
 * what lies between rows. */
void graft_dropout_apply(const graft_kernels *kernels, graft_act *y, const graft_act *x, size_t ld,
                         size_t n_rows, size_t n_cols, const graft_dropout *mask);

#endif
