/* adapter/patterns.h - room-internal: ranks and alphas of single modules (PEFT's rank_pattern and
 * alpha_pattern).
 *
 * A pattern is "NAME=NUMBER". NAME is the end of a module's name, from a whole part on, as PEFT reads
 * it: "q_proj" (all layers), "layers.3.self_attn.q_proj" or "layers.3.q_proj" (one), or the same as
 * GGUF files name it, "attn_q" and "blk.3.attn_q". The first one that fits counts. */
#ifndef GRAFT_ADAPTER_PATTERNS_H
#define GRAFT_ADAPTER_PATTERNS_H

#include "adapter/adapter.h"

/* GRAFT_E_CONFIG, with `setting` in front, if a pattern cannot be read, its number is not positive (or
 * not whole, where `whole`), or it fits none of the slots that `wanted` says are adapted. */
graft_status graft_patterns_check(const char *setting, const graft_adapter_patterns *patterns,
                                  bool whole, const char *arch, const graft_slot *slots,
                                  const bool *wanted, size_t n_slots);

/* The number of the first of checked patterns that fits the slot; `otherwise` if none does. */
double graft_patterns_find(const graft_adapter_patterns *patterns, const char *arch,
                           const graft_slot *slot, double otherwise);

#endif
