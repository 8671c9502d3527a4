/* io/safetensors_read.c - opening a safetensors file that nobody vouches for.
 *
 * Eight bytes of header length, a JSON object, then the data. The regions must tile the data: the
 * format allows neither holes nor overlaps, so that a file cannot hide anything. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/show.h"

enum { MAX_DIMS = 8 };
static const uint64_t max_header = 100000000;

struct graft_safetensors {
    char *path;
    graft_mapped mapped;
    graft_json *header; /* owns the names */
    const graft_json *metadata;
    graft_safetensors_tensor *tensors;
    size_t n;
    graft_map names;
    const uint8_t *data;
    uint64_t data_bytes;
};

typedef struct dtype {
    const char *name;
    unsigned bytes;
    const graft_format *format;
} dtype;

static const dtype dtypes[] = {
    {"F32", 4, &graft_format_f32}, {"F16", 2, &graft_format_f16}, {"BF16", 2, &graft_format_bf16},
    {"F64", 8, NULL}, {"I64", 8, NULL}, {"U64", 8, NULL}, {"C64", 8, NULL}, {"I32", 4, NULL},
    {"U32", 4, NULL}, {"I16", 2, NULL}, {"U16", 2, NULL}, {"I8", 1, NULL}, {"U8", 1, NULL},
    {"BOOL", 1, NULL}, {"F8_E4M3", 1, NULL}, {"F8_E5M2", 1, NULL}, {"F8_E8M0", 1, NULL},
};

/* A non-negative integer from the header. */
static bool get_size(const graft_json *value, uint64_t *out)
{
    if (!graft_json_is(value, GRAFT_JSON_INT) || graft_json_int(value) < 0) {
        return false;
    }
    *out = (uint64_t)graft_json_int(value);
    return true;
}

static graft_status read_dtype(const char *where, const graft_json *entry,
                               graft_safetensors_tensor *t, unsigned *bytes)
{
    const char *name = graft_json_string(graft_json_get(entry, "dtype"), NULL);
    char shown[GRAFT_IO_SHOWN];
    if (name == NULL) {
        return graft_fail(GRAFT_E_MODEL, "%s: no dtype", where);
    }
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            t->dtype = dtypes[i].name;
            t->format = dtypes[i].format;
            *bytes = dtypes[i].bytes;
            return GRAFT_OK;
        }
    }
    return graft_fail(GRAFT_E_MODEL, "%s: unknown dtype \"%s\"", where,
                      graft_io__show(shown, name, strlen(name)));
}

static graft_status read_shape(const char *where, const graft_json *entry,
                               graft_safetensors_tensor *t)
{
    const graft_json *shape = graft_json_get(entry, "shape");
    if (!graft_json_is(shape, GRAFT_JSON_ARRAY) || graft_json_length(shape) > MAX_DIMS) {
        return graft_fail(GRAFT_E_MODEL, "%s: shape is not a list of at most %d sizes", where,
                          MAX_DIMS);
    }
    t->n_dims = (uint32_t)graft_json_length(shape);
    t->n_elements = 1;
    for (uint32_t d = 0; d < MAX_DIMS; d++) {
        t->shape[d] = 1;
        if (d < t->n_dims && !get_size(graft_json_at(shape, d), &t->shape[d])) {
            return graft_fail(GRAFT_E_MODEL, "%s: dimension %" PRIu32 " is not a size", where, d);
        }
        if (!graft_size_mul(t->n_elements, (size_t)t->shape[d], &t->n_elements)) {
            return graft_fail(GRAFT_E_MODEL, "%s: the number of its elements overflows", where);
        }
    }
    return GRAFT_OK;
}

static graft_status read_region(const graft_safetensors *file, const char *where,
                                const graft_json *entry, unsigned bytes,
                                graft_safetensors_tensor *t)
{
    const graft_json *offsets = graft_json_get(entry, "data_offsets");
    uint64_t begin, end;
    if (graft_json_length(offsets) != 2 || !get_size(graft_json_at(offsets, 0), &begin) ||
        !get_size(graft_json_at(offsets, 1), &end) || begin > end) {
        return graft_fail(GRAFT_E_MODEL, "%s: data_offsets is not a pair of offsets", where);
    }
    if (end > file->data_bytes) {
        return graft_fail(GRAFT_E_MODEL, "%s: its data ends at %" PRIu64 ", but the file has %"
                          PRIu64 " bytes of data", where, end, file->data_bytes);
    }
    if (!graft_size_mul(t->n_elements, bytes, &t->n_bytes) || t->n_bytes != end - begin) {
        return graft_fail(GRAFT_E_MODEL, "%s: %" PRIu64 " bytes of data do not fit its shape and "
                          "dtype", where, end - begin);
    }
    t->data = file->data + begin;
    return GRAFT_OK;
}

static graft_status read_tensor(graft_safetensors *file, const char *name, const graft_json *entry)
{
    graft_status status = GRAFT_OK;
    graft_safetensors_tensor *t = &file->tensors[file->n];
    char shown[GRAFT_IO_SHOWN], where[GRAFT_IO_SHOWN + 16];
    unsigned bytes = 0;
    snprintf(where, sizeof where, "tensor \"%s\"", graft_io__show(shown, name, strlen(name)));
    if (!graft_json_is(entry, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_MODEL, "%s is not described by an object", where);
    }
    t->name = name;
    GRAFT_TRY(read_dtype(where, entry, t, &bytes));
    GRAFT_TRY(read_shape(where, entry, t));
    GRAFT_TRY(read_region(file, where, entry, bytes, t));
    GRAFT_TRY(graft_map_set(&file->names, name, strlen(name), file->n, NULL));
    file->n++;
done:
    return status;
}

