/* train/plan.h - how a step is cut into passes, and what that costs in memory. */
#ifndef GRAFT_TRAIN_PLAN_H
#define GRAFT_TRAIN_PLAN_H

#include "config/config.h"
#include "model/model.h"

typedef struct graft_plan {
    size_t max_tokens_per_pass;
    size_t room_bytes;  /* what activations and gradients of a pass may take */
    size_t pass_bytes;  /* what those of a pass of max_tokens_per_pass take */
    size_t fixed_bytes; /* logits, packed operands, adapter and optimiser state */
    int checkpointing;  /* the setting gradient_checkpointing */
} graft_plan;

/* Plans passes for examples of at most `longest` tokens. A pass has 1,024 tokens, or as many as the
 * longest example, unless max_tokens_per_pass says otherwise: that number changes the order of
 * sums, so it does not depend on the machine. How many layers are recomputed does; it changes no
 * bit. The room is max_memory less what the process already has and will have (base file,
 * optimiser, ...), or half of what is free. GRAFT_E_MEMORY if a pass does not fit, naming the
 * setting that helps; GRAFT_E_CONFIG if max_tokens_per_pass is smaller than `longest`. */
graft_status graft_plan_make(graft_plan *out, const graft_config *config, const graft_model *model,
                             const graft_kernels *kernels, size_t n_params, size_t longest);

/* How many layers a pass of n_tok tokens recomputes in backward. */
size_t graft_plan_recomputed(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels, size_t n_tok);

#endif
