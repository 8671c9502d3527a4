/* train/input_sums.h - how large what goes into each linear map is: per input column the sum of
 * squares over all tokens that a model has read. */
#ifndef GRAFT_TRAIN_INPUT_SUMS_H
#define GRAFT_TRAIN_INPUT_SUMS_H

#include "model/model.h"

typedef struct graft_input_sums {
    double **of;     /* [n_slots of the model][n_in] */
    size_t n_slots;
    uint64_t n_tok;  /* read so far */
} graft_input_sums;

graft_status graft_input_sums_init(graft_input_sums *sums, const graft_model *model);
void graft_input_sums_clear(graft_input_sums *sums);

/* Reads n tokens as one sequence and adds their squares, in an order that does not depend on threads.
 * Every layer sees every token. `compute` must have activations in single precision.
 * GRAFT_E_NUMERICS if a sum is not finite, GRAFT_E_DATA for ids beyond the vocabulary. */
graft_status graft_input_sums_read(graft_input_sums *sums, graft_model *model,
                                   graft_compute *compute, const int32_t *ids, uint32_t n);

#endif
