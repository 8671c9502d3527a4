/* adapter/dora.h - magnitudes of the rows of adapted maps (Liu et al. 2024, "DoRA"): how long the rows of
 * W + scale B A are.
 *
 * |w + s b A|^2 = |w|^2 + 2 s b (A w) + s^2 b (A A^T) b^T: with A W^T and B (A A^T), which are products
 * of `rank` rows and of rank x rank, no row of B A is ever made. */
#ifndef GRAFT_ADAPTER_DORA_H
#define GRAFT_ADAPTER_DORA_H

#include "adapter/slot.h"

/* out[n_out] = squared lengths of the rows of W. */
graft_status graft_dora_square_rows(double *out, const graft_weight *w);

/* Measures the rows of all attached maps with magnitudes, as their parameters are now: inv_norm and factor.
 * To be called before passes whenever parameters have changed. In single precision on all threads; takes
 * memory of the arena and gives it back. */
graft_status graft_slots_measure(const graft_slot *slots, size_t n_slots, graft_compute *compute);

#endif
