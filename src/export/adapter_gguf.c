/* export/adapter_gguf.c - the adapter that llama.cpp loads (--lora).
 *
 * GGUF v3 with general.type "adapter", adapter.type "lora" and adapter.lora.alpha as f32; for each
 * base tensor NAME two f32 tensors, NAME.lora_a with ne = [n_in, rank] and NAME.lora_b with
 * ne = [rank, n_out]. The runtime applies scale * alpha / rank, so any other scale is in B. */
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "io/files.h"
#include "io/gguf.h"

static graft_status set_text(graft_gguf_writer *file, const char *key, const char *text)
{
    return text == NULL ? GRAFT_OK : graft_gguf_set_string(file, key, text, strlen(text));
}

static graft_status set_keys(graft_gguf_writer *file, const graft_export_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(set_text(file, "general.architecture", adapter->arch));
    GRAFT_TRY(set_text(file, "general.type", "adapter"));
    GRAFT_TRY(set_text(file, "adapter.type", "lora"));
    GRAFT_TRY(graft_gguf_set_f32(file, "adapter.lora.alpha", (float)adapter->alpha));
    GRAFT_TRY(set_text(file, "graft.base_model", adapter->base_name));
    GRAFT_TRY(set_text(file, "graft.base_sha256", adapter->base_hash));
    if (adapter->base_bytes > 0) {
        GRAFT_TRY(graft_gguf_set_u64(file, "graft.base_bytes", adapter->base_bytes));
    }
    GRAFT_TRY(set_text(file, "graft.recipe", adapter->recipe));
    GRAFT_TRY(graft_gguf_seal(file)); /* so that one changed byte is found (graft verify) */
done:
    return status;
}

static graft_status add_factor(graft_gguf_writer *file, const char *name, const char *suffix,
                               uint64_t row, uint64_t rows, const float *data)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_appendf(&text, "%s%s", name, suffix));
    GRAFT_TRY(graft_gguf_add_tensor(file, text.data, &graft_format_f32, 2,
                                    (const uint64_t[4]){row, rows, 1, 1}, data));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status write_adapter(const graft_export_adapter *adapter, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_gguf_writer *file = NULL;
    float **folded = NULL; /* one B per map */
    char *path = NULL;
    GRAFT_TRY(graft_export__check(adapter));
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(set_keys(file, adapter));
    GRAFT_TRY(graft_alloc(&folded, adapter->n_maps, sizeof *folded));
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_export_map *map = &adapter->maps[i];
        GRAFT_TRY(graft_export__fold(adapter, map, &folded[i]));
        GRAFT_TRY(add_factor(file, map->name, ".lora_a", map->n_in, map->rank, map->a));
        GRAFT_TRY(add_factor(file, map->name, ".lora_b", map->rank, map->n_out, folded[i]));
    }
    GRAFT_TRY(graft_path_join(&path, folder, graft_exporter_adapter.writes));
    GRAFT_TRY(graft_gguf_write(file, path));
done:
    for (size_t i = 0; folded != NULL && i < adapter->n_maps; i++) {
        graft_free(folded[i]);
    }
    graft_free(folded);
    graft_free(path);
    graft_gguf_writer_free(file);
    return status;
}

const graft_exporter graft_exporter_adapter = {
    .name = "adapter", .writes = "adapter.gguf", .write = write_adapter,
};
