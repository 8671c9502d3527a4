/* export_inputs.c - what `graft export` starts from: a base, and adapters with weights. */
#include "run/export_inputs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"
#include "io/json.h"
#include "run/session.h"

void graft_export_inputs_init(graft_export_inputs *inputs)
{
    *inputs = (graft_export_inputs){0};
    graft_text_init(&inputs->arch);
    graft_text_init(&inputs->recipe);
    graft_text_init(&inputs->notes);
    graft_text_init(&inputs->label);
    graft_text_init(&inputs->base_name);
}

void graft_export_inputs_clear(graft_export_inputs *inputs)
{
    for (size_t i = 0; i < inputs->n; i++) {
        graft_free(inputs->parts[i].path);
        graft_loaded_adapter_clear(&inputs->parts[i].adapter);
    }
    for (size_t i = 0; i < inputs->n_runs; i++) {
        graft_free(inputs->runs[i]);
    }
    graft_free(inputs->runs);
    graft_free(inputs->parts);
    graft_loaded_adapter_clear(&inputs->sum);
    graft_gguf_close(inputs->base);
    graft_text_clear(&inputs->arch);
    graft_text_clear(&inputs->recipe);
    graft_text_clear(&inputs->notes);
    graft_text_clear(&inputs->label);
    graft_text_clear(&inputs->base_name);
    graft_export_inputs_init(inputs);
}

/* "PATH:0.7"; what exists under the whole name is a path. */
static graft_status split_weight(graft_export_part *part, const char *text)
{
    graft_status status = GRAFT_OK;
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    part->weight = 1;
    if (colon == NULL || graft_path_exists(text)) {
        return graft_strdup(&part->path, text);
    }
    GRAFT_TRY(graft_strndup(&part->path, text, (size_t)(colon - text)));
    errno = 0;
    part->weight = strtod(colon + 1, &end);
    if (colon[1] == 0 || *end != 0 || errno != 0 || !isfinite(part->weight) || part->weight == 0) {
        status = graft_fail(GRAFT_E_CONFIG, "adapter: \"%s\": behind the colon stands a weight: a "
                            "number that is not 0", text);
    }
done:
    return status;
}

static graft_status check_base(const graft_export_inputs *inputs, const graft_export_part *part,
                               bool force)
{
    const graft_loaded_adapter *a = &part->adapter;
    uint64_t bytes = graft_gguf_size(inputs->base);
    bool same = (a->base_bytes == 0 || a->base_bytes == bytes) &&
                (a->base_hash == NULL || strcmp(a->base_hash, inputs->base_hash) == 0);
    if (same) {
        return GRAFT_OK;
    }
    if (!force) {
        return graft_fail(GRAFT_E_MODEL, "%s was trained on %s (SHA-256 %.12s..., %llu bytes), not on "
                          "%s (%.12s..., %llu bytes): give that base, or insist (force)", part->path,
                          a->base_name != NULL ? a->base_name : "another base",
                          a->base_hash != NULL ? a->base_hash : "unknown",
                          (unsigned long long)a->base_bytes, graft_gguf_path(inputs->base),
                          inputs->base_hash, (unsigned long long)bytes);
    }
    graft_log(GRAFT_LOG_WARN, "%s was trained on another base than %s", part->path,
              graft_gguf_path(inputs->base));
    return GRAFT_OK;
}

static graft_status read_parts(graft_export_inputs *inputs, const char *const *adapters, size_t n,
                               bool force)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(&inputs->parts, n, sizeof *inputs->parts));
    for (size_t i = 0; i < n; i++) {
        graft_export_part *part = &inputs->parts[i];
        inputs->n++;
        GRAFT_TRY(split_weight(part, adapters[i]));
        GRAFT_TRY(graft_adapter_load_any(&part->adapter, part->path, inputs->base));
        GRAFT_TRY(check_base(inputs, part, force));
    }
done:
    return status;
}

