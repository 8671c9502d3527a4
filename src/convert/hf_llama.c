/* convert/hf_llama.c - LlamaForCausalLM: Llama 1 to 3.3, SmolLM2, TinyLlama, ... */
#include <math.h>
#include <string.h>

#include "convert/architectures.h"

/* Rope type "llama3": each frequency is divided by a factor of its own, none for short waves,
 * all of it for those longer than the context of the first training, and something between in
 * between. */
graft_status graft_hf_llama_prepare(graft_hf_model *model)
{
    graft_status status = GRAFT_OK;
    const graft_hf_config *c = &model->config;
    size_t d = model->dims.d_head;
    double factor, low, high, context = 8192;
    float *factors = NULL;
    if (strcmp(model->rope.type, "llama3") != 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_hf_rope_need(c, &model->rope, "factor", &factor));
    GRAFT_TRY(graft_hf_rope_need(c, &model->rope, "low_freq_factor", &low));
    GRAFT_TRY(graft_hf_rope_need(c, &model->rope, "high_freq_factor", &high));
    GRAFT_TRY(graft_hf__want_real(c, model->rope.params, "original_max_position_embeddings",
                                  &context));
    if (!(high > low) || !(context > 0)) {
        status = graft_hf_config_fail(c, "rope type \"llama3\": high_freq_factor must be more than "
                                      "low_freq_factor, and the original context positive");
        goto done;
    }
    GRAFT_TRY(graft_hf_add_extra(model, "rope_freqs.weight", d / 2, &factors));
    /* in single precision, as the converter computes them */
    for (size_t i = 0; i < d / 2; i++) {
        float power = (float)(2 * i) / (float)d;
        float wave = (float)(2 * 3.14159265358979323846) /
                     (1 / (float)pow(model->rope.theta, (double)power));
        float smooth = ((float)context / wave - (float)low) / (float)(high - low);
        factors[i] = wave < (float)(context / high)  ? 1.0f
                     : wave > (float)(context / low) ? (float)factor
                                                     : 1 / ((1 - smooth) / (float)factor + smooth);
    }
done:
    return status;
}

graft_status graft_hf_llama_keys(const graft_hf_model *model, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hf_common_keys(model, keys));
    GRAFT_TRY(graft_hf_key_u32(keys, ".vocab_size", model->dims.n_vocab));
    GRAFT_TRY(graft_hf_key_u32(keys, ".rope.dimension_count", model->dims.d_head));
done:
    return status;
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 2048}, {"rms_norm_eps", 1e-6}, {NULL, 0},
};

const graft_hf_architecture graft_hf_llama = {
    .name = "LlamaForCausalLM", .arch = "llama",
    .defaults = defaults,
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_bias_rules,
              graft_hf_gated_rules},
    .activation = "silu", .interleaved = true, .own_head_dim = true,
    .prepare = graft_hf_llama_prepare, .keys = graft_hf_llama_keys,
};
