/* export/hf_config.c - config.json: what transformers has to know of a model, as GGUF keys say it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "export/hf.h"

typedef struct writing {
    graft_json *out;
    const graft_hf_class *class;
    const graft_model *model;
    const graft_vocabulary *vocabulary;
} writing;

static bool is(const writing *w, const char *arch)
{
    return strcmp(w->class->arch, arch) == 0;
}

static graft_status set_size(graft_json *out, const char *key, size_t value)
{
    return graft_json_set_int(out, key, (int64_t)value);
}

/* GGUF keys are single precision: 1e-05 is meant, not 9.99999974e-06. */
static double meant(double value)
{
    char text[32];
    for (int digits = 7; digits <= 9; digits++) { /* nine always read back as the same number */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if ((float)strtod(text, NULL) == (float)value) {
            break;
        }
    }
    return strtod(text, NULL);
}

static graft_status set_number(graft_json *out, const char *key, double value)
{
    return graft_json_set_double(out, key, meant(value));
}

static graft_status set_id(graft_json *out, const char *key, int32_t id)
{
    return id < 0 ? graft_json_set(out, key, NULL) : graft_json_set_int(out, key, id);
}

/* A number that may be written as an integer is: some classes insist on it. */
static graft_status set_whole(graft_json *out, const char *key, double value)
{
    double rounded = meant(value);
    return rounded == floor(rounded) && fabs(rounded) < 1e9
               ? graft_json_set_int(out, key, (int64_t)rounded)
               : graft_json_set_double(out, key, rounded);
}

/* --- rotation --- */

/* Rope type "llama3" is a tensor in GGUF files. The settings it was made from are those of all models that
 * were published with it; whether they give these numbers is looked at. */
static graft_status set_llama3(graft_json *rope, const writing *w, const graft_gguf_tensor *factors)
{
    static const double low = 1, high = 4, context = 8192;
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *r = &w->model->hparams.rope;
    size_t half = r->d_rope / 2;
    double factor = 0;
    float *values = NULL;
    if (factors->format != &graft_format_f32 || factors->ne[0] != half) {
        return graft_fail(GRAFT_E_FAILED, "rope_freqs.weight is not %zu numbers", half);
    }
    GRAFT_TRY(graft_alloc(&values, half, sizeof *values));
    factors->format->decode(factors->data, values, half);
    for (size_t i = 0; i < half; i++) { /* with fmax gcc 12 for arm64 ends in an error of its own */
        factor = (double)values[i] > factor ? (double)values[i] : factor;
    }
    for (size_t i = 0; i < half; i++) {
        double wave = 2 * 3.14159265358979323846 * pow(r->base, 2.0 * (double)i / (double)r->d_rope);
        double smooth = (context / wave - low) / (high - low);
        double own = wave < context / high ? 1 : wave > context / low
                     ? factor : 1 / ((1 - smooth) / factor + smooth);
        if (!(fabs(own - (double)values[i]) <= 1e-3 * own)) {
            status = graft_fail(GRAFT_E_FAILED, "rope_freqs.weight does not come from the usual "
                                "settings of rope type llama3, so config.json cannot say it");
            goto done;
        }
    }
    GRAFT_TRY(graft_json_set_string(rope, "rope_type", "llama3"));
    GRAFT_TRY(set_number(rope, "factor", factor));
    GRAFT_TRY(set_number(rope, "low_freq_factor", low));
    GRAFT_TRY(set_number(rope, "high_freq_factor", high));
    GRAFT_TRY(set_size(rope, "original_max_position_embeddings", (size_t)context));
done:
    graft_free(values);
    return status;
}

static graft_status set_factors(graft_json *rope, const char *key, const writing *w,
                                const char *name)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_tensor *factors = graft_gguf_find_tensor(w->model->file, name);
    size_t half = w->model->hparams.rope.d_rope / 2;
    graft_json *list = graft_json_new_array();
    float *values = NULL;
    if (factors->format != &graft_format_f32 || factors->ne[0] != half) {
        status = graft_fail(GRAFT_E_FAILED, "%s is not %zu numbers", name, half);
        goto done;
    }
    GRAFT_TRY(graft_alloc(&values, half, sizeof *values));
    factors->format->decode(factors->data, values, half);
    for (size_t i = 0; i < half; i++) {
        GRAFT_TRY(graft_json_push(list, graft_json_new_double(meant((double)values[i]))));
    }
    GRAFT_TRY(graft_json_set(rope, key, graft_json_retain(list)));
