/* export/load_peft.c - a PEFT folder (huggingface/peft, LoRA) back into plain maps. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/load.h"
#include "export/peft_names.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"

/* What adapter_config.json says that matters here. */
typedef struct config {
    graft_json *json;
    size_t rank;
    double alpha;
    bool rslora, dora;
} config;

/* --- adapter_config.json --- */

static bool is_empty(const graft_json *value)
{
    return value == NULL || (graft_json_is(value, GRAFT_JSON_BOOL) && !graft_json_bool(value)) ||
           ((graft_json_is(value, GRAFT_JSON_ARRAY) || graft_json_is(value, GRAFT_JSON_OBJECT)) &&
            graft_json_length(value) == 0);
}

/* PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA take what B A begins with out of the base, and their adapters belong
 * to that base; the inits named here leave the base as it is (peft 0.21, tuners/lora/layer.py). */
static graft_status check_init(const graft_json *json)
{
    static const char *const plain[] = {"gaussian", "eva", "orthogonal", "mica"};
    const graft_json *value = graft_json_get(json, "init_lora_weights");
    const char *name = graft_json_string(value, NULL);
    if (value == NULL || graft_json_is(value, GRAFT_JSON_BOOL)) {
        return GRAFT_OK;
    }
    if (name == NULL) {
        return graft_fail(GRAFT_E_MODEL, "init_lora_weights is neither true, false nor a name");
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcasecmp(name, plain[i]) == 0) {
            return GRAFT_OK;
        }
    }
    return graft_fail(GRAFT_E_MODEL, "init_lora_weights is \"%s\", whose adapters belong to a changed base; "
                      "save it from PEFT as plain LoRA: save_pretrained(..., "
                      "path_initial_model_for_weight_conversion=...)", name);
}

/* Settings that change what the weights mean in ways graft cannot express. */
static graft_status refuse_unsupported(const graft_json *json)
{
    static const char *const keys[] = {
        "modules_to_save", "fan_in_fan_out", "lora_bias", "layer_replication",
        "trainable_token_indices", "target_parameters", "use_qalora", "alora_invocation_tokens",
        "arrow_config"};
    const char *type = graft_json_string(graft_json_get(json, "peft_type"), NULL);
    const char *bias = graft_json_string(graft_json_get(json, "bias"), NULL);
    if (type == NULL && graft_json_has(json, "lora_parameters")) {
        return graft_fail(GRAFT_E_MODEL, "is mlx-lm's, and there is no "
                          "adapters.safetensors beside it");
    }
    if (type == NULL || strcmp(type, "LORA") != 0) {
        return graft_fail(GRAFT_E_MODEL, "peft_type is %s; only LORA is supported",
                          type == NULL ? "missing" : type);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!is_empty(graft_json_get(json, keys[i]))) {
            return graft_fail(GRAFT_E_MODEL, "%s is set, which is not supported", keys[i]);
        }
    }
    if (bias != NULL && strcmp(bias, "none") != 0) {
        return graft_fail(GRAFT_E_MODEL, "bias is \"%s\"; trained biases are not supported", bias);
    }
    return check_init(json);
}

static bool is_number(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
}

/* rank_pattern and alpha_pattern: numbers > 0 behind names. PEFT takes the names for regular
 * expressions; all but the dot between names is refused, rather than misread. */
static graft_status check_patterns(const graft_json *json, const char *key)
{
    const graft_json *patterns = graft_json_get(json, key);
    if (!is_empty(patterns) && !graft_json_is(patterns, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_MODEL, "%s is not an object", key);
    }
    for (graft_json_iter it = graft_json_iter_begin(patterns); graft_json_iter_next(&it);) {
        if (!is_number(it.value) || !(graft_json_double(it.value) > 0)) {
            return graft_fail(GRAFT_E_MODEL, "%s: \"%s\" is not a positive number", key, it.key);
        }
        if (strpbrk(it.key, "*+?[](){}|\\$^") != NULL) {
            return graft_fail(GRAFT_E_MODEL, "%s: \"%s\" is a regular expression, which is not "
                              "supported", key, it.key);
        }
    }
    return GRAFT_OK;
}

