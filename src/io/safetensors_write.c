/* io/safetensors_write.c - safetensors files of plain numbers. */
#include <inttypes.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/show.h"

typedef struct pending {
    const void *data; /* borrowed; NULL: it comes when the file is written */
    size_t n_bytes;
} pending;

struct graft_safetensors_writer {
    graft_json *header;
    graft_json *metadata; /* inside the header; NULL until there is some */
    pending *tensors;
    size_t n, capacity;
    uint64_t offset; /* of the next tensor */
};

graft_status graft_safetensors_writer_new(graft_safetensors_writer **out)
{
    graft_status status = GRAFT_OK;
    graft_safetensors_writer *w = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&w, 1, sizeof *w));
    w->header = graft_json_new_object();
    if (w->header == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory for a safetensors header");
        goto done;
    }
    *out = w;
    w = NULL;
done:
    graft_safetensors_writer_free(w);
    return status;
}

void graft_safetensors_writer_free(graft_safetensors_writer *w)
{
    if (w == NULL) {
        return;
    }
    graft_json_free(w->header);
    graft_free(w->tensors);
    graft_free(w);
}

/* Names and values go into JSON, which holds UTF-8 only. */
static graft_status check_text(const char *text)
{
    char shown[GRAFT_IO_SHOWN];
    size_t n = strlen(text);
    return graft_utf8_valid(text, n, NULL)
               ? GRAFT_OK
               : graft_fail(GRAFT_E_FAILED, "\"%s\" is not valid UTF-8",
                            graft_io__show(shown, text, n));
}

graft_status graft_safetensors_set_metadata(graft_safetensors_writer *w, const char *key,
                                            const char *value)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(check_text(key));
    GRAFT_TRY(check_text(value));
    if (w->metadata == NULL) {
        w->metadata = graft_json_new_object();
        GRAFT_TRY(graft_json_set(w->header, "__metadata__", w->metadata));
    }
    GRAFT_TRY(graft_json_set_string(w->metadata, key, value));
done:
    return status;
}

static graft_status push_size(graft_json *array, uint64_t size)
{
    return graft_json_push(array, graft_json_new_int((int64_t)size));
}

/* {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]} */
static graft_status describe(graft_json **out, const char *dtype, uint32_t n_dims,
                             const uint64_t *shape, uint64_t begin, uint64_t end)
{
    graft_status status = GRAFT_OK;
    graft_json *entry = graft_json_new_object();
    graft_json *dims = graft_json_new_array(), *offsets = graft_json_new_array();
    *out = NULL;
    for (uint32_t d = 0; d < n_dims; d++) {
        GRAFT_TRY(push_size(dims, shape[d]));
    }
    GRAFT_TRY(push_size(offsets, begin));
    GRAFT_TRY(push_size(offsets, end));
    GRAFT_TRY(graft_json_set_string(entry, "dtype", dtype));
    GRAFT_TRY(graft_json_set(entry, "shape", graft_json_retain(dims)));
    GRAFT_TRY(graft_json_set(entry, "data_offsets", graft_json_retain(offsets)));
    *out = entry;
    entry = NULL;
done:
    graft_json_free(dims);
    graft_json_free(offsets);
    graft_json_free(entry);
    return status;
}

graft_status graft_safetensors_add_as(graft_safetensors_writer *w, const char *name,
                                      const graft_format *format, uint32_t n_dims,
                                      const uint64_t *shape, const void *data)
{
    graft_status status = GRAFT_OK;
    graft_json *entry = NULL;
    size_t bytes = format->block_bytes;
    bool fits = n_dims <= 8;
    GRAFT_TRY(check_text(name));
    for (uint32_t d = 0; d < n_dims && fits; d++) {
        fits = shape[d] <= SIZE_MAX / 8 && graft_size_mul(bytes, (size_t)shape[d], &bytes);
    }
    if (!fits || bytes > INT64_MAX - w->offset) {
        return graft_fail(GRAFT_E_FAILED, "tensor \"%s\": its shape cannot be written", name);
    }
    if (graft_json_has(w->header, name) || strcmp(name, "__metadata__") == 0) {
        return graft_fail(GRAFT_E_FAILED, "tensor \"%s\" is written twice or reserved", name);
    }
    GRAFT_TRY(graft_reserve(&w->tensors, &w->capacity, w->n + 1, sizeof *w->tensors));
    GRAFT_TRY(describe(&entry, format->name, n_dims, shape, w->offset, w->offset + bytes));
    GRAFT_TRY(graft_json_set(w->header, name, entry));
    w->tensors[w->n++] = (pending){data, bytes};
    w->offset += bytes;
done:
    return status;
}

graft_status graft_safetensors_add(graft_safetensors_writer *w, const char *name, uint32_t n_dims,
                                   const uint64_t *shape, const float *data)
{
    return graft_safetensors_add_as(w, name, &graft_format_f32, n_dims, shape, data);
}

/* Length, JSON, and spaces up to a multiple of eight, as the format's own writer does. */
static graft_status encode_header(const graft_safetensors_writer *w, graft_text *out)
{
    graft_status status = GRAFT_OK;
    uint64_t n;
    GRAFT_TRY(graft_text_append(out, "\0\0\0\0\0\0\0\0", 8));
    GRAFT_TRY(graft_json_write(out, w->header, GRAFT_JSON_COMPACT));
    while (out->len % 8 != 0) {
        GRAFT_TRY(graft_text_append_char(out, ' '));
    }
    n = out->len - 8;
    for (unsigned i = 0; i < 8; i++) {
        out->data[i] = (char)(uint8_t)(n >> (8 * i));
    }
done:
    return status;
}

/* One tensor's bytes, from where they are or from `fill`. */
static graft_status put_tensor(const graft_safetensors_writer *w, size_t i, graft_writer *file,
                               graft_safetensors_fill *fill, void *context)
{
    graft_status status = GRAFT_OK;
    const pending *tensor = &w->tensors[i];
    uint64_t begin = graft_writer_offset(file);
    if (tensor->data != NULL || tensor->n_bytes == 0) {
        return graft_writer_write(file, tensor->data, tensor->n_bytes);
    }
    GRAFT_TRY(fill(context, i, file));
    if (graft_writer_offset(file) - begin != tensor->n_bytes) {
        status = graft_fail(GRAFT_E_FAILED, "tensor %zu of a safetensors file: %llu bytes were "
                            "written instead of %zu", i,
                            (unsigned long long)(graft_writer_offset(file) - begin),
                            tensor->n_bytes);
    }
done:
    return status;
}

graft_status graft_safetensors_write_with(graft_safetensors_writer *w, const char *path,
                                          graft_safetensors_fill *fill, void *context)
{
    graft_status status = GRAFT_OK;
    graft_writer *file = NULL;
    graft_text header;
    graft_text_init(&header);
    GRAFT_TRY(encode_header(w, &header));
    GRAFT_TRY(graft_writer_open(&file, path));
    GRAFT_TRY(graft_writer_write(file, header.data, header.len));
    for (size_t i = 0; i < w->n; i++) {
        GRAFT_TRY(put_tensor(w, i, file, fill, context));
    }
    GRAFT_TRY(graft_writer_commit(&file));
done:
    graft_writer_discard(&file);
    graft_text_clear(&header);
    return status;
}

graft_status graft_safetensors_write(graft_safetensors_writer *w, const char *path)
{
    return graft_safetensors_write_with(w, path, NULL, NULL);
}