done:
    graft_free(values);
    graft_json_free(list);
    return status;
}

/* What a model that is stretched from `from` to `to` positions has its rotated numbers multiplied by. */
static double longrope_magnitude(double from, double to)
{
    return to <= from ? 1 : sqrt(1 + log(to / from) / log(from));
}

static graft_status set_longrope(graft_json *rope, const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *r = &w->model->hparams.rope;
    double usual = longrope_magnitude((double)r->n_ctx_short, (double)w->model->hparams.n_ctx);
    GRAFT_TRY(graft_json_set_string(rope, "rope_type", "longrope"));
    GRAFT_TRY(set_factors(rope, "short_factor", w, "rope_factors_short.weight"));
    GRAFT_TRY(set_factors(rope, "long_factor", w, "rope_factors_long.weight"));
    if (fabs(r->magnitude - usual) > 1e-6 * usual) {
        GRAFT_TRY(set_number(rope, "attention_factor", r->magnitude));
    }
done:
    return status;
}

static graft_status set_yarn(graft_json *rope, const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *r = &w->model->hparams.rope;
    GRAFT_TRY(graft_json_set_string(rope, "rope_type", "yarn"));
    GRAFT_TRY(set_number(rope, "factor", 1 / r->scale));
    GRAFT_TRY(set_size(rope, "original_max_position_embeddings", r->n_ctx_short));
    if (is(w, "mistral3")) { /* others have these of the paper */
        GRAFT_TRY(set_number(rope, "beta_fast", r->beta_fast));
        GRAFT_TRY(set_number(rope, "beta_slow", r->beta_slow));
    }
    if (r->log_multiplier != 0) {
        GRAFT_TRY(graft_json_set_double(rope, "mscale", 1));
        GRAFT_TRY(set_number(rope, "mscale_all_dim", r->log_multiplier));
    }
done:
    return status;
}

/* Queries grow with their position; the class insists on being told how much. */
static graft_status set_temperature(graft_json *rope, const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *r = &w->model->hparams.rope;
    if (graft_json_length(rope) == 0) {
        GRAFT_TRY(graft_json_set_string(rope, "rope_type", "default"));
    }
    GRAFT_TRY(set_number(rope, "llama_4_scaling_beta", r->temperature));
    GRAFT_TRY(set_size(rope, "original_max_position_embeddings", r->n_ctx_short));
done:
    return status;
}

/* GRAFT_E_FAILED for what no class of Hugging Face's can say. has_own: each frequency has its factor. */
static graft_status check_rope(const writing *w, bool longrope, bool has_own)
{
    const graft_rope_hparams *r = &w->model->hparams.rope;
    bool has_long = graft_gguf_find_tensor(w->model->file, "rope_factors_long.weight") != NULL;
    bool own = r->magnitude != 1 || r->longrope;
    bool scaled = r->scale != 1 && (longrope || has_own); /* no rope_type has both */
    if (r->none || ((has_long || own) && !longrope) || scaled ||
        (r->temperature != 0 && !is(w, "mistral3"))) {
        return graft_fail(GRAFT_E_FAILED, "the rotation of this model (%s) is not written for %s",
                          r->none              ? "none"
                          : scaled              ? "a scale beside factors of frequencies"
                          : r->temperature != 0 ? "a temperature"
                          : has_long            ? "factors for long contexts"
                                                : "a magnitude", w->class->name);
    }
    return GRAFT_OK;
}

static graft_status set_rope(const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *r = &w->model->hparams.rope;
    const graft_gguf *file = w->model->file;
    const graft_gguf_tensor *factors =
        r->factors || is(w, "llama") ? graft_gguf_find_tensor(file, "rope_freqs.weight") : NULL;
    bool longrope = is(w, "phi3") && factors == NULL &&
                    graft_gguf_find_tensor(file, "rope_factors_long.weight") != NULL;
    graft_json *rope = graft_json_new_object();
    GRAFT_TRY(check_rope(w, longrope, factors != NULL));
    GRAFT_TRY(set_number(w->out, "rope_theta", r->base));
    if (longrope) {
        GRAFT_TRY(set_longrope(rope, w));
    } else if (factors != NULL) {
        GRAFT_TRY(set_llama3(rope, w, factors));
    } else if (r->yarn && r->scale != 1) {
        GRAFT_TRY(set_yarn(rope, w));
    } else if (r->scale != 1) {
        GRAFT_TRY(graft_json_set_string(rope, "rope_type", "linear"));
        GRAFT_TRY(set_number(rope, "factor", 1 / r->scale));
    }
    if (is(w, "mistral3")) {
        GRAFT_TRY(set_temperature(rope, w));
    }
    GRAFT_TRY(graft_json_set(w->out, "rope_scaling", graft_json_length(rope) == 0
                                                         ? NULL : graft_json_retain(rope)));
done:
    graft_json_free(rope);
    return status;
}

