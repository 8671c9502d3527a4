/* quantize_gguf.c - a GGUF file as the source of a quantised one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "export/quantize.h"

/* Keys that tell how the file was made; those of the new one are written anew. */
static const char *const remade[] = {
    "general.quantization_version", "general.file_type", "split.no", "split.count",
    "split.tensors.count", "quantize.imatrix.file", "quantize.imatrix.dataset",
    "quantize.imatrix.entries_count", "quantize.imatrix.chunks_count",
};

graft_status graft_quantize_copy_keys(graft_gguf_writer *file, const graft_gguf *in,
                                      bool (*skip)(const void *context, graft_gguf_string key),
                                      const void *context)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_gguf_n_kv(in); i++) {
        const graft_gguf_kv *kv = graft_gguf_kv_at(in, i);
        bool ours = skip != NULL && skip(context, kv->key);
        for (size_t k = 0; k < sizeof remade / sizeof *remade; k++) {
            ours = ours || graft_gguf_string_is(kv->key, remade[k]);
        }
        if (!ours) {
            GRAFT_TRY(graft_gguf_copy_kv(file, kv));
        }
    }
done:
    return status;
}

graft_tensor_source graft_quantize_source_of(const graft_gguf_tensor *tensor)
{
    graft_tensor_source source = {.name = tensor->name, .n_dims = tensor->n_dims,
                                  .format = tensor->format, .data = tensor->data, .mapped = true};
    memcpy(source.ne, tensor->ne, sizeof source.ne);
    return source;
}

/* "<arch>.<part>": a number, or the first of one per layer; 0 if there is none. */
static graft_status want_first(const graft_gguf *in, const char *arch, const char *part,
                               uint64_t *out)
{
    graft_status status = GRAFT_OK;
    char key[160];
    int64_t *values = NULL;
    size_t n = 0;
    snprintf(key, sizeof key, "%s.%s", arch, part);
    const graft_gguf_kv *kv = graft_gguf_find(in, key);
    *out = 0;
    if (kv != NULL && kv->type == GRAFT_GGUF_ARRAY) {
        GRAFT_TRY(graft_gguf_array_i64(in, key, &values, &n));
        *out = n > 0 && values[0] > 0 ? (uint64_t)values[0] : 0;
    } else {
        GRAFT_TRY(graft_gguf_want_u64(in, key, 0, INT32_MAX, out));
    }
done:
    graft_free(values);
    return status;
}

graft_status graft_mix_model_read(graft_mix_model *model, const graft_gguf *in, char *arch,
                                  size_t size)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string type = {NULL, 0}, name;
    GRAFT_TRY(graft_gguf_want_string(in, "general.type", &type));
    if (type.data != NULL && !graft_gguf_string_is(type, "model")) {
        status = graft_fail(GRAFT_E_MODEL, "%s: is %s, not a model", graft_gguf_path(in),
                            graft_gguf_string_is(type, "adapter") ? "an adapter"
                            : graft_gguf_string_is(type, "imatrix") ? "an importance matrix"
                                                  : "of another general.type");
        goto done;
    }
    GRAFT_TRY(graft_gguf_get_string(in, "general.architecture", &name));
    if (name.len == 0 || name.len >= size || memchr(name.data, 0, name.len) != NULL) {
        status = graft_fail(GRAFT_E_MODEL, "%s: general.architecture has %zu bytes (1 to %zu are "
                            "allowed)", graft_gguf_path(in), name.len, size - 1);
        goto done;
    }
    memcpy(arch, name.data, name.len);
    arch[name.len] = 0;
    *model = (graft_mix_model){.arch = arch};
    GRAFT_TRY(want_first(in, arch, "block_count", &model->n_layer));
    GRAFT_TRY(want_first(in, arch, "attention.head_count", &model->n_head));
    model->n_kv = model->n_head;
    if (model->n_layer == 0) {
        status = graft_fail(GRAFT_E_MODEL, "%s: key \"%s.block_count\" is missing or 0",
                            graft_gguf_path(in), arch);
        goto done;
    }
    GRAFT_TRY(want_first(in, arch, "attention.head_count_kv", &model->n_kv));
    model->n_kv = model->n_kv > 0 ? model->n_kv : model->n_head;
    GRAFT_TRY(want_first(in, arch, "expert_count", &model->n_expert));
done:
    return status;
}

static int in_order(const void *a, const void *b)
{
    const graft_tensor_source *x = a, *y = b;
    return graft_mix_order(x->name, y->name);
}

graft_status graft_quantize_gguf(graft_quantized *out, const graft_gguf *in,
                                 const graft_quantize_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_quantize_job whole = *job;
    graft_gguf_writer *file = NULL;
    graft_tensor_source *sources = NULL;
    char arch[64];
    *out = (graft_quantized){0};
    GRAFT_TRY(graft_mix_model_read(&whole.model, in, arch, sizeof arch));
    GRAFT_TRY(graft_gguf_check_output(in, path));
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(graft_quantize_copy_keys(file, in, NULL, NULL));
    whole.n_tensors = graft_gguf_n_tensors(in);
    GRAFT_TRY(graft_alloc(&sources, whole.n_tensors, sizeof *sources));
    for (size_t i = 0; i < whole.n_tensors; i++) {
        sources[i] = graft_quantize_source_of(graft_gguf_tensor_at(in, i));
    }
    qsort(sources, whole.n_tensors, sizeof *sources, in_order);
    whole.tensors = sources;
    GRAFT_TRY(graft_quantize_write(out, file, &whole, path));
done:
    if (status == GRAFT_E_MODEL || status == GRAFT_E_NUMERICS) {
        const char *message = graft_error_message(), *name = graft_gguf_path(in);
        if (strncmp(message, name, strlen(name)) != 0) {
            status = graft_fail_prefix("%s", name);
        }
    }
    graft_gguf_writer_free(file);
    graft_free(sources);
    return status;
}
