/* convert/hf_phi3.c - Phi3ForCausalLM: Phi-3, Phi-3.5, Phi-4 and Phi-4-mini. q, k and v are one
 * map, gate and up another; heads may rotate in part; long texts have factors of their own. */
#include <math.h>
#include <string.h>

#include "convert/architectures.h"

static const graft_hf_rule rules[] = {
    {"self_attn.qkv_proj.weight", "attn_qkv.weight", GRAFT_HF_QKV, GRAFT_HF_EMBD, GRAFT_HF_PLAIN,
     false},
    {"self_attn.o_proj.weight", "attn_output.weight", GRAFT_HF_EMBD, GRAFT_HF_Q, GRAFT_HF_PLAIN,
     false},
    {"mlp.gate_up_proj.weight", "ffn_up.weight", GRAFT_HF_FF2, GRAFT_HF_EMBD, GRAFT_HF_PLAIN,
     false},
    {"mlp.down_proj.weight", "ffn_down.weight", GRAFT_HF_EMBD, GRAFT_HF_FF, GRAFT_HF_PLAIN, false},
    {0},
};

static size_t rotated(const graft_hf_model *model)
{
    return (size_t)(model->rope.partial * (double)model->dims.n_embd) / model->dims.n_head;
}

/* The context that the model was first trained with. */
static graft_status original_context(const graft_hf_model *model, double *out)
{
    graft_status status = GRAFT_OK;
    const graft_hf_config *c = &model->config;
    *out = (double)model->dims.n_ctx;
    if (graft_hf_config_get(c, "original_max_position_embeddings") != NULL) {
        GRAFT_TRY(graft_hf_config_real(c, "original_max_position_embeddings", out));
    }
    GRAFT_TRY(graft_hf__want_real(c, model->rope.params, "original_max_position_embeddings", out));
    if (!(*out >= 2 && *out <= INT32_MAX)) {
        status = graft_hf_config_fail(c, "original_max_position_embeddings is out of range");
    }
done:
    return status;
}

static graft_status add_factors(graft_hf_model *model, const char *name, const char *tensor)
{
    graft_status status = GRAFT_OK;
    const graft_json *list = graft_json_get(model->rope.params, name);
    size_t n = rotated(model) / 2;
    float *factors = NULL;
    if (!graft_json_is(list, GRAFT_JSON_ARRAY) || graft_json_length(list) != n) {
        return graft_hf_config_fail(&model->config, "%s is not a list of %zu factors", name, n);
    }
    GRAFT_TRY(graft_hf_add_extra(model, tensor, n, &factors));
    for (size_t i = 0; i < n; i++) {
        const graft_json *value = graft_json_at(list, i);
        factors[i] = (float)graft_json_double(value);
        if (!(factors[i] > 0) || !isfinite(factors[i])) {
            status = graft_hf_config_fail(&model->config, "%s: factor %zu is not a positive number",
                                          name, i);
            goto done;
        }
    }
done:
    return status;
}

static graft_status prepare(graft_hf_model *model)
{
    graft_status status = GRAFT_OK;
    const char *type = model->rope.type;
    bool long_rope = strcmp(type, "longrope") == 0 || strcmp(type, "yarn") == 0;
    if (model->dims.d_head * model->dims.n_head != model->dims.n_embd || rotated(model) % 2 != 0) {
        return graft_hf_config_fail(&model->config, "heads that do not share hidden_size evenly");
    }
    if (!long_rope && strcmp(type, "default") != 0) {
        return graft_hf_config_fail(&model->config, "rope type \"%.40s\" of %s is not supported "
                                    "(known: default, longrope, yarn)", type,
                                    model->architecture->name);
    }
    if (long_rope) {
        GRAFT_TRY(add_factors(model, "long_factor", "rope_factors_long.weight"));
        GRAFT_TRY(add_factors(model, "short_factor", "rope_factors_short.weight"));
    }
done:
    return status;
}

static graft_status keys(const graft_hf_model *model, const graft_hf_keys *out)
{
    graft_status status = GRAFT_OK;
    const graft_hf_dims *d = &model->dims;
    const graft_json *window = graft_hf_config_get(&model->config, "sliding_window");
    double context;
    GRAFT_TRY(original_context(model, &context));
    GRAFT_TRY(graft_hf_key_u32(out, ".context_length", d->n_ctx));
    GRAFT_TRY(graft_hf_key_u32(out, ".rope.scaling.original_context_length", (uint64_t)context));
    GRAFT_TRY(graft_hf_key_u32(out, ".embedding_length", d->n_embd));
    GRAFT_TRY(graft_hf_key_u32(out, ".feed_forward_length", d->n_ff));
    GRAFT_TRY(graft_hf_key_u32(out, ".block_count", d->n_layer));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.head_count", d->n_head));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.head_count_kv", d->n_kv));
    GRAFT_TRY(graft_hf_key_f32(out, ".attention.layer_norm_rms_epsilon", d->rms_eps));
    GRAFT_TRY(graft_hf_key_u32(out, ".rope.dimension_count", rotated(model)));
    GRAFT_TRY(graft_hf_key_f32(out, ".rope.freq_base", model->rope.theta));
    /* zero tells the runtime that it is a Phi-4 */
    size_t n_window = 0;
    if (window != NULL) {
        GRAFT_TRY(graft_hf_config_size(&model->config, "sliding_window", 0, INT32_MAX, &n_window));
    }
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.sliding_window", n_window));
    if (model->n_extras > 0) {
        double ratio = (double)d->n_ctx / context, factor = 1;
        if (ratio > 1) {
            factor = strcmp(model->rope.type, "yarn") == 0
                         ? 0.1 * log(ratio) + 1
                         : sqrt(1 + log(ratio) / log(context));
        }
        GRAFT_TRY(graft_hf__want_real(&model->config, model->rope.params, "attention_factor",
                                      &factor));
        GRAFT_TRY(graft_hf_key_f32(out, ".rope.scaling.attn_factor", factor));
    }
done:
    return status;
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 4096}, {"rms_norm_eps", 1e-5}, {NULL, 0},
};

const graft_hf_architecture graft_hf_phi3 = {
    .name = "Phi3ForCausalLM", .arch = "phi3", .rules = {graft_hf_norm_rules, rules},
    .defaults = defaults, .activation = "silu", .prepare = prepare, .keys = keys,
};
