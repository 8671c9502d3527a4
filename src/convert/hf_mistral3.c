/* convert/hf_mistral3.c - Ministral3ForCausalLM (Ministral 3, Devstral 2), and the text part of
 * Mistral3ForConditionalGeneration, which is that or (Mistral Small 3.1) a plain Mistral: queries grow with
 * their position beyond the first context, and YaRN's magnitude has a multiplier. */
#include <string.h>

#include "convert/architectures.h"

/* Numbers of the rotation that only these models have. */
typedef struct position {
    double temperature;    /* of queries */
    double log_multiplier; /* of YaRN's magnitude; 0: the paper's */
} position;

static graft_status read_position(const graft_hf_model *model, position *out)
{
    graft_status status = GRAFT_OK;
    const graft_hf_config *config = &model->config;
    const graft_json *params = model->rope.params;
    double mscale = 0;
    *out = (position){0};
    GRAFT_TRY(graft_hf__want_real(config, params, "llama_4_scaling_beta", &out->temperature));
    GRAFT_TRY(graft_hf__want_real(config, params, "mscale", &mscale));
    GRAFT_TRY(graft_hf__want_real(config, params, "mscale_all_dim", &out->log_multiplier));
    if (mscale == 0) { /* the class looks at both or at none */
        out->log_multiplier = 0;
    }
    if (out->log_multiplier != 0 && mscale != 1) {
        status = graft_hf_config_fail(config, "mscale is %g, and the runtime takes 1", mscale);
    } else if (out->temperature < 0) {
        status = graft_hf_config_fail(config, "llama_4_scaling_beta is negative");
    }
done:
    return status;
}

static graft_status prepare(graft_hf_model *model)
{
    graft_status status = GRAFT_OK;
    position p;
    const graft_json *window = graft_hf_config_get(&model->config, "sliding_window");
    const char *type = graft_json_string(graft_hf_config_get(&model->config, "model_type"), NULL);
    if (type != NULL && strcmp(type, "ministral3") != 0 && strcmp(type, "mistral") != 0) {
        return graft_hf_config_fail(&model->config, "the text part is a \"%.40s\", and %s is known with "
                                    "ministral3 and mistral", type, model->architecture->name);
    }
    if (type != NULL && strcmp(type, "ministral3") == 0 && model->rope.params == NULL) {
        return graft_hf_config_fail(&model->config, "rope_parameters are missing");
    }
    if (graft_json_is(window, GRAFT_JSON_INT) && graft_json_int(window) < (int64_t)model->dims.n_ctx) {
        return graft_hf_config_fail(&model->config, "layers with windows are not supported");
    }
    GRAFT_TRY(read_position(model, &p));
    GRAFT_TRY(graft_hf_llama_prepare(model));
done:
    return status;
}

static graft_status keys(const graft_hf_model *model, const graft_hf_keys *out)
{
    graft_status status = GRAFT_OK;
    position p;
    size_t context;
    GRAFT_TRY(graft_hf_llama_keys(model, out));
    GRAFT_TRY(read_position(model, &p));
    if (p.log_multiplier != 0) {
        GRAFT_TRY(graft_hf_key_f32(out, ".rope.scaling.yarn_log_multiplier", p.log_multiplier));
    }
    if (p.temperature != 0) {
        GRAFT_TRY(graft_hf_key_f32(out, ".attention.temperature_scale", p.temperature));
    }
    if (p.temperature != 0 && strcmp(model->rope.type, "yarn") != 0) { /* which has said it */
        GRAFT_TRY(graft_hf_rope_first_context(&model->config, &model->rope, &context));
        GRAFT_TRY(graft_hf_key_u32(out, ".rope.scaling.original_context_length", context));
    }
done:
    return status;
}

/* The classes of the two text parts assume different sizes: they must be given. */
static const graft_hf_default defaults[] = {{"num_key_value_heads", 8}, {NULL, 0}};

#define COMMON                                                                                  \
    .arch = "mistral3",                                                                         \
    .rules = {graft_hf_norm_rules, graft_hf_attention_rules, graft_hf_gated_rules},             \
    .defaults = defaults, .activation = "silu", .interleaved = true, .own_head_dim = true,      \
    .prepare = prepare, .keys = keys

const graft_hf_architecture graft_hf_mistral3 = {.name = "Ministral3ForCausalLM", COMMON};

const graft_hf_architecture graft_hf_mistral3_vision = {
    .name = "Mistral3ForConditionalGeneration", .has_vision = true, COMMON,
};
