#include "model/hparams.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define MAX_WIDTH ((size_t)1 << 20)
#define MAX_CONTEXT ((size_t)1 << 31)

enum { MAX_LAYERS = 1024, MAX_HEADS = 4096, MAX_HEAD_WIDTH = 1024, KEY_LENGTH = 128 };

graft_status graft_model__refuse(const graft_model *model, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return graft_fail(GRAFT_E_MODEL, "%s: %s", graft_gguf_path(model->file), text);
}

static const char *full_key(char name[KEY_LENGTH], const graft_model *model, const char *key)
{
    snprintf(name, KEY_LENGTH, "%s.%s", model->family->arch, key);
    return name;
}

graft_status graft_model__get_size(const graft_model *model, const char *key, size_t min,
                                   size_t max, size_t *out)
{
    graft_status status = GRAFT_OK;
    uint64_t value = 0;
    char name[KEY_LENGTH];
    GRAFT_TRY(graft_gguf_get_u64(model->file, full_key(name, model, key), min, max, &value));
    *out = (size_t)value;
done:
    return status;
}

graft_status graft_model__want_size(const graft_model *model, const char *key, size_t min,
                                    size_t max, size_t *out)
{
    graft_status status = GRAFT_OK;
    uint64_t value = *out;
    char name[KEY_LENGTH];
    GRAFT_TRY(graft_gguf_want_u64(model->file, full_key(name, model, key), min, max, &value));
    *out = (size_t)value;
done:
    return status;
}

graft_status graft_model__get_number(const graft_model *model, const char *key, double *out)
{
    char name[KEY_LENGTH];
    return graft_gguf_get_f64(model->file, full_key(name, model, key), out);
}

graft_status graft_model__want_number(const graft_model *model, const char *key, double *out)
{
    char name[KEY_LENGTH];
    return graft_gguf_want_f64(model->file, full_key(name, model, key), out);
}

graft_status graft_model__want_scale(const graft_model *model, const char *key, double *out)
{
    graft_status status = GRAFT_OK;
    double value = 0;
    GRAFT_TRY(graft_model__want_number(model, key, &value));
    *out = value == 0 ? *out : value;
done:
    return status;
}

/* Without a type the factor is a linear one, as the runtime has it. */
static graft_status read_scaling_type(graft_model *model, graft_rope_hparams *rope)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string type = {"linear", 6};
    char name[KEY_LENGTH];
    GRAFT_TRY(graft_gguf_want_string(model->file, full_key(name, model, "rope.scaling.type"),
                                     &type));
    rope->yarn = graft_gguf_string_is(type, "yarn");
    rope->longrope = graft_gguf_string_is(type, "longrope");
    if (graft_gguf_string_is(type, "none")) {
        rope->scale = 1.0;
    } else if (!graft_gguf_string_is(type, "linear") && !rope->yarn && !rope->longrope) {
        return graft_model__refuse(model, "rope scaling \"%.*s\" (known: none, linear, yarn, "
                                   "longrope, and factors in tensors)",
                                   (int)(type.len < 32 ? type.len : 32), type.data);
    }
done:
    return status;
}

static graft_status read_rope(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_rope_hparams *rope = &model->hparams.rope;
    double factor = 0;
    *rope = (graft_rope_hparams){.d_rope = model->hparams.d_head,
                                 .n_ctx_short = model->hparams.n_ctx,
                                 .base = 10000.0,
                                 .beta_fast = 32.0,
                                 .beta_slow = 1.0,
                                 .magnitude = 1.0};
    GRAFT_TRY(graft_model__want_size(model, "rope.dimension_count", 2, MAX_HEAD_WIDTH,
                                     &rope->d_rope));
    GRAFT_TRY(graft_model__want_size(model, "rope.scaling.original_context_length", 1, MAX_CONTEXT,
                                     &rope->n_ctx_short));
    GRAFT_TRY(graft_model__want_number(model, "rope.freq_base", &rope->base));
    GRAFT_TRY(graft_model__want_number(model, "rope.scale_linear", &factor));
    GRAFT_TRY(graft_model__want_number(model, "rope.scaling.factor", &factor));
    GRAFT_TRY(graft_model__want_number(model, "rope.scaling.attn_factor", &rope->magnitude));
    if (factor < 0) {
        return graft_model__refuse(model, "rope.scaling.factor is negative");
    }
    rope->scale = factor == 0 ? 1.0 : 1.0 / factor;
    GRAFT_TRY(read_scaling_type(model, rope));
done:
    return status;
}

/* Layers with a window may have widths of their own in files of other families. */
static graft_status check_local_widths(const graft_model *model)
{
    static const char *const keys[] = {"attention.key_length_swa", "attention.value_length_swa",
                                       "rope.dimension_count_swa"};
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    const size_t usual[] = {h->d_head, h->d_head, h->rope.d_rope};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t own = usual[i];
        GRAFT_TRY(graft_model__want_size(model, keys[i], 0, MAX_WIDTH, &own));
        if (own != usual[i]) {
            return graft_model__refuse(model, "%s %zu is not that of other layers (%zu), which is "
                                       "not supported", keys[i], own, usual[i]);
        }
    }
done:
    return status;
}

