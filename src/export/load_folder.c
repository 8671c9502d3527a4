/* export/load_folder.c - what folders of adapters have in common, whoever wrote them. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/load.h"
#include "export/peft_names.h"
#include "io/files.h"

enum { CONFIG_LIMIT = 1 << 24 };

graft_status graft_adapter_find_weights(char **out, bool *is_mlx, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *mlx = NULL;
    *out = NULL;
    GRAFT_TRY(graft_path_join(&mlx, folder, "adapters.safetensors"));
    GRAFT_TRY(graft_path_join(out, folder, "adapter_model.safetensors"));
    *is_mlx = graft_path_exists(mlx) && !graft_path_exists(*out);
    if (*is_mlx) {
        graft_free(*out);
        *out = mlx;
        mlx = NULL;
    }
done:
    graft_free(mlx);
    return status;
}

graft_status graft_adapter_check_output(const char *out, const char *adapter)
{
    static const char *const names[] = {"adapter_model.safetensors", "adapters.safetensors", "adapter_config.json",
                                        "adapter.gguf", "chat_template.jinja", "config.yaml"};
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_check_output(out, adapter));
    for (size_t i = 0; i < sizeof names / sizeof *names && graft_path_is_dir(adapter); i++) {
        graft_free(path);
        GRAFT_TRY(graft_path_join(&path, adapter, names[i]));
        GRAFT_TRY(graft_path_check_output(out, path));
    }
done:
    graft_free(path);
    return status;
}

graft_status graft_export__read_config(graft_json **out, char **path, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_path_join(path, folder, "adapter_config.json"));
    GRAFT_TRY(graft_file_read(&text, *path, CONFIG_LIMIT));
    if (graft_json_parse(out, graft_text_z(&text), text.len) != GRAFT_OK) {
        graft_status code = graft_error_code();
        status = graft_fail(code == GRAFT_E_DATA ? GRAFT_E_MODEL : code, "%s: %s", *path,
                            graft_error_message());
    }
done:
    graft_text_clear(&text);
    return status;
}

graft_status graft_export__take_origin(const graft_safetensors *file, graft_loaded_adapter *out)
{
    graft_status status = GRAFT_OK;
    const struct {
        const char *key;
        char **to;
    } texts[] = {{"graft.base_sha256", &out->base_hash}, {"graft.base_model", &out->base_name}};
    const char *bytes = graft_safetensors_metadata(file, "graft.base_bytes");
    const char *context = graft_safetensors_metadata(file, "graft.context_length");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = graft_safetensors_metadata(file, texts[i].key);
        if (text != NULL) {
            GRAFT_TRY(graft_strdup(texts[i].to, text));
        }
    }
    out->base_bytes = bytes == NULL ? 0 : strtoull(bytes, NULL, 10);
    out->context = context == NULL ? 0 : strtoull(context, NULL, 10) % INT32_MAX;
done:
    return status;
}

/* Rows of `width` numbers. */
static graft_status to_gguf_order(const float **rows, const graft_export_map *map, size_t width,
                                  size_t heads)
{
    graft_status status = GRAFT_OK;
    float *ordered;
    GRAFT_TRY(graft_alloc(&ordered, map->n_out * width, sizeof *ordered));
    graft_export__to_gguf_rows(ordered, *rows, map->n_out, width, heads);
    graft_free((void *)(uintptr_t)*rows);
    *rows = ordered;
done:
    return status;
}

graft_status graft_export__reorder_rows(const graft_export__loading *loading,
                                        graft_export_map *map)
{
    graft_status status = GRAFT_OK;
    size_t heads = graft_export__interleaved_heads(loading->arch, map->name, loading->n_head,
                                                   loading->n_kv);
    if (heads == 0) {
        return GRAFT_OK;
    }
    if (map->n_out % (2 * heads) != 0) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": %zu rows are not %zu heads of even size",
                          map->name, map->n_out, heads);
    }
    GRAFT_TRY(to_gguf_order(&map->b, map, map->rank, heads));
    if (map->magnitude != NULL) {
        GRAFT_TRY(to_gguf_order(&map->magnitude, map, 1, heads));
    }
done:
    return status;
}
