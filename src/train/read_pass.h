/* train/read_pass.h - a model reads a sequence for what goes through it, not for what comes out. */
#ifndef GRAFT_TRAIN_READ_PASS_H
#define GRAFT_TRAIN_READ_PASS_H

#include "model/model.h"

/* Runs the layers for n tokens; every layer sees every token. compute->watch is told. */
graft_status graft_read_pass(graft_model *model, graft_compute *compute, const int32_t *ids,
                             uint32_t n);

/* The slot that holds the weight which compute->watch is shown; of a matrix that is several maps it is shown rows,
 * and what goes into it counts once: with the first of them. n_slots for the later ones. */
size_t graft_read_slot(const graft_model *model, const graft_weight *w);

#endif
