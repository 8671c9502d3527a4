/* export/load_mlx.c - a folder of mlx-lm (--adapter-path) back into plain maps.
 *
 * What mlx.c writes: <module>.lora_a (n_in, rank) and <module>.lora_b (rank, n_out), one rank and one
 * scale for all in adapter_config.json; of a DoRA <module>.m (n_out), the lengths of rows, too. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/load.h"
#include "export/peft_names.h"
#include "io/files.h"

typedef struct config {
    size_t rank;
    double scale;
    bool dora;
    const char *model; /* borrowed; NULL: it names none */
} config;

/* --- adapter_config.json --- */

static graft_status read_type(config *c, const graft_json *json)
{
    const graft_json *type = graft_json_get(json, "fine_tune_type");
    const char *name = type == NULL ? "lora" : graft_json_string(type, NULL);
    c->dora = name != NULL && strcmp(name, "dora") == 0;
    if (name != NULL && strcmp(name, "full") == 0) {
        return graft_fail(GRAFT_E_MODEL, "fine_tune_type is full: these are weights and no adapter; fuse "
                          "them (mlx_lm.fuse) and make a GGUF file of the folder (graft quantize)");
    }
    return c->dora || (name != NULL && strcmp(name, "lora") == 0)
               ? GRAFT_OK : graft_fail(GRAFT_E_MODEL, "fine_tune_type is not \"lora\" or \"dora\"");
}

static graft_status read_settings(config *c, const graft_json *json)
{
    graft_status status = GRAFT_OK;
    const graft_json *lora = graft_json_get(json, "lora_parameters");
    const graft_json *rank = graft_json_get(lora, "rank"), *scale = graft_json_get(lora, "scale");
    GRAFT_TRY(read_type(c, json));
    if (!graft_json_is(lora, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_MODEL, "lora_parameters is not an object");
    }
    if (!graft_json_is(rank, GRAFT_JSON_INT) || graft_json_int(rank) < 1 ||
        graft_json_int(rank) > INT32_MAX) {
        return graft_fail(GRAFT_E_MODEL, "lora_parameters: rank is not a positive integer");
    }
    c->rank = (size_t)graft_json_int(rank);
    c->scale = graft_json_double(scale);
    if (!(c->scale > 0) || !isfinite((float)(c->scale * (double)c->rank))) {
        status = graft_fail(GRAFT_E_MODEL, "lora_parameters: scale is not a positive number%s",
                            scale == NULL && graft_json_has(lora, "alpha")
                                ? " (mlx-lm reads scale and not alpha)" : "");
    }
    c->model = graft_json_string(graft_json_get(json, "model"), NULL);
done:
    return status;
}

/* --- adapters.safetensors --- */

/* Splits "MODULE.lora_a", ".lora_b" or, of a DoRA, ".m". */
static graft_status split_name(const char *name, char **module, const char **part)
{
    static const char *const parts[] = {".lora_a", ".lora_b", ".m"};
    size_t n = strlen(name);
    if (strstr(name, "embed_tokens.") != NULL) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\": adapters of embeddings are not supported",
                          name);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (graft_str_ends_with(name, parts[i])) {
            *part = parts[i];
            return graft_strndup(module, name, n - strlen(parts[i]));
        }
    }
    return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is neither .lora_a nor .lora_b nor .m", name);
}

static graft_status take_tensor(graft_export__loading *l, const graft_safetensors_tensor *t)
{
    graft_status status = GRAFT_OK;
    const char *part = "";
    char *module = NULL;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(split_name(t->name, &module, &part));
    GRAFT_TRY(graft_export__gguf_name(&name, l->arch, module));
    bool vector = strcmp(part, ".m") == 0;
    if (t->n_dims != (vector ? 1 : 2)) {
        status = graft_fail(GRAFT_E_MODEL, "tensor \"%s\" has %" PRIu32 " dimensions instead of %d",
                            t->name, t->n_dims, vector ? 1 : 2);
        goto done;
    }
    GRAFT_TRY(vector ? graft_export__take_magnitudes(l, name.data, t->shape[0], t->format, t->data)
                     : graft_export__take_transposed(
                           l, name.data, strcmp(part, ".lora_a") == 0 ? GRAFT_EXPORT_A : GRAFT_EXPORT_B,
                           t->shape[0], t->shape[1], t->format, t->data));
done:
    graft_free(module);
    graft_text_clear(&name);
    return status;
}

static graft_status interpret(graft_export__loading *l, const config *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_export__check_pairs(l));
    if (c->dora != graft_export_is_dora(l->out->maps, l->out->n_maps)) {
        return graft_fail(GRAFT_E_MODEL, "holds %s, but adapter_config.json says fine_tune_type: %s",
                          c->dora ? "no magnitudes" : "magnitudes", c->dora ? "dora" : "lora");
    }
    for (size_t i = 0; i < l->out->n_maps; i++) {
        graft_export_map *map = &l->out->maps[i];
        if (map->rank != c->rank) {
            return graft_fail(GRAFT_E_MODEL, "\"%s\" has rank %zu, but adapter_config.json says %zu",
                              map->name, map->rank, c->rank);
        }
        map->scale = c->scale;
        GRAFT_TRY(graft_export__reorder_rows(l, map));
    }
    l->out->alpha = c->scale * (double)c->rank;
done:
    return status;
}

/* The base by its name; where it lies on some machine is no name. */
static graft_status take_base_name(const config *c, graft_loaded_adapter *out)
{
    bool named = c->model != NULL && c->model[0] != 0 && strchr("/.~", c->model[0]) == NULL &&
                 strchr(c->model, '\\') == NULL;
    return out->base_name != NULL || !named ? GRAFT_OK : graft_strdup(&out->base_name, c->model);
}

graft_status graft_export__load_mlx(graft_export__loading *loading, const char *weights)
{
    graft_status status = GRAFT_OK;
    graft_json *json = NULL;
    graft_safetensors *file = NULL;
    char *path = NULL;
    config c = {0};
    if (graft_export__check_arch(loading->arch) != GRAFT_OK) {
        return graft_fail(GRAFT_E_MODEL, "%s: %s", loading->path, graft_error_message());
    }
    GRAFT_TRY(graft_export__read_config(&json, &path, loading->path));
    if (read_settings(&c, json) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
        goto done;
    }
    GRAFT_TRY(graft_safetensors_open(&file, weights));
    GRAFT_TRY(graft_export__take_origin(file, loading->out));
    GRAFT_TRY(take_base_name(&c, loading->out));
    for (size_t i = 0; i < graft_safetensors_n(file) && status == GRAFT_OK; i++) {
        status = take_tensor(loading, graft_safetensors_at(file, i));
    }
    status = status == GRAFT_OK ? interpret(loading, &c) : status;
    if (status != GRAFT_OK) {
        status = graft_fail_prefix("%s", weights);
    }
done:
    graft_safetensors_close(file);
    graft_json_free(json);
    graft_free(path);
    return status;
}