/* --- what only some have --- */

static graft_status set_layer_types(const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &w->model->hparams;
    graft_json *types = graft_json_new_array();
    for (size_t l = 0; l < h->n_layer; l++) {
        bool local = h->window_period > 0 && l % h->window_period != h->window_period - 1;
        const char *type = local ? "sliding_attention" : "full_attention";
        GRAFT_TRY(graft_json_push(types, graft_json_new_string(type, strlen(type))));
    }
    GRAFT_TRY(graft_json_set(w->out, "layer_types", graft_json_retain(types)));
done:
    graft_json_free(types);
    return status;
}

static graft_status set_gemma(const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &w->model->hparams;
    double scale = h->attention_scale;
    GRAFT_TRY(graft_json_set_string(w->out, "hidden_activation", w->class->activation));
    GRAFT_TRY(set_whole(w->out, "query_pre_attn_scalar", 1 / (scale * scale)));
    if (h->window > 0) {
        GRAFT_TRY(set_size(w->out, "sliding_window", h->window));
    }
    GRAFT_TRY(set_layer_types(w));
    GRAFT_TRY(h->attention_softcap > 0
                  ? set_number(w->out, "attn_logit_softcapping", h->attention_softcap)
                  : graft_json_set(w->out, "attn_logit_softcapping", NULL));
    GRAFT_TRY(h->logit_softcap > 0
                  ? set_number(w->out, "final_logit_softcapping", h->logit_softcap)
                  : graft_json_set(w->out, "final_logit_softcapping", NULL));
    if (is(w, "gemma3")) {
        GRAFT_TRY(set_number(w->out, "rope_local_base_freq", h->rope.local_base));
    }
done:
    return status;
}

static graft_status set_smollm3(const writing *w)
{
    graft_status status = GRAFT_OK;
    graft_json *turned = graft_json_new_array();
    for (size_t l = 0; l < w->model->hparams.n_layer; l++) {
        GRAFT_TRY(graft_json_push(turned, graft_json_new_int((l + 1) % 4 != 0)));
    }
    GRAFT_TRY(graft_json_set(w->out, "no_rope_layers", graft_json_retain(turned)));
    GRAFT_TRY(graft_json_set_bool(w->out, "use_sliding_window", false));
done:
    graft_json_free(turned);
    return status;
}

static graft_status set_own(const writing *w)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &w->model->hparams;
    const graft_gguf *file = w->model->file;
    bool bias = graft_gguf_find_tensor(file, "blk.0.attn_q.bias") != NULL;
    bool all = graft_gguf_find_tensor(file, "blk.0.attn_output.bias") != NULL;
    if (w->class->sandwich) {
        return set_gemma(w);
    }
    GRAFT_TRY(graft_json_set_string(w->out, "hidden_act", w->class->activation));
    if (is(w, "llama") || is(w, "granite") || is(w, "smollm3") || is(w, "qwen3")) {
        if (bias != all) {
            status = graft_fail(GRAFT_E_FAILED, "%s has biases in all maps of attention or in none, "
                                "and this model in some", w->class->name);
            goto done;
        }
        GRAFT_TRY(graft_json_set_bool(w->out, "attention_bias", bias));
    }
    if (is(w, "smollm3")) {
        GRAFT_TRY(set_smollm3(w));
    } else if (is(w, "granite")) {
        GRAFT_TRY(set_number(w->out, "embedding_multiplier", h->embedding_scale));
        GRAFT_TRY(set_number(w->out, "attention_multiplier", h->attention_scale));
        GRAFT_TRY(set_number(w->out, "residual_multiplier", h->residual_scale));
        GRAFT_TRY(set_number(w->out, "logits_scaling", 1 / h->logit_scale));
    } else if (is(w, "phi3")) {
        GRAFT_TRY(set_size(w->out, "original_max_position_embeddings", h->rope.n_ctx_short));
        GRAFT_TRY(graft_json_set_double(w->out, "partial_rotary_factor",
                                        (double)h->rope.d_rope / (double)h->d_head));
        GRAFT_TRY(graft_json_set(w->out, "sliding_window", NULL));
    } else if (is(w, "mistral3")) {
        if (bias || all) {
            status = graft_fail(GRAFT_E_FAILED, "%s has no biases, and this model has", w->class->name);
            goto done;
        }
        GRAFT_TRY(graft_json_set(w->out, "sliding_window", NULL));
    } else if (is(w, "qwen2") || is(w, "qwen3")) {
        GRAFT_TRY(graft_json_set_bool(w->out, "use_sliding_window", false));
    }
