/* convert/hf_granite.c - GraniteForCausalLM: a llama with four multipliers. */
#include "convert/architectures.h"

static graft_status scale(const graft_hf_model *model, const graft_hf_keys *keys, const char *name,
                          const char *key)
{
    double value = 0;
    graft_status status = graft_hf_config_real(&model->config, name, &value);
    return status != GRAFT_OK || value == 0 ? status : graft_hf_key_f32(keys, key, value);
}

static graft_status prepare(graft_hf_model *model)
{
    graft_hf_dims *d = &model->dims;
    /* the runtime takes a head to be a share of the width, whatever the file says */
    if (d->d_head * d->n_head != d->n_embd) {
        return graft_hf_config_fail(&model->config, "head_dim %zu is not hidden_size / "
                                    "num_attention_heads, which the runtime takes it to be",
                                    d->d_head);
    }
    d->has_head_dim = false;
    return graft_hf_llama_prepare(model);
}

static graft_status keys(const graft_hf_model *model, const graft_hf_keys *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hf_llama_keys(model, out));
    GRAFT_TRY(scale(model, out, "attention_multiplier", ".attention.scale"));
    GRAFT_TRY(scale(model, out, "embedding_multiplier", ".embedding_scale"));
    GRAFT_TRY(scale(model, out, "residual_multiplier", ".residual_scale"));
    GRAFT_TRY(scale(model, out, "logits_scaling", ".logit_scale"));
done:
    return status;
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 2048}, {"rms_norm_eps", 1e-6}, {"attention_multiplier", 1},
    {"embedding_multiplier", 1}, {"residual_multiplier", 1}, {"logits_scaling", 1}, {NULL, 0},
};

const graft_hf_architecture graft_hf_granite = {
    .name = "GraniteForCausalLM", .arch = "granite",
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_bias_rules,
              graft_hf_gated_rules},
    .defaults = defaults, .activation = "silu", .interleaved = true, .prepare = prepare,
    .keys = keys,
};
