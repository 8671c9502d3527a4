/* train/plan.h - how a step is cut into passes, and what that costs in memory. */
#ifndef GRAFT_TRAIN_PLAN_H
#define GRAFT_TRAIN_PLAN_H

#include "config/config.h"
#include "model/model.h"

typedef struct graft_plan {
    size_t usual_tokens;        /* a pass is filled up to here */
    size_t max_tokens_per_pass; /* and up to here with examples that share much of what it has */
    size_t longest;     /* tokens of the longest example: it gets a pass, if longer than usual_tokens */
    size_t room_bytes;  /* what activations and gradients of a pass may take */
    size_t pass_bytes;  /* what those of a pass of usual_tokens, or of the longest example, take */
    size_t fixed_bytes; /* packed operands, adapter and optimiser state */
    size_t saving_bytes; /* the image of a checkpoint, and the best adapter that it has a copy of */
    size_t checkpoint_bytes; /* of a checkpoint on disk */
    int checkpointing;  /* the setting gradient_checkpointing */
} graft_plan;

/* Plans passes for examples of at most `longest` tokens. A pass is filled with examples up to
 * 2,048 tokens: more does not make products faster. Where memory is short it is as many, but 512 at
 * least, as leave all layers kept: recomputing them took more than unpacking weights more often. It
 * grows beyond that with examples that share a long beginning with it, as far as all layers can be
 * kept (16,384 tokens at most). What counts is max_memory, else half of the machine's memory. Both numbers
 * change the order of sums, so they depend on the machine and the settings but not on what is
 * free at the moment; max_tokens_per_pass sets both. How many layers are recomputed follows from
 * what is free; it changes no bit. The room is max_memory less what the process already has and
 * will have (base file, optimiser, a checkpoint being written, with keeps_best the best adapter so
 * far, ...), or half of what is free. GRAFT_E_MEMORY if a pass does
 * not fit, naming the setting that helps; GRAFT_E_CONFIG if max_tokens_per_pass is smaller
 * than `longest`. */
graft_status graft_plan_make(graft_plan *out, const graft_config *config, const graft_model *model,
                             const graft_kernels *kernels, size_t n_params, bool keeps_best,
                             size_t longest);

/* Plans passes of these sizes instead. GRAFT_E_MEMORY if there is no room for them. */
graft_status graft_plan_adopt(graft_plan *plan, const graft_model *model,
                              const graft_kernels *kernels, size_t usual_tokens,
                              size_t max_tokens_per_pass);

/* What this process has in memory now beside the base, whose pages are taken out of it first: how many of
 * them the system happened to map is its own affair, and a plan counts the whole file. */
size_t graft_plan_resident_bytes(const graft_model *model);

/* Activations, logits and gradients of a pass of n_tok tokens. */
size_t graft_plan_pass_bytes(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels, size_t n_tok);

/* What a step may need at most at a time: the largest of its passes, with all that is fixed. */
size_t graft_plan_step_bytes(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels);

/* How many layers a pass of n_tok tokens recomputes in backward. */
size_t graft_plan_recomputed(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels, size_t n_tok);

/* Bytes that a pass of n_tok tokens takes which only reads: no layer is kept. */
size_t graft_plan_reading_bytes(const graft_model *model, const graft_kernels *kernels,
                                size_t n_tok);

#endif
