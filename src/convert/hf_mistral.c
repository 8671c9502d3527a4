/* convert/hf_mistral.c - MistralForCausalLM: Mistral 7B, Nemo, Ministral. They run as llamas. */
#include "convert/architectures.h"
#include "core/log.h"

static graft_status prepare(graft_hf_model *model)
{
    const graft_json *window = graft_hf_config_get(&model->config, "sliding_window");
    if (graft_json_is(window, GRAFT_JSON_INT) &&
        graft_json_int(window) < (int64_t)model->dims.n_ctx) {
        graft_log(GRAFT_LOG_WARN, "%s: sliding_window %lld: runtimes compute llamas without "
                  "windows; longer texts give other results than in Hugging Face models",
                  model->config.path, (long long)graft_json_int(window));
    }
    return graft_hf_llama_prepare(model);
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 131072}, {"rms_norm_eps", 1e-6}, {"num_key_value_heads", 8},
    {NULL, 0},
};

const graft_hf_architecture graft_hf_mistral = {
    .name = "MistralForCausalLM", .arch = "llama",
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_bias_rules,
              graft_hf_gated_rules},
    .defaults = defaults, .activation = "silu", .interleaved = true, .own_head_dim = true,
    .prepare = prepare, .keys = graft_hf_llama_keys,
};
