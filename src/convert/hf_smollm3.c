/* convert/hf_smollm3.c - SmolLM3ForCausalLM: a llama whose every fourth layer does not rotate. */
#include "convert/architectures.h"

enum { PERIOD = 4 };

static graft_status prepare(graft_hf_model *model)
{
    const graft_json *layers = graft_hf_config_get(&model->config, "no_rope_layers");
    const graft_json *interval = graft_hf_config_get(&model->config, "no_rope_layer_interval");
    const graft_json *types = graft_hf_config_get(&model->config, "layer_types");
    bool fits = layers == NULL || graft_json_length(layers) == model->dims.n_layer;
    for (size_t l = 0; layers != NULL && fits && l < model->dims.n_layer; l++) {
        fits = (graft_json_int(graft_json_at(layers, l)) != 0) == (l % PERIOD != PERIOD - 1);
    }
    if (layers == NULL && interval != NULL) {
        fits = graft_json_is(interval, GRAFT_JSON_INT) && graft_json_int(interval) == PERIOD;
    }
    if (!fits) {
        return graft_hf_config_fail(&model->config, "the runtime takes it that every %dth layer "
                                    "does not rotate, and no_rope_layers says otherwise", PERIOD);
    }
    for (size_t l = 0; types != NULL && l < graft_json_length(types); l++) {
        const char *type = graft_json_string(graft_json_at(types, l), NULL);
        if (type == NULL || type[0] != 'f') {
            return graft_hf_config_fail(&model->config, "layers with windows are not supported");
        }
    }
    return graft_hf_llama_prepare(model);
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 32768}, {"rms_norm_eps", 1e-6}, {"num_key_value_heads", 4},
    {"rope_theta", 2000000}, {"tie_word_embeddings", 1}, {NULL, 0},
};

const graft_hf_architecture graft_hf_smollm3 = {
    .name = "SmolLM3ForCausalLM", .arch = "smollm3",
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_bias_rules,
              graft_hf_gated_rules},
    .defaults = defaults, .activation = "silu", .interleaved = true, .prepare = prepare,
    .keys = graft_hf_llama_keys,
};