static graft_status add_up(graft_export_inputs *inputs)
{
    graft_status status = GRAFT_OK;
    graft_loaded_adapter *adapters = NULL;
    double *weights = NULL;
    GRAFT_TRY(graft_alloc(&adapters, inputs->n, sizeof *adapters));
    GRAFT_TRY(graft_alloc(&weights, inputs->n, sizeof *weights));
    for (size_t i = 0; i < inputs->n; i++) {
        adapters[i] = inputs->parts[i].adapter; /* borrowed */
        weights[i] = inputs->parts[i].weight;
    }
    GRAFT_TRY(graft_loaded_adapter_sum(&inputs->sum, adapters, weights, inputs->n));
done:
    graft_free(adapters);
    graft_free(weights);
    return status;
}

/* --- what is written of where it came from --- */

static graft_status hash_part(const graft_export_part *part, char out[65])
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    bool is_mlx;
    if (!graft_path_is_dir(part->path)) {
        return graft_file_sha256(out, part->path);
    }
    GRAFT_TRY(graft_adapter_find_weights(&path, &is_mlx, part->path));
    GRAFT_TRY(graft_file_sha256(out, path));
done:
    graft_free(path);
    return status;
}

/* [{"name": "weather", "sha256": ..., "weight": 0.7}], and the label "weather+cooking". */
static graft_status note_parts(graft_export_inputs *inputs)
{
    graft_status status = GRAFT_OK;
    graft_json *all = graft_json_new_array(), *one = NULL;
    graft_text label;
    char hash[65];
    graft_text_init(&label);
    for (size_t i = 0; i < inputs->n; i++) {
        const graft_export_part *part = &inputs->parts[i];
        graft_json_free(one);
        one = graft_json_new_object();
        graft_text_clear(&label);
        GRAFT_TRY(hash_part(part, hash));
        GRAFT_TRY(graft_artefact_label(&label, part->path));
        GRAFT_TRY(graft_text_appendf(&inputs->label, "%s%s", i > 0 ? "+" : "",
                                     graft_text_z(&label)));
        GRAFT_TRY(graft_json_set_string(one, "name", graft_text_z(&label)));
        GRAFT_TRY(graft_json_set_string(one, "sha256", hash));
        GRAFT_TRY(graft_json_set_double(one, "weight", part->weight));
        GRAFT_TRY(graft_json_push(all, graft_json_retain(one)));
    }
    GRAFT_TRY(graft_json_write(&inputs->notes, all, GRAFT_JSON_COMPACT));
done:
    graft_text_clear(&label);
    graft_json_free(one);
    graft_json_free(all);
    return status;
}

static graft_status join_recipes(graft_export_inputs *inputs)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < inputs->n; i++) {
        const graft_export_part *part = &inputs->parts[i];
        if (inputs->n > 1 && part->adapter.recipe != NULL) {
            GRAFT_TRY(graft_text_appendf(&inputs->recipe, "# adapter %zu, weight %.15g\n", i + 1,
                                         part->weight));
        }
        if (part->adapter.recipe != NULL) {
            GRAFT_TRY(graft_text_append_z(&inputs->recipe, part->adapter.recipe));
        }
    }
done:
    return status;
}

/* What the adapters say, else what the file calls itself: never where it lies on this machine. */
static graft_status name_base(graft_export_inputs *inputs)
{
    graft_status status = GRAFT_OK;
    const char *path = graft_gguf_path(inputs->base), *slash = strrchr(path, '/');
    for (size_t i = 0; i < inputs->n && inputs->base_name.len == 0; i++) {
        const char *name = inputs->parts[i].adapter.base_name;
        if (name != NULL) {
            GRAFT_TRY(graft_text_append_z(&inputs->base_name, name));
        }
    }
    if (inputs->base_name.len == 0) {
        GRAFT_TRY(graft_text_append_z(&inputs->base_name, slash == NULL ? path : slash + 1));
    }
done:
    return status;
}

static graft_status count_heads(graft_export_inputs *inputs, uint64_t *n_head, uint64_t *n_kv)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string arch;
    graft_text key;
    graft_text_init(&key);
    GRAFT_TRY(graft_gguf_get_string(inputs->base, "general.architecture", &arch));
    GRAFT_TRY(graft_text_append(&inputs->arch, arch.data, arch.len));
    GRAFT_TRY(graft_text_appendf(&key, "%s.attention.head_count", graft_text_z(&inputs->arch)));
    GRAFT_TRY(graft_gguf_get_u64(inputs->base, key.data, 1, 1 << 16, n_head));
    *n_kv = *n_head;
    GRAFT_TRY(graft_text_append_z(&key, "_kv"));
    GRAFT_TRY(graft_gguf_want_u64(inputs->base, key.data, 1, *n_head, n_kv));