static graft_status read_metadata(graft_safetensors *file, const graft_json *metadata)
{
    if (metadata == NULL) { /* null: what mlx writes where there is none */
        return GRAFT_OK;
    }
    if (!graft_json_is(metadata, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_MODEL, "__metadata__ is not an object");
    }
    for (graft_json_iter it = graft_json_iter_begin(metadata); graft_json_iter_next(&it);) {
        if (!graft_json_is(it.value, GRAFT_JSON_STRING)) {
            return graft_fail(GRAFT_E_MODEL, "__metadata__ holds something that is not a string");
        }
    }
    file->metadata = metadata;
    return GRAFT_OK;
}

static int compare_starts(const void *a, const void *b)
{
    const graft_safetensors_tensor *x = *(const graft_safetensors_tensor *const *)a;
    const graft_safetensors_tensor *y = *(const graft_safetensors_tensor *const *)b;
    if (x->data != y->data) {
        return x->data < y->data ? -1 : 1;
    }
    return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes; /* empty ones first */
}

/* The regions must follow each other without gaps and end with the file. */
static graft_status check_tiling(const graft_safetensors *file)
{
    graft_status status = GRAFT_OK;
    const graft_safetensors_tensor **order = NULL;
    const uint8_t *end = file->data;
    char shown[GRAFT_IO_SHOWN];
    GRAFT_TRY(graft_alloc(&order, file->n, sizeof *order));
    for (size_t i = 0; i < file->n; i++) {
        order[i] = &file->tensors[i];
    }
    qsort(order, file->n, sizeof *order, compare_starts);
    for (size_t i = 0; i < file->n; i++) {
        if (order[i]->data != end) {
            status = graft_fail(GRAFT_E_MODEL, "tensor \"%s\" %s",
                                graft_io__show(shown, order[i]->name, strlen(order[i]->name)),
                                order[i]->data < end ? "overlaps the one before it"
                                                     : "leaves a hole before it");
            goto done;
        }
        end += order[i]->n_bytes;
    }
    if (end != file->data + file->data_bytes) {
        status = graft_fail(GRAFT_E_MODEL, "%" PRIu64 " bytes after the last tensor",
                            file->data_bytes - (uint64_t)(end - file->data));
    }
done:
    graft_free(order);
    return status;
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* The JSON header; leaves data and data_bytes set. */
static graft_status parse_header(graft_safetensors *file)
{
    const graft_mapped *m = &file->mapped;
    uint64_t n;
    if (m->size < 8) {
        return graft_fail(GRAFT_E_MODEL, "not a safetensors file: %zu bytes", m->size);
    }
    n = load_u64(m->data);
    if (n > max_header) {
        return graft_fail(GRAFT_E_MODEL, "not a safetensors file: a header of %" PRIu64
                          " bytes (at most %" PRIu64 ")", n, max_header);
    }
    if (n > m->size - 8) {
        return graft_fail(GRAFT_E_MODEL, "a header of %" PRIu64 " bytes, but the file has only %zu "
                          "left", n, m->size - 8);
    }
    if (n == 0 || m->data[8] != '{') {
        return graft_fail(GRAFT_E_MODEL, "not a safetensors file: its header does not begin with "
                          "'{'");
    }
    if (graft_json_parse(&file->header, (const char *)m->data + 8, (size_t)n) != GRAFT_OK) {
        graft_status code = graft_error_code();
        return graft_fail(code == GRAFT_E_DATA ? GRAFT_E_MODEL : code, "header: %s",
                          graft_error_message());
    }
    file->data = m->data + 8 + n;
    file->data_bytes = m->size - 8 - n;
    return GRAFT_OK;
}

static graft_status read_header(graft_safetensors *file)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(parse_header(file));
    GRAFT_TRY(graft_alloc(&file->tensors, graft_json_length(file->header), sizeof *file->tensors));
    for (graft_json_iter it = graft_json_iter_begin(file->header); graft_json_iter_next(&it);) {
        if (strcmp(it.key, "__metadata__") == 0) {
            GRAFT_TRY(read_metadata(file, it.value));
        } else {
            GRAFT_TRY(read_tensor(file, it.key, it.value));
        }
    }
    GRAFT_TRY(check_tiling(file));
done:
    return status;
}

graft_status graft_safetensors_open(graft_safetensors **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_safetensors *file = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&file, 1, sizeof *file));
    graft_map_init(&file->names);
    GRAFT_TRY(graft_strdup(&file->path, path));
    GRAFT_TRY(graft_mapped_open(&file->mapped, path));
    if (read_header(file) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
        goto done;
    }
    *out = file;
    file = NULL;
done:
    graft_safetensors_close(file);
    return status;
}

graft_file_fate graft_safetensors_fate(const graft_safetensors *file)
{
    return graft_mapped_fate(&file->mapped);
}

void graft_safetensors_close(graft_safetensors *file)
{
    if (file == NULL) {
        return;
    }
    graft_json_free(file->header);
    graft_mapped_close(&file->mapped);
    graft_map_clear(&file->names);
    graft_free(file->tensors);
    graft_free(file->path);
    graft_free(file);
}

size_t graft_safetensors_n(const graft_safetensors *file)
{
    return file->n;
}

const graft_safetensors_tensor *graft_safetensors_at(const graft_safetensors *file, size_t i)
{
    return i < file->n ? &file->tensors[i] : NULL;
}

const graft_safetensors_tensor *graft_safetensors_find(const graft_safetensors *file,
                                                       const char *name)
{
    uint64_t index;
    return graft_map_find(&file->names, name, strlen(name), &index) ? &file->tensors[index] : NULL;
}

const char *graft_safetensors_metadata(const graft_safetensors *file, const char *key)
{
    return graft_json_string(graft_json_get(file->metadata, key), NULL);
}