static graft_status read_flag(bool *out, const graft_json *json, const char *key)
{
    const graft_json *value = graft_json_get(json, key);
    if (!is_empty(value) && !graft_json_is(value, GRAFT_JSON_BOOL)) {
        return graft_fail(GRAFT_E_MODEL, "%s is neither true nor false", key);
    }
    *out = !is_empty(value);
    return GRAFT_OK;
}

static graft_status read_settings(config *c)
{
    graft_status status = GRAFT_OK;
    const graft_json *rank = graft_json_get(c->json, "r"), *alpha;
    GRAFT_TRY(refuse_unsupported(c->json));
    if (!graft_json_is(rank, GRAFT_JSON_INT) || graft_json_int(rank) < 1) {
        return graft_fail(GRAFT_E_MODEL, "r is not a positive integer");
    }
    alpha = graft_json_get(c->json, "lora_alpha");
    if (!is_number(alpha) || !(graft_json_double(alpha) > 0)) {
        return graft_fail(GRAFT_E_MODEL, "lora_alpha is not a positive number");
    }
    GRAFT_TRY(check_patterns(c->json, "rank_pattern"));
    GRAFT_TRY(check_patterns(c->json, "alpha_pattern"));
    c->rank = (size_t)graft_json_int(rank);
    c->alpha = graft_json_double(alpha);
    GRAFT_TRY(read_flag(&c->dora, c->json, "use_dora"));
    GRAFT_TRY(read_flag(&c->rslora, c->json, "use_rslora"));
done:
    return status;
}

static graft_status read_config(config *c, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_export__read_config(&c->json, &path, folder));
    if (read_settings(c) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
    }
done:
    graft_free(path);
    return status;
}

/* The first pattern that is the module's name or its end after a dot, wherever the text model is. */
static double by_pattern(const config *c, const char *key, const char *module, double otherwise)
{
    const graft_json *patterns = graft_json_get(c->json, key);
    for (graft_json_iter it = graft_json_iter_begin(patterns); graft_json_iter_next(&it);) {
        const char *own = graft_export__inner_name(it.key);
        size_t n = strlen(own), m = strlen(module);
        if (n <= m && strcmp(module + m - n, own) == 0 && (n == m || module[m - n - 1] == '.')) {
            return graft_json_double(it.value);
        }
    }
    return otherwise;
}

/* --- adapter_model.safetensors --- */

enum part { PART_A = GRAFT_EXPORT_A, PART_B = GRAFT_EXPORT_B, PART_MAGNITUDES };

/* Splits "base_model.model.MODULE.lora_A[.default].weight"; magnitudes have no ".weight" in files. */
static graft_status split_name(const char *name, char **module, enum part *part)
{
    static const char prefix[] = "base_model.model.";
    static const struct {
        const char *suffix;
        enum part part;
    } suffixes[] = {
        {".lora_A.weight", PART_A}, {".lora_A.default.weight", PART_A},
        {".lora_B.weight", PART_B}, {".lora_B.default.weight", PART_B},
        {".lora_magnitude_vector", PART_MAGNITUDES},
        {".lora_magnitude_vector.weight", PART_MAGNITUDES},
        {".lora_magnitude_vector.default.weight", PART_MAGNITUDES},
    };
    static const struct {
        const char *part, *reason;
    } known[] = {
        {"lora_embedding", "adapters of embeddings are not supported"},
        {"base_layer", "weights of the base; save the adapter with save_embedding_layers=False"},
        {"modules_to_save", "modules_to_save is not supported"},
        {"bias", "trained biases are not supported"},
    };
    size_t n = strlen(name), start = sizeof prefix - 1;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t m = strlen(suffixes[i].suffix);
        if (n > start + m && graft_str_starts_with(name, prefix) &&
            graft_str_ends_with(name, suffixes[i].suffix)) {
            *part = suffixes[i].part;
            return graft_strndup(module, name + start, n - start - m);
        }
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strstr(name, known[i].part) != NULL) {
            return graft_fail(GRAFT_E_MODEL, "tensor \"%s\": %s", name, known[i].reason);
        }
    }
    return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is not a factor of a LoRA adapter", name);
}