static graft_status read_widths(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    GRAFT_TRY(graft_model__get_size(model, "block_count", 1, MAX_LAYERS, &h->n_layer));
    GRAFT_TRY(graft_model__get_size(model, "embedding_length", 1, MAX_WIDTH, &h->n_embd));
    GRAFT_TRY(graft_model__get_size(model, "feed_forward_length", 1, MAX_WIDTH, &h->n_ff));
    GRAFT_TRY(graft_model__get_size(model, "attention.head_count", 1, MAX_HEADS, &h->n_head));
    h->n_kv = h->n_head;
    GRAFT_TRY(graft_model__want_size(model, "attention.head_count_kv", 1, MAX_HEADS, &h->n_kv));
    GRAFT_TRY(graft_model__get_size(model, "context_length", 1, MAX_CONTEXT, &h->n_ctx));
    GRAFT_TRY(graft_model__want_size(model, "attention.key_length", 1, MAX_HEAD_WIDTH, &h->d_head));
    if (h->d_head == 0 && h->n_embd % h->n_head != 0) {
        return graft_model__refuse(model, "embedding_length %zu is not a multiple of "
                                   "attention.head_count %zu, and there is no "
                                   "attention.key_length", h->n_embd, h->n_head);
    }
    h->d_head = h->d_head == 0 ? h->n_embd / h->n_head : h->d_head;
    if (h->d_head > MAX_HEAD_WIDTH) {
        return graft_model__refuse(model, "embedding_length %zu and attention.head_count %zu make heads of width "
                                   "%zu; at most %d is supported", h->n_embd, h->n_head, h->d_head, MAX_HEAD_WIDTH);
    }
    size_t d_value = h->d_head;
    GRAFT_TRY(graft_model__want_size(model, "attention.value_length", 1, MAX_HEAD_WIDTH,
                                     &d_value));
    if (h->n_head % h->n_kv != 0) {
        return graft_model__refuse(model, "attention.head_count %zu is not a multiple of "
                                   "attention.head_count_kv %zu", h->n_head, h->n_kv);
    }
    if (d_value != h->d_head) {
        return graft_model__refuse(model, "keys of width %zu and values of width %zu: different "
                                   "widths are not supported", h->d_head, d_value);
    }
done:
    return status;
}

graft_status graft_model__read_hparams(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    size_t n_expert = 0;
    bool causal = true;
    char name[KEY_LENGTH];
    GRAFT_TRY(graft_model__want_size(model, "expert_count", 0, 65536, &n_expert));
    if (n_expert > 0) {
        return graft_model__refuse(model, "mixtures of experts are not supported");
    }
    GRAFT_TRY(graft_gguf_want_bool(model->file, full_key(name, model, "attention.causal"),
                                   &causal));
    if (!causal) {
        return graft_model__refuse(model, "attention.causal is false: not a model that generates");
    }
    GRAFT_TRY(read_widths(model));
    GRAFT_TRY(graft_model__get_number(model, "attention.layer_norm_rms_epsilon", &h->rms_eps));
    h->attention_scale = 1.0 / sqrt((double)h->d_head);
    h->embedding_scale = h->residual_scale = h->logit_scale = 1.0;
    GRAFT_TRY(read_rope(model));
    GRAFT_TRY(check_local_widths(model));
done:
    return status;
}

static bool is_factor(double x)
{
    return x > 0 && x <= FLT_MAX;
}

graft_status graft_model__check_hparams(const graft_model *model)
{
    const graft_hparams *h = &model->hparams;
    const graft_rope_hparams *rope = &h->rope;
    if (!(h->rms_eps > 0)) {
        return graft_model__refuse(model, "attention.layer_norm_rms_epsilon must be positive");
    }
    if (rope->d_rope % 2 != 0 || rope->d_rope > h->d_head) {
        return graft_model__refuse(model, "rope.dimension_count %zu must be even and at most the "
                                   "head's width %zu", rope->d_rope, h->d_head);
    }
    if (rope->d_rope != h->d_head && !model->family->partial) {
        return graft_model__refuse(model, "rope.dimension_count %zu is less than the head's width "
                                   "%zu, which architecture %s does not have", rope->d_rope,
                                   h->d_head, model->family->arch);
    }
    if (!(rope->base > 1) || !(rope->magnitude > 0) || rope->local_base < 0) {
        return graft_model__refuse(model, "the base of rope must be above 1, its attn_factor "
                                   "positive");
    }
    if (rope->yarn && rope->scale > 1) {
        return graft_model__refuse(model, "yarn with a rope.scaling.factor below 1");
    }
    if (!(rope->beta_slow > 0) || !(rope->beta_fast >= rope->beta_slow)) {
        return graft_model__refuse(model, "rope.scaling.yarn_beta_fast and _slow must be positive "
                                   "and in order");
    }
    if (!is_factor(h->attention_scale) || !is_factor(h->embedding_scale) ||
        !is_factor(h->residual_scale) || !is_factor(h->logit_scale)) {
        return graft_model__refuse(model, "scales of embeddings, attention, residuals and logits "
                                   "must be positive and finite");
    }
    if (h->attention_softcap < 0 || h->logit_softcap < 0) {
        return graft_model__refuse(model, "soft caps must not be negative");
    }
    return GRAFT_OK;
}
