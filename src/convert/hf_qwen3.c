/* convert/hf_qwen3.c - Qwen3ForCausalLM: a norm on each head of q and k before it rotates. */
#include "convert/architectures.h"

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 32768}, {"rms_norm_eps", 1e-6}, {"num_key_value_heads", 32},
    {"head_dim", 128}, {NULL, 0},
};

const graft_hf_architecture graft_hf_qwen3 = {
    .name = "Qwen3ForCausalLM", .arch = "qwen3", .defaults = defaults,
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_head_norm_rules,
              graft_hf_gated_rules},
    .activation = "silu", .own_head_dim = true, .prepare = graft_hf_qwen_prepare,
    .keys = graft_hf_common_keys,
};