static graft_status take_tensor(graft_export__loading *l, const graft_safetensors_tensor *t)
{
    graft_status status = GRAFT_OK;
    enum part part = PART_A;
    char *module = NULL;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(split_name(t->name, &module, &part));
    GRAFT_TRY(graft_export__gguf_name(&name, l->arch, module));
    uint32_t n_dims = part == PART_MAGNITUDES ? 1 : 2;
    if (t->n_dims != n_dims) {
        status = graft_fail(GRAFT_E_MODEL, "tensor \"%s\" has %" PRIu32 " dimensions instead of %"
                            PRIu32, t->name, t->n_dims, n_dims);
        goto done;
    }
    if (part == PART_MAGNITUDES) {
        GRAFT_TRY(graft_export__take_magnitudes(l, name.data, t->shape[0], t->format, t->data));
    } else {
        GRAFT_TRY(graft_export__take(l, name.data, (graft_export__factor)part, t->shape[0],
                                     t->shape[1], t->format, t->data));
    }
done:
    graft_free(module);
    graft_text_clear(&name);
    return status;
}

/* --- what the settings make of the weights --- */

static graft_status set_scale(const config *c, const char *arch, graft_export_map *map)
{
    graft_status status = GRAFT_OK;
    graft_text module;
    double rank, alpha;
    graft_text_init(&module);
    GRAFT_TRY(graft_export__hf_name(&module, arch, map->name));
    rank = by_pattern(c, "rank_pattern", module.data, (double)c->rank);
    alpha = by_pattern(c, "alpha_pattern", module.data, c->alpha);
    if (rank != (double)map->rank) {
        status = graft_fail(GRAFT_E_MODEL, "\"%s\" has rank %zu, but adapter_config.json says %g",
                            module.data, map->rank, rank);
        goto done;
    }
    map->scale = alpha / (c->rslora ? sqrt(rank) : rank);
done:
    graft_text_clear(&module);
    return status;
}

static graft_status interpret(graft_export__loading *l, const config *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_export__check_pairs(l));
    if (c->dora != graft_export_is_dora(l->out->maps, l->out->n_maps)) {
        return graft_fail(GRAFT_E_MODEL, "%s lora_magnitude_vector, but adapter_config.json says "
                          "use_dora: %s", c->dora ? "there is no" : "holds",
                          c->dora ? "true" : "false");
    }
    for (size_t i = 0; i < l->out->n_maps; i++) {
        GRAFT_TRY(set_scale(c, l->arch, &l->out->maps[i]));
        GRAFT_TRY(graft_export__reorder_rows(l, &l->out->maps[i]));
    }
    l->out->alpha = c->alpha;
done:
    return status;
}

static graft_status refuse_pickle(const char *folder, const char *weights)
{
    graft_status status = GRAFT_OK;
    char *pickle = NULL;
    GRAFT_TRY(graft_path_join(&pickle, folder, "adapter_model.bin"));
    if (!graft_path_exists(weights) && graft_path_exists(pickle)) {
        status = graft_fail(GRAFT_E_MODEL, "%s: pickled weights are not read; save the adapter "
                            "with safe_serialization=True", pickle);
    }
done:
    graft_free(pickle);
    return status;
}

graft_status graft_export__load_peft(graft_export__loading *loading, const char *weights)
{
    graft_status status = GRAFT_OK;
    config c = {0};
    graft_safetensors *file = NULL;
    if (graft_export__check_arch(loading->arch) != GRAFT_OK) {
        return graft_fail(GRAFT_E_MODEL, "%s: %s", loading->path, graft_error_message());
    }
    GRAFT_TRY(read_config(&c, loading->path));
    GRAFT_TRY(refuse_pickle(loading->path, weights));
    GRAFT_TRY(graft_safetensors_open(&file, weights));
    GRAFT_TRY(graft_export__take_origin(file, loading->out));
    for (size_t i = 0; i < graft_safetensors_n(file) && status == GRAFT_OK; i++) {
        status = take_tensor(loading, graft_safetensors_at(file, i));
    }
    status = status == GRAFT_OK ? interpret(loading, &c) : status;
    if (status != GRAFT_OK) {
        status = graft_fail_prefix("%s", weights);
    }
done:
    graft_safetensors_close(file);
    graft_json_free(c.json);
    return status;
}
