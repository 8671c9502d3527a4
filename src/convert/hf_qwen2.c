/* convert/hf_qwen2.c - Qwen2ForCausalLM: Qwen 2 and 2.5. */
#include "convert/architectures.h"
#include "core/log.h"

graft_status graft_hf_qwen_prepare(graft_hf_model *model)
{
    bool windows = false;
    graft_status status = graft_hf_config_bool(&model->config, "use_sliding_window", &windows);
    if (status == GRAFT_OK && windows) {
        graft_log(GRAFT_LOG_WARN, "%s: use_sliding_window: runtimes compute this architecture "
                  "without windows", model->config.path);
    }
    return status;
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 32768}, {"rms_norm_eps", 1e-6}, {"num_key_value_heads", 32},
    {NULL, 0},
};

const graft_hf_architecture graft_hf_qwen2 = {
    .name = "Qwen2ForCausalLM", .arch = "qwen2",
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_bias_rules,
              graft_hf_gated_rules},
    .defaults = defaults, .activation = "silu", .prepare = graft_hf_qwen_prepare,
    .keys = graft_hf_common_keys,
};
