/* inspect_files.c - safetensors files, folders of adapters and checkpoints. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "export/export.h"
#include "io/files.h"
#include "io/hdf5.h"
#include "io/safetensors.h"
#include "run/inspect.h"
#include "train/checkpoint.h"

enum { CONFIG_LIMIT = 1 << 20 };

/* What a safetensors file holds: counts per type, and the tensors if asked for. */
static graft_status describe_tensors(graft_json *out, const char *path, bool tensors)
{
    graft_status status = GRAFT_OK;
    graft_safetensors *file = NULL;
    graft_json *formats = graft_json_new_object(), *list = graft_json_new_array();
    uint64_t parameters = 0;
    GRAFT_TRY(graft_safetensors_open(&file, path));
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(file, i);
        if (!graft_json_has(formats, t->dtype)) {
            GRAFT_TRY(graft_json_set(formats, t->dtype, graft_json_new_object()));
        }
        graft_json *row = graft_json_get(formats, t->dtype);
        GRAFT_TRY(graft_inspect__add_int(row, "tensors", 1));
        GRAFT_TRY(graft_inspect__add_int(row, "bytes", t->n_bytes));
        parameters += t->n_elements;
        if (tensors) {
            GRAFT_TRY(graft_inspect__push_tensor(list, t->name, t->dtype, t->shape, t->n_dims,
                                                 false));
        }
    }
    GRAFT_TRY(graft_json_set_int(out, "parameters", (int64_t)parameters));
    GRAFT_TRY(graft_json_set_int(out, "tensors", (int64_t)graft_safetensors_n(file)));
    GRAFT_TRY(graft_inspect__move(out, "formats", &formats));
    if (tensors) {
        GRAFT_TRY(graft_inspect__move(out, "tensor_list", &list));
    }
done:
    graft_json_free(formats);
    graft_json_free(list);
    graft_safetensors_close(file);
    return status;
}

static graft_status set_file_bytes(graft_json *out, const char *path)
{
    graft_mapped file;
    graft_status status = graft_mapped_open(&file, path);
    if (status == GRAFT_OK) {
        status = graft_json_set_int(out, "bytes", (int64_t)file.size);
        graft_mapped_close(&file);
    }
    return status;
}

graft_status graft_inspect__safetensors(graft_json *out, const char *path, bool tensors)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_json_set_string(out, "kind", "tensors"));
    GRAFT_TRY(graft_json_set_string(out, "file", "safetensors"));
    GRAFT_TRY(set_file_bytes(out, path));
    GRAFT_TRY(describe_tensors(out, path, tensors));
done:
    return status;
}

/* Copies a member of a configuration, if it is there and not null. */
static graft_status copy_member(graft_json *out, const char *as, const graft_json *from,
                                const char *key)
{
    graft_json *copy = NULL;
    const graft_json *value = graft_json_get(from, key);
    if (value == NULL) {
        return GRAFT_OK;
    }
    graft_status status = graft_json_copy(&copy, value);
    return status == GRAFT_OK ? graft_json_set(out, as, copy) : status;
}

static graft_status describe_peft(graft_json *out, const graft_json *config)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_json_set_string(out, "file", "PEFT folder"));
    GRAFT_TRY(copy_member(out, "type", config, "peft_type"));
    GRAFT_TRY(copy_member(out, "rank", config, "r"));
    GRAFT_TRY(copy_member(out, "alpha", config, "lora_alpha"));
    GRAFT_TRY(copy_member(out, "rslora", config, "use_rslora"));
    GRAFT_TRY(copy_member(out, "dora", config, "use_dora"));
    GRAFT_TRY(copy_member(out, "modules", config, "target_modules"));
    GRAFT_TRY(copy_member(out, "base", config, "base_model_name_or_path"));
done:
    return status;
}

static graft_status describe_mlx(graft_json *out, const graft_json *config)
{
    graft_status status = GRAFT_OK;
    const graft_json *lora = graft_json_get(config, "lora_parameters");
    GRAFT_TRY(graft_json_set_string(out, "file", "mlx-lm folder"));
    GRAFT_TRY(copy_member(out, "type", config, "fine_tune_type"));
    GRAFT_TRY(copy_member(out, "rank", lora, "rank"));
    GRAFT_TRY(copy_member(out, "scale", lora, "scale"));
    GRAFT_TRY(copy_member(out, "modules", lora, "keys"));
    GRAFT_TRY(copy_member(out, "layers", config, "num_layers"));
    GRAFT_TRY(copy_member(out, "base", config, "model"));
done:
    return status;
}

