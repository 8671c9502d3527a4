/* convert/model.c - what config.json says about a model, and the keys that most architectures
 * share. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "convert/architecture.h"
#include "core/log.h"
#include "core/memory.h"

static graft_status read_dims(graft_hf_model *model)
{
    graft_status status = GRAFT_OK;
    const graft_hf_config *c = &model->config;
    graft_hf_dims *d = &model->dims;
    GRAFT_TRY(graft_hf_config_size(c, "num_hidden_layers", 1, 4096, &d->n_layer));
    GRAFT_TRY(graft_hf_config_size(c, "hidden_size", 2, (size_t)1 << 20, &d->n_embd));
    GRAFT_TRY(graft_hf_config_size(c, "intermediate_size", 1, (size_t)1 << 24, &d->n_ff));
    GRAFT_TRY(graft_hf_config_size(c, "num_attention_heads", 1, 65536, &d->n_head));
    GRAFT_TRY(graft_hf_config_size(c, "vocab_size", 1, (size_t)1 << 24, &d->n_vocab));
    GRAFT_TRY(graft_hf_config_size(c, "max_position_embeddings", 1, INT32_MAX, &d->n_ctx));
    GRAFT_TRY(graft_hf_config_real(c, "rms_norm_eps", &d->rms_eps));
    d->n_kv = d->n_head;
    status = graft_hf_config_size(c, "num_key_value_heads", 1, 65536, &d->n_kv);
    if (status != GRAFT_OK && graft_hf_config_get(c, "num_key_value_heads") == NULL) {
        d->n_kv = d->n_head; /* what all classes assume that have no default of their own */
        status = GRAFT_OK;
    }
    GRAFT_TRY(status);
    d->d_head = 0;
    d->has_head_dim = model->architecture->own_head_dim ||
                      graft_hf_config_get(c, "head_dim") != NULL;
    if (graft_hf_config_size(c, "head_dim", 1, 65536, &d->d_head) != GRAFT_OK) {
        if (graft_hf_config_get(c, "head_dim") != NULL) {
            return graft_error_code();
        }
        d->d_head = d->n_embd / d->n_head;
        if (d->n_embd % d->n_head != 0) {
            return graft_hf_config_fail(c, "hidden_size %zu is not a multiple of "
                                        "num_attention_heads %zu", d->n_embd, d->n_head);
        }
    }
    if (d->n_head % d->n_kv != 0) {
        status = graft_hf_config_fail(c, "num_attention_heads %zu is not a multiple of "
                                      "num_key_value_heads %zu", d->n_head, d->n_kv);
    } else if (d->d_head % 2 != 0) {
        status = graft_hf_config_fail(c, "a head of %zu numbers cannot be rotated in pairs",
                                      d->d_head);
    } else if (!(d->rms_eps > 0)) {
        status = graft_hf_config_fail(c, "rms_norm_eps is not positive");
    }
done:
    return status;
}

/* The runtime computes one activation per architecture. */
static graft_status check_activation(const graft_hf_model *model)
{
    const graft_json *value = graft_hf_config_get(&model->config, "hidden_activation");
    value = value != NULL ? value : graft_hf_config_get(&model->config, "hidden_act");
    const char *name = graft_json_string(value, NULL);
    if (value == NULL || (name != NULL && strcmp(name, model->architecture->activation) == 0)) {
        return GRAFT_OK;
    }
    return graft_hf_config_fail(&model->config, "hidden_act is \"%.40s\", and %s is computed with "
                                "\"%s\"", name != NULL ? name : "", model->architecture->name,
                                model->architecture->activation);
}

/* What its keys will say (yarn_keys); Phi-3 has tables of it instead. */
static bool has_yarn_numbers(const graft_hf_model *model)
{
    double factor;
    size_t context;
    return graft_hf_rope_need(&model->config, &model->rope, "factor", &factor) == GRAFT_OK &&
           graft_hf_rope_first_context(&model->config, &model->rope, &context) == GRAFT_OK;
}

