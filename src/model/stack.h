/* model/stack.h - room-internal: the layers of a model, one upon the other. */
#ifndef GRAFT_MODEL_STACK_H
#define GRAFT_MODEL_STACK_H

#include "model/model.h"

/* *out = the residual stream after the last layer; see graft_model_hidden. */
graft_status graft_model__run_layers(graft_model *model, graft_tape *tape, const graft_pass *pass,
                                     const graft_kv_cache *cache, size_t n_recomputed,
                                     const graft_rows_wanted *wanted, graft_tensor **out);

#endif