graft_status graft_inspect__adapter(graft_json *out, const char *path, bool tensors)
{
    graft_status status = GRAFT_OK;
    char *config_path = NULL, *tensor_path = NULL;
    bool is_mlx;
    graft_text text;
    graft_json *config = NULL;
    graft_text_init(&text);
    GRAFT_TRY(graft_path_join(&config_path, path, "adapter_config.json"));
    GRAFT_TRY(graft_adapter_find_weights(&tensor_path, &is_mlx, path));
    GRAFT_TRY(graft_file_read(&text, config_path, CONFIG_LIMIT));
    if (graft_json_parse(&config, graft_text_z(&text), text.len) != GRAFT_OK) {
        graft_fail_prefix("%s", config_path);
        status = graft_fail(GRAFT_E_MODEL, "%s", graft_error_message());
        goto done;
    }
    if (!graft_json_is(config, GRAFT_JSON_OBJECT)) {
        status = graft_fail(GRAFT_E_MODEL, "%s: not a JSON object", config_path);
        goto done;
    }
    GRAFT_TRY(graft_json_set_string(out, "kind", "adapter"));
    GRAFT_TRY(is_mlx ? describe_mlx(out, config) : describe_peft(out, config));
    GRAFT_TRY(set_file_bytes(out, tensor_path));
    GRAFT_TRY(describe_tensors(out, tensor_path, tensors));
done:
    graft_json_free(config);
    graft_text_clear(&text);
    graft_free(config_path);
    graft_free(tensor_path);
    return status;
}

/* Which adapter is the best so far, if one was chosen. */
static graft_status set_best(graft_json *out, const graft_h5 *image)
{
    graft_status status = GRAFT_OK;
    uint64_t step;
    if (graft_checkpoint_best_step(image, &step)) {
        GRAFT_TRY(graft_json_set_int(out, "best_step", (int64_t)step));
    }
done:
    return status;
}

/* Lines "name type length" of an image as a table. */
static graft_status set_arrays(graft_json *out, const graft_h5 *image)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_json *list = graft_json_new_array();
    graft_text_init(&text);
    GRAFT_TRY(graft_h5_list(image, &text));
    for (const char *line = graft_text_z(&text); *line;) {
        size_t n = strcspn(line, "\n");
        char name[256], type[16];
        unsigned long long length = 0;
        if (n < sizeof name && sscanf(line, "%255s %15s %llu", name, type, &length) == 3) {
            uint64_t shape[1] = {length};
            GRAFT_TRY(graft_inspect__push_tensor(list, name, type, shape, 1, false));
        }
        line += n + (line[n] == '\n');
    }
    GRAFT_TRY(graft_inspect__move(out, "tensor_list", &list));
done:
    graft_text_clear(&text);
    graft_json_free(list);
    return status;
}

/* The lines "what: value" that say which run a checkpoint belongs to. */
static graft_status set_identity(graft_json *out, const char *lines)
{
    graft_status status = GRAFT_OK;
    graft_json *run = graft_json_new_object();
    graft_text key;
    graft_text_init(&key);
    while (*lines) {
        size_t n = strcspn(lines, "\n"), n_key = strcspn(lines, ":\n");
        size_t from = n_key + 1 + (n_key + 1 < n && lines[n_key + 1] == ' ');
        if (n_key < n) {
            graft_text_clear(&key);
            GRAFT_TRY(graft_text_append_escaped(&key, lines, n_key, false));
            GRAFT_TRY(graft_inspect__set_text(run, graft_text_z(&key), lines + from, n - from, 0));
        }
        lines += n + (lines[n] == '\n');
    }
    GRAFT_TRY(graft_inspect__move(out, "belongs_to", &run));
done:
    graft_text_clear(&key);
    graft_json_free(run);
    return status;
}

graft_status graft_inspect__checkpoint(graft_json *out, const char *path, bool tensors)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    graft_text identity;
    uint64_t step = 0;
    size_t n_params = 0;
    graft_text_init(&identity);
    GRAFT_TRY(graft_h5_read(&image, path));
    GRAFT_TRY(graft_h5_get_u64(image, "run/step", &step, 1));
    GRAFT_TRY(graft_h5_get_text(image, "run/identity", &identity));
    GRAFT_TRY(graft_h5_size(image, "adapter/params", &n_params));
    GRAFT_TRY(graft_json_set_string(out, "kind", "checkpoint"));
    GRAFT_TRY(graft_json_set_string(out, "file", "HDF5, digest matches"));
    GRAFT_TRY(set_file_bytes(out, path));
    GRAFT_TRY(graft_json_set_int(out, "step", (int64_t)step));
    GRAFT_TRY(graft_json_set_int(out, "parameters", (int64_t)n_params));
    GRAFT_TRY(set_best(out, image));
    GRAFT_TRY(set_identity(out, graft_text_z(&identity)));
    if (tensors) {
        GRAFT_TRY(set_arrays(out, image));
    }
done:
    graft_h5_free(image);
    graft_text_clear(&identity);
    return status;
}