/* Rotations that the keys, or extra tensors, can tell the runtime of. */
static graft_status check_rope(const graft_hf_model *model)
{
    static const char *const by_keys[] = {"default", "linear", "yarn"};
    static const char *const by_tensors[] = {"llama3", "longrope"};
    const char *type = model->rope.type;
    if (strcmp(type, "yarn") == 0 && model->n_extras == 0 && !has_yarn_numbers(model)) {
        return graft_error_code();
    }
    for (size_t i = 0; i < sizeof by_keys / sizeof *by_keys; i++) {
        if (strcmp(type, by_keys[i]) == 0) {
            return GRAFT_OK;
        }
    }
    for (size_t i = 0; i < sizeof by_tensors / sizeof *by_tensors; i++) {
        if (strcmp(type, by_tensors[i]) == 0 && model->n_extras > 0) {
            return GRAFT_OK;
        }
    }
    if (strcmp(type, "dynamic") == 0) {
        graft_log(GRAFT_LOG_WARN, "%s: rope type \"dynamic\" changes with the length of a text; "
                  "runtimes compute it as if there were none", model->config.path);
        return GRAFT_OK;
    }
    return graft_hf_config_fail(&model->config, "rope type \"%.40s\" of %s is not supported "
                                "(known: default, linear, yarn; llama3 and longrope for the architectures "
                                "that have them)", type, model->architecture->name);
}

graft_status graft_hf_model_read(graft_hf_model *model, const char *folder)
{
    graft_status status = GRAFT_OK;
    *model = (graft_hf_model){0};
    graft_arena_init(&model->arena, 1 << 16);
    GRAFT_TRY(graft_hf_config_read(&model->config, folder));
    GRAFT_TRY(graft_hf_architecture_of(&model->architecture, &model->config));
    model->config.defaults = model->architecture->defaults;
    GRAFT_TRY(read_dims(model));
    GRAFT_TRY(check_activation(model));
    GRAFT_TRY(graft_hf_rope_read(&model->config, &model->rope));
    if (model->architecture->prepare != NULL) {
        GRAFT_TRY(model->architecture->prepare(model));
    }
    GRAFT_TRY(check_rope(model));
done:
    if (status != GRAFT_OK) {
        graft_hf_model_clear(model);
    }
    return status;
}

void graft_hf_model_clear(graft_hf_model *model)
{
    graft_hf_config_clear(&model->config);
    graft_arena_clear(&model->arena);
    *model = (graft_hf_model){0};
}

size_t graft_hf_size_of(const graft_hf_dims *dims, graft_hf_size size)
{
    switch (size) {
    case GRAFT_HF_NONE: return 1;
    case GRAFT_HF_EMBD: return dims->n_embd;
    case GRAFT_HF_VOCAB: return dims->n_vocab;
    case GRAFT_HF_Q: return dims->n_head * dims->d_head;
    case GRAFT_HF_KV: return dims->n_kv * dims->d_head;
    case GRAFT_HF_QKV: return (dims->n_head + 2 * dims->n_kv) * dims->d_head;
    case GRAFT_HF_HEAD: return dims->d_head;
    case GRAFT_HF_FF: return dims->n_ff;
    case GRAFT_HF_FF2: return 2 * dims->n_ff;
    }
    return 0;
}

graft_status graft_hf_add_extra(graft_hf_model *model, const char *name, size_t n, float **out)
{
    graft_status status = graft_arena_alloc(&model->arena, out, n, sizeof **out);
    if (status == GRAFT_OK) {
        model->extras[model->n_extras++] = (graft_hf_extra){name, *out, n};
    }
    return status;
}

static graft_status yarn_keys(const graft_hf_model *model, const graft_hf_keys *keys)
{
    static const char *const optional[][2] = {
        {"extrapolation_factor", ".rope.scaling.yarn_ext_factor"},
        {"attention_factor", ".rope.scaling.yarn_attn_factor"},
        {"beta_fast", ".rope.scaling.yarn_beta_fast"},
        {"beta_slow", ".rope.scaling.yarn_beta_slow"},
    };
    graft_status status = GRAFT_OK;
    double value = 0;
    size_t context;
    GRAFT_TRY(graft_hf_rope_first_context(&model->config, &model->rope, &context));
    GRAFT_TRY(graft_hf_key_u32(keys, ".rope.scaling.original_context_length", context));
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        if (graft_json_get(model->rope.params, optional[i][0]) != NULL) {
            GRAFT_TRY(graft_hf__want_real(&model->config, model->rope.params, optional[i][0],
                                          &value));
            GRAFT_TRY(graft_hf_key_f32(keys, optional[i][1], value));
        }
    }
