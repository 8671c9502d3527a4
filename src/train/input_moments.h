/* train/input_moments.h - the second moments of what goes into linear maps: per input the mean of x x^T
 * over tokens that a model has read.
 *
 * A matrix of n_in x n_in per input can be more than memory holds, so they are collected for as many
 * layers at a time as a limit allows; the model reads the tokens again for the next. */
#ifndef GRAFT_TRAIN_INPUT_MOMENTS_H
#define GRAFT_TRAIN_INPUT_MOMENTS_H

#include "model/model.h"

typedef struct graft_input_moments {
    graft_model *model;
    graft_compute *compute;
    size_t *owners;      /* [n_slots]: the first slot with the same input */
    float **of;          /* [n_slots]: [n_in][n_in], the upper triangle; NULL but for collected owners */
    size_t *layers;      /* [n_layers]: the first slot of each, in the order of their tensors in the file */
    size_t n_layers;
    uint64_t n_tok;      /* read for them so far */
    float *rows, *packed; /* a slice of tokens */
    size_t widest;       /* n_in */
    bool learning;       /* owners are being found */
    size_t previous;     /* slot that was seen last */
} graft_input_moments;

/* Finds out, with one token, which slots share an input. `compute` must have activations in single
 * precision. */
graft_status graft_input_moments_init(graft_input_moments *m, graft_model *model,
                                      graft_compute *compute);
void graft_input_moments_clear(graft_input_moments *m);

/* Begins anew with the layer of a slot and as many that follow it in the file as `limit` bytes hold: what
 * goes through the tensors in the file's order asks for them next, and files have layers in the order
 * 0, 1, 10, 11, ..., too. */
graft_status graft_input_moments_begin(graft_input_moments *m, size_t slot, size_t limit);

/* Reads n tokens as one sequence; the bits do not depend on threads. GRAFT_E_DATA for ids beyond the
 * vocabulary. */
graft_status graft_input_moments_read(graft_input_moments *m, const int32_t *ids, uint32_t n);

/* Sums become means. GRAFT_E_NUMERICS if one is not finite. */
graft_status graft_input_moments_finish(graft_input_moments *m);

/* The matrix of a slot that was collected. */
const float *graft_input_moments_of(const graft_input_moments *m, size_t slot);

#endif
