/* train/read_pass.h - a model reads a sequence for what goes through it, not for what comes out. */
#ifndef GRAFT_TRAIN_READ_PASS_H
#define GRAFT_TRAIN_READ_PASS_H

#include "model/model.h"

/* Runs the layers for n tokens; every layer sees every token. compute->watch is told. */
graft_status graft_read_pass(graft_model *model, graft_compute *compute, const int32_t *ids,
                             uint32_t n);

#endif