done:
    return status;
}

static graft_status rope_keys(const graft_hf_model *model, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    const char *type = model->rope.type;
    double factor = 0;
    bool linear = strcmp(type, "linear") == 0, yarn = strcmp(type, "yarn") == 0;
    if (linear || yarn) {
        GRAFT_TRY(graft_hf_rope_need(&model->config, &model->rope, "factor", &factor));
        GRAFT_TRY(graft_hf_key_text(keys, ".rope.scaling.type", type));
        GRAFT_TRY(graft_hf_key_f32(keys, ".rope.scaling.factor", factor));
    }
    if (yarn) {
        GRAFT_TRY(yarn_keys(model, keys));
    }
    GRAFT_TRY(graft_hf_key_f32(keys, ".rope.freq_base", model->rope.theta));
    if (model->rope.local_theta > 0) {
        GRAFT_TRY(graft_hf_key_f32(keys, ".rope.freq_base_swa", model->rope.local_theta));
    }
done:
    return status;
}

graft_status graft_hf_common_keys(const graft_hf_model *model, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    const graft_hf_dims *d = &model->dims;
    GRAFT_TRY(graft_hf_key_u32(keys, ".block_count", d->n_layer));
    GRAFT_TRY(graft_hf_key_u32(keys, ".context_length", d->n_ctx));
    GRAFT_TRY(graft_hf_key_u32(keys, ".embedding_length", d->n_embd));
    GRAFT_TRY(graft_hf_key_u32(keys, ".feed_forward_length", d->n_ff));
    GRAFT_TRY(graft_hf_key_u32(keys, ".attention.head_count", d->n_head));
    GRAFT_TRY(graft_hf_key_u32(keys, ".attention.head_count_kv", d->n_kv));
    GRAFT_TRY(rope_keys(model, keys));
    GRAFT_TRY(graft_hf_key_f32(keys, ".attention.layer_norm_rms_epsilon", d->rms_eps));
    if (d->has_head_dim) {
        GRAFT_TRY(graft_hf_key_u32(keys, ".attention.key_length", d->d_head));
        GRAFT_TRY(graft_hf_key_u32(keys, ".attention.value_length", d->d_head));
    }
done:
    return status;
}

graft_status graft_hf_check_windows(const graft_hf_model *model, size_t period)
{
    const graft_json *types = graft_hf_config_get(&model->config, "layer_types");
    const graft_json *pattern = graft_hf_config_get(&model->config, "sliding_window_pattern");
    bool fits = types == NULL || graft_json_length(types) == model->dims.n_layer;
    for (size_t l = 0; types != NULL && fits && l < model->dims.n_layer; l++) {
        const char *type = graft_json_string(graft_json_at(types, l), NULL);
        fits = type != NULL && strcmp(type, l % period != period - 1 ? "sliding_attention"
                                                                     : "full_attention") == 0;
    }
    if (pattern != NULL && types == NULL) {
        fits = graft_json_is(pattern, GRAFT_JSON_INT) &&
               graft_json_int(pattern) == (int64_t)period;
    }
    return fits ? GRAFT_OK
                : graft_hf_config_fail(&model->config, "the runtime takes it that every %zuth "
                                       "layer has no window, and layer_types says otherwise", period);
}

graft_status graft_hf_check_scale(const graft_hf_model *model, size_t n_layer_of_largest)
{
    double scalar = 0;
    graft_status status = graft_hf_config_real(&model->config, "query_pre_attn_scalar", &scalar);
    double expected = (double)(model->dims.n_layer == n_layer_of_largest
                                   ? model->dims.n_embd / model->dims.n_head
                                   : model->dims.d_head);
    if (status == GRAFT_OK && fabs(scalar - expected) > 1e-6) {
        graft_log(GRAFT_LOG_WARN, "%s: query_pre_attn_scalar is %g; runtimes take %g for a model "
                  "of this shape, so that they compute something else", model->config.path, scalar,
                  expected);
    }
    return status;
}