done:
    graft_text_clear(&key);
    return status;
}

static graft_status describe(graft_export_inputs *inputs)
{
    graft_status status = GRAFT_OK;
    uint64_t n_head, n_kv, context = 0;
    GRAFT_TRY(count_heads(inputs, &n_head, &n_kv));
    GRAFT_TRY(note_parts(inputs));
    GRAFT_TRY(join_recipes(inputs));
    GRAFT_TRY(name_base(inputs));
    for (size_t i = 0; i < inputs->n; i++) {
        uint64_t own = inputs->parts[i].adapter.context;
        context = own > context ? own : context;
    }
    inputs->description = (graft_export_adapter){
        .maps = inputs->sum.maps, .n_maps = inputs->sum.n_maps, .alpha = inputs->sum.alpha,
        .arch = graft_text_z(&inputs->arch), .n_head = (size_t)n_head, .n_kv = (size_t)n_kv,
        .multimodal = graft_export_is_multimodal(inputs->base),
        .base_name = graft_text_z(&inputs->base_name), .base_hash = inputs->base_hash,
        .base_bytes = graft_gguf_size(inputs->base),
        .recipe = inputs->recipe.len > 0 ? graft_text_z(&inputs->recipe) : NULL,
        .parts = graft_text_z(&inputs->notes), .context = context};
done:
    return status;
}

static graft_status find_runs(graft_export_inputs *inputs)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(&inputs->runs, inputs->n, sizeof *inputs->runs));
    for (size_t i = 0; i < inputs->n; i++) {
        char **path = &inputs->runs[inputs->n_runs];
        GRAFT_TRY(graft_path_beside(path, inputs->parts[i].path, "config.yaml"));
        if (graft_path_exists(*path)) {
            inputs->n_runs++;
        } else {
            graft_free(*path);
            *path = NULL;
        }
    }
done:
    return status;
}

graft_status graft_export_inputs_open(graft_export_inputs *inputs, const char *base,
                                      const char *const *adapters, size_t n, bool force)
{
    graft_status status = GRAFT_OK;
    if (n == 0) {
        return graft_fail(GRAFT_E_CONFIG, "no adapter is named: give a GGUF file or a folder of "
                          "PEFT or mlx-lm");
    }
    GRAFT_TRY(graft_gguf_open(&inputs->base, base));
    GRAFT_TRY(graft_gguf_sha256(inputs->base, inputs->base_hash));
    GRAFT_TRY(read_parts(inputs, adapters, n, force));
    GRAFT_TRY(add_up(inputs));
    GRAFT_TRY(describe(inputs));
    GRAFT_TRY(find_runs(inputs));
done:
    return status;
}

graft_status graft_export_inputs_template(const graft_export_inputs *inputs, graft_text *out, char **path)
{
    graft_status status = GRAFT_OK;
    const char *first = NULL;
    graft_text text;
    graft_text_init(&text);
    for (size_t i = 0; i < inputs->n; i++) {
        graft_text_clear(&text);
        GRAFT_TRY(graft_template_beside(&text, inputs->parts[i].path));
        if (text.len == 0) {
            continue;
        }
        if (first == NULL) {
            first = inputs->parts[i].path;
            GRAFT_TRY(graft_text_append(out, graft_text_z(&text), text.len));
            GRAFT_TRY(graft_path_beside(path, first, "chat_template.jinja"));
        } else if (out->len != text.len || memcmp(graft_text_z(out), graft_text_z(&text), text.len)) {
            status = graft_fail(GRAFT_E_CONFIG, "%s and %s were trained with different chat "
                                "templates: say which one is meant (chat_template)", first,
                                inputs->parts[i].path);
            goto done;
        }
    }
done:
    graft_text_clear(&text);
    return status;
}
