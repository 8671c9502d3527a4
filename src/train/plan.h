/* train/plan.h - how a step is cut into passes, and what that costs in memory. */
#ifndef GRAFT_TRAIN_PLAN_H
#define GRAFT_TRAIN_PLAN_H

#include "config/config.h"
#include "model/model.h"

typedef struct graft_plan {
    size_t max_tokens_per_pass;
    bool recompute;        /* layers are recomputed in backward instead of kept */
    size_t pass_bytes;     /* activations and gradients of the largest pass */
    size_t fixed_bytes;    /* logits, packed operands, adapter and optimiser state */
    size_t available_bytes; /* what the system could give when the plan was made; 0: unknown */
} graft_plan;

/* Plans passes for examples of at most `longest` tokens. Where the configuration leaves the choice
 * (max_tokens_per_pass 0, gradient_checkpointing auto) it keeps activations if they fit into half of
 * the free memory, and recomputes otherwise. GRAFT_E_MEMORY if not even the longest example fits, naming
 * the setting that helps; GRAFT_E_CONFIG if max_tokens_per_pass is smaller than `longest`. */
graft_status graft_plan_make(graft_plan *out, const graft_config *config, const graft_model *model,
                             size_t n_params, size_t longest);

#endif
