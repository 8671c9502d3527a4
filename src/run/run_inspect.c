/* run_inspect.c - graft_inspect: what kind of thing lies at a path, and what is in it. */
#include <graft/model.h>

#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "run/inspect.h"

graft_status graft_inspect__move(graft_json *object, const char *key, graft_json **value)
{
    graft_json *taken = *value;
    *value = NULL;
    return graft_json_set(object, key, taken);
}

graft_status graft_inspect__add_int(graft_json *object, const char *key, uint64_t value)
{
    int64_t before = graft_json_int(graft_json_get(object, key));
    return graft_json_set_int(object, key, before + (int64_t)value);
}

graft_status graft_inspect__set_text(graft_json *object, const char *key, const char *bytes,
                                     size_t n, size_t limit)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    bool cut = limit > 0 && n > limit;
    graft_text_init(&text);
    n = cut ? limit : n;
    while (cut && n > 0 && ((unsigned char)bytes[n] & 0xc0u) == 0x80u) {
        n--; /* not within a character */
    }
    if (graft_utf8_valid(bytes, n, NULL)) {
        GRAFT_TRY(graft_text_append(&text, bytes, n));
    } else {
        GRAFT_TRY(graft_text_append_escaped(&text, bytes, n, true));
    }
    if (cut) {
        GRAFT_TRY(graft_text_append_z(&text, "..."));
    }
    graft_json *value = graft_json_new_string(graft_text_z(&text), text.len);
    if (value == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(graft_json_set(object, key, value));
done:
    graft_text_clear(&text);
    return status;
}

graft_status graft_inspect__push_tensor(graft_json *array, const char *name, const char *format,
                                        const uint64_t *shape, uint32_t n_dims, bool reversed)
{
    graft_status status = GRAFT_OK;
    graft_json *tensor = graft_json_new_object(), *dims = graft_json_new_array();
    GRAFT_TRY(graft_inspect__set_text(tensor, "name", name, strlen(name), 0));
    GRAFT_TRY(graft_json_set_string(tensor, "format", format));
    for (uint32_t i = 0; i < n_dims; i++) {
        uint64_t n = shape[reversed ? n_dims - 1 - i : i];
        GRAFT_TRY(graft_json_push(dims, graft_json_new_int((int64_t)n)));
    }
    GRAFT_TRY(graft_inspect__move(tensor, "shape", &dims));
    graft_json *taken = tensor;
    tensor = NULL;
    GRAFT_TRY(graft_json_push(array, taken));
done:
    graft_json_free(dims);
    graft_json_free(tensor);
    return status;
}

/* What a file is, by its first bytes. */
typedef enum file_kind { FILE_OTHER, FILE_GGUF, FILE_CHECKPOINT, FILE_SAFETENSORS } file_kind;

static graft_status kind_of(file_kind *out, const char *path)
{
    graft_mapped file;
    graft_status status = graft_mapped_open(&file, path);
    *out = FILE_OTHER;
    if (status != GRAFT_OK) {
        return status;
    }
    if (file.size >= 4 && memcmp(file.data, "GGUF", 4) == 0) {
        *out = FILE_GGUF;
    } else if (file.size >= 8 && (memcmp(file.data, "GRAFTCK1", 8) == 0 ||
                                  memcmp(file.data, "\x89HDF\r\n\x1a\n", 8) == 0)) {
        *out = FILE_CHECKPOINT;
    } else if (graft_str_ends_with(path, ".safetensors") ||
               (file.size > 8 && file.data[8] == '{' && file.data[6] == 0 && file.data[7] == 0)) {
        *out = FILE_SAFETENSORS;
    }
    graft_mapped_close(&file);
    return GRAFT_OK;
}

static graft_status inspect_folder(graft_json *out, const char *path, bool tensors)
{
    if (graft_dir_holds(path, "config.yaml") || graft_dir_holds(path, "metrics.jsonl")) {
        return graft_inspect__run(out, path);
    }
    if (graft_dir_holds(path, "adapter_config.json")) {
        return graft_inspect__adapter(out, path, tensors);
    }
    return graft_fail(GRAFT_E_MODEL, "%s: neither a run folder (no config.yaml) nor one of PEFT or "
                      "mlx-lm (no adapter_config.json)", path);
}

static graft_status inspect_file(graft_json *out, const char *path, bool tensors)
{
    graft_status status = GRAFT_OK;
    file_kind kind;
    GRAFT_TRY(kind_of(&kind, path));
    switch (kind) {
    case FILE_GGUF: return graft_inspect__gguf(out, path, tensors);
    case FILE_CHECKPOINT: return graft_inspect__checkpoint(out, path, tensors);
    case FILE_SAFETENSORS: return graft_inspect__safetensors(out, path, tensors);
    case FILE_OTHER: break;
    }
    status = graft_fail(GRAFT_E_MODEL, "%s: not a file graft knows (GGUF, safetensors, checkpoint)",
                        path);
done:
    return status;
}

graft_status graft_inspect(const char *path, int tensors, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object();
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_inspect__set_text(object, "path", path, strlen(path), 0));
    if (graft_path_is_dir(path)) {
        GRAFT_TRY(inspect_folder(object, path, tensors != 0));
    } else {
        GRAFT_TRY(inspect_file(object, path, tensors != 0));
    }
    if (json) {
        GRAFT_TRY(graft_json_write(&text, object, GRAFT_JSON_PRETTY));
        GRAFT_TRY(graft_text_append_char(&text, '\n'));
    } else {
        GRAFT_TRY(graft_inspect__format(&text, object));
    }
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_text_clear(&text);
    graft_json_free(object);
    return status;
}