done:
    return status;
}

/* --- all --- */

static graft_status fill(const writing *w, const graft_format *format)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &w->model->hparams;
    graft_json *names = graft_json_new_array();
    bool tied = graft_gguf_find_tensor(w->model->file, "output.weight") == NULL;
    uint64_t pad = w->vocabulary->eos < 0 ? 0 : (uint64_t)w->vocabulary->eos;
    GRAFT_TRY(graft_json_push(names, graft_json_new_string(w->class->name, strlen(w->class->name))));
    GRAFT_TRY(graft_json_set(w->out, "architectures", graft_json_retain(names)));
    GRAFT_TRY(graft_json_set_string(w->out, "model_type", w->class->model_type));
    const struct {
        const char *key;
        size_t value;
    } sizes[] = {
        {"vocab_size", h->n_vocab}, {"hidden_size", h->n_embd}, {"intermediate_size", h->n_ff},
        {"num_hidden_layers", h->n_layer}, {"num_attention_heads", h->n_head},
        {"num_key_value_heads", h->n_kv}, {"head_dim", h->d_head},
        {"max_position_embeddings", h->n_ctx},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        GRAFT_TRY(set_size(w->out, sizes[i].key, sizes[i].value));
    }
    GRAFT_TRY(set_number(w->out, "rms_norm_eps", h->rms_eps));
    GRAFT_TRY(graft_json_set_bool(w->out, "tie_word_embeddings", tied));
    GRAFT_TRY(set_own(w));
    GRAFT_TRY(set_rope(w));
    GRAFT_TRY(graft_gguf_want_u64(w->model->file, "tokenizer.ggml.padding_token_id", 0, UINT32_MAX,
                                  &pad));
    GRAFT_TRY(set_id(w->out, "bos_token_id", w->vocabulary->bos));
    GRAFT_TRY(set_id(w->out, "eos_token_id", w->vocabulary->eos));
    GRAFT_TRY(graft_json_set_int(w->out, "pad_token_id", pad < h->n_vocab ? (int64_t)pad : 0));
    GRAFT_TRY(graft_json_set_string(w->out, "torch_dtype",
                                    format == &graft_format_f32   ? "float32"
                                    : format == &graft_format_f16 ? "float16" : "bfloat16"));
done:
    graft_json_free(names);
    return status;
}

/* All tokens that end a turn. */
static graft_status fill_generation(const writing *w, graft_json *out)
{
    graft_status status = GRAFT_OK;
    graft_json *ends = graft_json_new_array();
    for (size_t i = 0; i < w->vocabulary->n; i++) {
        if ((w->vocabulary->tokens[i].kind & GRAFT_TOKEN_EOG) != 0) {
            GRAFT_TRY(graft_json_push(ends, graft_json_new_int((int64_t)i)));
        }
    }
    GRAFT_TRY(set_id(out, "bos_token_id", w->vocabulary->bos));
    GRAFT_TRY(graft_json_set(out, "eos_token_id", graft_json_retain(ends)));
    GRAFT_TRY(graft_json_set(out, "pad_token_id",
                             graft_json_retain(graft_json_get(w->out, "pad_token_id"))));
done:
    graft_json_free(ends);
    return status;
}

graft_status graft_export__write_hf_config(const graft_hf_class *class, const graft_model *model,
                                           const graft_vocabulary *vocabulary,
                                           const graft_format *format, const char *folder)
{
    graft_status status = GRAFT_OK;
    writing w = {graft_json_new_object(), class, model, vocabulary};
    graft_json *generation = graft_json_new_object();
    GRAFT_TRY(fill(&w, format));
    GRAFT_TRY(fill_generation(&w, generation));
    GRAFT_TRY(graft_export__write_json(w.out, folder, "config.json"));
    GRAFT_TRY(graft_export__write_json(generation, folder, "generation_config.json"));
done:
    graft_json_free(generation);
    graft_json_free(w.out);
    return status;
}
