/* io/gguf_read.c - opening a GGUF file that nobody vouches for (ggml/docs/gguf.md).
 *
 * One pass over the header with a cursor that never leaves the mapping; nothing is allocated
 * beyond what was already read, and nothing per array element. Then the tensor regions are laid
 * against the file. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/gguf_internal.h"

typedef struct cursor {
    graft_gguf *file;
    const uint8_t *data;
    size_t at, size;
} cursor;

/* A tensor while the file is opened: where it claims to lie. */
typedef struct region {
    uint64_t offset; /* from the start of the data section */
    size_t index, at; /* at: byte of its description, for messages */
} region;

enum { MIN_KV_BYTES = 8 + 1 + 4 + 1, MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8 };

#define FAIL(c, at, ...) fail_at_byte((c)->file->path, (at), __LINE__, __VA_ARGS__)

static graft_status fail_at_byte(const char *path, size_t at, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static graft_status fail_at_byte(const char *path, size_t at, int line, const char *format, ...)
{
    char what[768];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return graft_fail_at(GRAFT_E_MODEL, __FILE__, line, "%s: at byte %zu: %s", path, at, what);
}

static size_t left(const cursor *c)
{
    return c->size - c->at;
}

static graft_status read_u32(cursor *c, const char *what, uint32_t *out)
{
    if (left(c) < 4) {
        return FAIL(c, c->at, "the file ends inside %s", what);
    }
    *out = graft_gguf__u32(c->data + c->at);
    c->at += 4;
    return GRAFT_OK;
}

static graft_status read_u64(cursor *c, const char *what, uint64_t *out)
{
    if (left(c) < 8) {
        return FAIL(c, c->at, "the file ends inside %s", what);
    }
    *out = graft_gguf__u64(c->data + c->at);
    c->at += 8;
    return GRAFT_OK;
}

static graft_status read_string(cursor *c, const char *what, graft_gguf_string *out)
{
    graft_status status = GRAFT_OK;
    size_t start = c->at;
    uint64_t len = 0;
    GRAFT_TRY(read_u64(c, what, &len));
    if (len > left(c)) {
        return FAIL(c, start, "%s of %" PRIu64 " bytes, but the file has only %zu left", what, len,
                    left(c));
    }
    *out = (graft_gguf_string){(const char *)(c->data + c->at), (size_t)len};
    c->at += (size_t)len;
done:
    return status;
}

/* A string that names something: not empty, not huge, UTF-8 without zero bytes. */
static graft_status read_name(cursor *c, const char *what, graft_gguf_string *out)
{
    graft_status status = GRAFT_OK;
    size_t start = c->at;
    GRAFT_TRY(read_string(c, what, out));
    if (out->len == 0 || out->len > GRAFT_GGUF_MAX_NAME) {
        return FAIL(c, start, "%s has %zu bytes (1 to %u are allowed)", what, out->len,
                    GRAFT_GGUF_MAX_NAME);
    }
    if (memchr(out->data, 0, out->len) != NULL) {
        return FAIL(c, start, "%s holds a zero byte", what);
    }
    if (!graft_utf8_valid(out->data, out->len, NULL)) {
        return FAIL(c, start, "%s is not valid UTF-8", what);
    }
done:
    return status;
}

static graft_status read_type(cursor *c, const char *key, const char *what, graft_gguf_type *out)
{
    graft_status status = GRAFT_OK;
    size_t start = c->at;
    uint32_t type = 0;
    GRAFT_TRY(read_u32(c, what, &type));
    if (type >= GRAFT_GGUF_N_TYPES) {
        return FAIL(c, start, "key \"%s\": %s %" PRIu32 " is unknown", key, what, type);
    }
    *out = (graft_gguf_type)type;
done:
    return status;
}

static graft_status check_bools(cursor *c, const char *key, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] > 1) {
            return FAIL(c, (size_t)(bytes + i - c->data),
                        "key \"%s\": a bool is %u instead of 0 or 1", key, bytes[i]);
        }
    }
    return GRAFT_OK;
}

static graft_status skip_strings(cursor *c, const char *key, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len = left(c) < 8 ? UINT64_MAX : graft_gguf__u64(c->data + c->at);
        if (left(c) < 8 || len > left(c) - 8) {
            return FAIL(c, c->at, "key \"%s\": string %" PRIu64 " of %" PRIu64
                        " runs past the end of the file", key, i, n);
        }
        c->at += 8 + (size_t)len;
    }
    return GRAFT_OK;
}

/* The elements of an array, type and count not yet read. */
static graft_status read_array(cursor *c, const char *key, graft_gguf_kv *kv)
{
    graft_status status = GRAFT_OK;
    size_t start = c->at, element_bytes;
    GRAFT_TRY(read_type(c, key, "array element type", &kv->element_type));
    if (kv->element_type == GRAFT_GGUF_ARRAY) {
        return FAIL(c, start, "key \"%s\": arrays of arrays are not supported", key);
    }
    start = c->at;
    GRAFT_TRY(read_u64(c, "an array's length", &kv->n));
    kv->data = c->data + c->at;
    element_bytes = kv->element_type == GRAFT_GGUF_STRING
                        ? 8 : graft_gguf__type_bytes(kv->element_type);
    if (kv->n > left(c) / element_bytes) {
        return FAIL(c, start, "key \"%s\": array of %" PRIu64
                    " elements does not fit in the %zu bytes left", key, kv->n, left(c));
    }
    if (kv->element_type == GRAFT_GGUF_STRING) {
        GRAFT_TRY(skip_strings(c, key, kv->n));
    } else {
        c->at += (size_t)kv->n * element_bytes;
    }
    if (kv->element_type == GRAFT_GGUF_BOOL) {
        GRAFT_TRY(check_bools(c, key, kv->data, (size_t)kv->n));
    }
done:
    return status;
}

static graft_status read_value(cursor *c, const char *key, graft_gguf_kv *kv)
{
    graft_status status = GRAFT_OK;
    size_t bytes;
    GRAFT_TRY(read_type(c, key, "value type", &kv->type));
    kv->n = 1;
    kv->element_type = kv->type;
    kv->data = c->data + c->at;
    if (kv->type == GRAFT_GGUF_ARRAY) {
        GRAFT_TRY(read_array(c, key, kv));
    } else if (kv->type == GRAFT_GGUF_STRING) {
        GRAFT_TRY(skip_strings(c, key, 1));
    } else {
        bytes = graft_gguf__type_bytes(kv->type);
        if (left(c) < bytes) {
            return FAIL(c, c->at, "key \"%s\": the file ends inside its value", key);
        }
        c->at += bytes;
        if (kv->type == GRAFT_GGUF_BOOL) {
            GRAFT_TRY(check_bools(c, key, kv->data, 1));
        }
    }
    kv->n_bytes = (size_t)(c->data + c->at - kv->data);
done:
    return status;
}

static graft_status read_kvs(cursor *c, uint64_t n)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = c->file;
    char shown[GRAFT_IO_SHOWN];
    for (uint64_t i = 0; i < n; i++) {
        graft_gguf_kv kv = {0};
        bool was_present;
        size_t start = c->at;
        GRAFT_TRY(read_name(c, "a key", &kv.key));
        graft_io__show(shown, kv.key.data, kv.key.len);
        GRAFT_TRY(read_value(c, shown, &kv));
        GRAFT_TRY(graft_map_set(&file->keys, kv.key.data, kv.key.len, file->n_kv, &was_present));
        if (was_present) {
            return FAIL(c, start, "key \"%s\" appears twice", shown);
        }
        GRAFT_TRY(graft_reserve(&file->kv, &file->kv_capacity, file->n_kv + 1, sizeof kv));
        file->kv[file->n_kv++] = kv;
    }
done:
    return status;
}

/* Bytes of all rows, with every product checked before it is used. */
static graft_status size_tensor(cursor *c, size_t at, const char *shown, graft_gguf_tensor *t)
{
    uint64_t elements = 1;
    size_t bytes;
    for (uint32_t d = 0; d < t->n_dims; d++) {
        if (t->ne[d] == 0) {
            return FAIL(c, at, "tensor \"%s\": dimension %" PRIu32 " is 0", shown, d);
        }
        if (t->ne[d] > INT64_MAX / elements) {
            return FAIL(c, at, "tensor \"%s\": the number of its elements overflows", shown);
        }
        elements *= t->ne[d];
    }
    if (t->ne[0] % t->format->block_elems != 0) {
        return FAIL(c, at, "tensor \"%s\": rows of %" PRIu64 " are not whole %s blocks of %" PRIu32,
                    shown, t->ne[0], t->format->name, t->format->block_elems);
    }
    if (!graft_size_mul((size_t)(t->ne[0] / t->format->block_elems), t->format->block_bytes,
                        &t->row_bytes)) {
        return FAIL(c, at, "tensor \"%s\": the size of its rows overflows", shown);
    }
    bytes = t->row_bytes;
    for (uint32_t d = 1; d < t->n_dims; d++) {
        if (!graft_size_mul(bytes, (size_t)t->ne[d], &bytes)) {
            return FAIL(c, at, "tensor \"%s\": its size in bytes overflows", shown);
        }
    }
    t->n_bytes = bytes;
    return GRAFT_OK;
}

static graft_status read_dims(cursor *c, const char *shown, graft_gguf_tensor *t)
{
    graft_status status = GRAFT_OK;
    size_t at = c->at;
    GRAFT_TRY(read_u32(c, "a tensor's number of dimensions", &t->n_dims));
    if (t->n_dims < 1 || t->n_dims > 4) {
        return FAIL(c, at, "tensor \"%s\" has %" PRIu32 " dimensions (1 to 4 are allowed)", shown,
                    t->n_dims);
    }
    for (uint32_t d = 0; d < 4; d++) {
        t->ne[d] = 1;
        if (d < t->n_dims) {
            GRAFT_TRY(read_u64(c, "a tensor's dimensions", &t->ne[d]));
        }
    }
done:
    return status;
}

static graft_status read_format(cursor *c, const char *shown, graft_gguf_tensor *t)
{
    graft_status status = GRAFT_OK;
    size_t at = c->at;
    uint32_t type = 0;
    GRAFT_TRY(read_u32(c, "a tensor's type", &type));
    t->format = graft_format_find(type);
    if (t->format == NULL) {
        char known[256];
        size_t n = 0;
        for (size_t i = 0; graft_formats[i] != NULL && n < sizeof known; i++) {
            n += (size_t)snprintf(known + n, sizeof known - n, " %s", graft_formats[i]->name);
        }
        return FAIL(c, at, "tensor \"%s\" has type %" PRIu32 ", which is not supported (known:%s)",
                    shown, type, known);
    }
done:
    return status;
}

static graft_status read_tensors(cursor *c, uint64_t n, region **regions, size_t *capacity)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = c->file;
    char shown[GRAFT_IO_SHOWN];
    for (uint64_t i = 0; i < n; i++) {
        graft_gguf_tensor t = {0};
        region r = {.index = file->n_tensors, .at = c->at};
        graft_gguf_string name;
        char *copy;
        bool was_present;
        GRAFT_TRY(read_name(c, "a tensor name", &name));
        graft_io__show(shown, name.data, name.len);
        GRAFT_TRY(read_dims(c, shown, &t));
        GRAFT_TRY(read_format(c, shown, &t));
        GRAFT_TRY(read_u64(c, "a tensor's offset", &r.offset));
        GRAFT_TRY(size_tensor(c, r.at, shown, &t));
        GRAFT_TRY(graft_map_set(&file->names, name.data, name.len, r.index, &was_present));
        if (was_present) {
            return FAIL(c, r.at, "tensor \"%s\" appears twice", shown);
        }
        GRAFT_TRY(graft_arena_calloc(&file->arena, &copy, name.len + 1, 1));
        memcpy(copy, name.data, name.len);
        t.name = copy;
        GRAFT_TRY(graft_reserve(regions, capacity, file->n_tensors + 1, sizeof r));
        GRAFT_TRY(graft_reserve(&file->tensors, &file->tensor_capacity, file->n_tensors + 1,
                                sizeof t));
        (*regions)[file->n_tensors] = r;
        file->tensors[file->n_tensors++] = t;
    }
done:
    return status;
}

static int compare_regions(const void *a, const void *b)
{
    const region *x = a, *y = b;
    if (x->offset != y->offset) {
        return x->offset < y->offset ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

static size_t align_up(size_t n, size_t alignment) /* n + alignment does not overflow: file sizes */
{
    return (n + alignment - 1) / alignment * alignment;
}

/* Lays the tensors against the data section: aligned, inside, neither overlapping nor with holes,
 * and nothing after the last one but its padding. */
static graft_status place_tensors(cursor *c, region *regions, size_t alignment)
{
    graft_gguf *file = c->file;
    size_t data_start = align_up(c->at, alignment);
    size_t data_bytes = data_start < c->size ? c->size - data_start : 0;
    size_t end = 0; /* of the tensor before, padded */
    char shown[GRAFT_IO_SHOWN], other[GRAFT_IO_SHOWN];
    if (file->n_tensors > 0) {
        qsort(regions, file->n_tensors, sizeof *regions, compare_regions);
    }
    for (size_t i = 0; i < file->n_tensors; i++) {
        const region *r = &regions[i];
        graft_gguf_tensor *t = &file->tensors[r->index];
        graft_io__show(shown, t->name, strlen(t->name));
        if (r->offset % alignment != 0) {
            return FAIL(c, r->at, "tensor \"%s\": offset %" PRIu64 " is not a multiple of %zu",
                        shown, r->offset, alignment);
        }
        if (r->offset > data_bytes || t->n_bytes > data_bytes - r->offset) {
            return FAIL(c, r->at, "tensor \"%s\": %zu bytes at offset %" PRIu64
                        " lie outside the %zu bytes of data", shown, t->n_bytes, r->offset,
                        data_bytes);
        }
        if (r->offset < end) {
            const graft_gguf_tensor *before = &file->tensors[regions[i - 1].index];
            return FAIL(c, r->at, "tensor \"%s\" overlaps tensor \"%s\"", shown,
                        graft_io__show(other, before->name, strlen(before->name)));
        }
        if (r->offset > end) {
            return FAIL(c, r->at, "tensor \"%s\": %" PRIu64 " bytes before it belong to no tensor",
                        shown, r->offset - end);
        }
        t->data = c->data + data_start + r->offset;
        end = align_up((size_t)r->offset + t->n_bytes, alignment);
    }
    if (data_bytes > end) {
        return FAIL(c, data_start + end, "%zu bytes after the last tensor", data_bytes - end);
    }
    return GRAFT_OK;
}

static graft_status read_alignment(cursor *c, size_t *out)
{
    const graft_gguf_kv *kv = graft_gguf_find(c->file, "general.alignment");
    uint32_t value;
    *out = GRAFT_GGUF_DEFAULT_ALIGNMENT;
    if (kv == NULL) {
        return GRAFT_OK;
    }
    if (kv->type != GRAFT_GGUF_U32) {
        return FAIL(c, (size_t)(kv->data - c->data), "general.alignment is %s instead of u32",
                    graft_gguf__type_name(kv->type));
    }
    value = graft_gguf__u32(kv->data);
    if (value < 8 || value > GRAFT_GGUF_MAX_ALIGNMENT || (value & (value - 1)) != 0) {
        return FAIL(c, (size_t)(kv->data - c->data),
                    "general.alignment is %" PRIu32 ", not a power of two from 8 to %u", value,
                    GRAFT_GGUF_MAX_ALIGNMENT);
    }
    *out = value;
    return GRAFT_OK;
}

/* Magic and version; then the counts, bounded by the bytes that could hold them. */
static graft_status read_header(cursor *c, uint64_t *n_tensors, uint64_t *n_kv)
{
    graft_status status = GRAFT_OK;
    uint32_t version = 0;
    if (c->size == 0) {
        return FAIL(c, (size_t)0, "the file is empty");
    }
    if (c->size < 4 || memcmp(c->data, "GGUF", 4) != 0) {
        return FAIL(c, (size_t)0, "not a GGUF file (it does not begin with \"GGUF\")");
    }
    c->at = 4;
    GRAFT_TRY(read_u32(c, "the version", &version));
    if (version != 0 && (version & 0xffffu) == 0) {
        return FAIL(c, (size_t)4, "a big-endian GGUF file; only little-endian ones are supported");
    }
    if (version != GRAFT_GGUF_VERSION) {
        return FAIL(c, (size_t)4, "GGUF version %" PRIu32 "; only version %u is supported", version,
                    GRAFT_GGUF_VERSION);
    }
    GRAFT_TRY(read_u64(c, "the number of tensors", n_tensors));
    GRAFT_TRY(read_u64(c, "the number of keys", n_kv));
    if (*n_tensors > left(c) / MIN_TENSOR_BYTES) {
        return FAIL(c, (size_t)8, "%" PRIu64 " tensors do not fit in the %zu bytes left",
                    *n_tensors, left(c));
    }
    if (*n_kv > left(c) / MIN_KV_BYTES) {
        return FAIL(c, (size_t)16, "%" PRIu64 " keys do not fit in the %zu bytes left", *n_kv,
                    left(c));
    }
done:
    return status;
}

graft_status graft_gguf__open_part(graft_gguf **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    region *regions = NULL;
    size_t capacity = 0, alignment;
    uint64_t n_tensors = 0, n_kv = 0;
    cursor c = {0};
    *out = NULL;
    GRAFT_TRY(graft_alloc(&file, 1, sizeof *file));
    graft_map_init(&file->keys);
    graft_map_init(&file->names);
    graft_arena_init(&file->arena, 1 << 16);
    GRAFT_TRY(graft_strdup(&file->path, path));
    GRAFT_TRY(graft_mapped_open(&file->mapped, path));
    c = (cursor){.file = file, .data = file->mapped.data, .size = file->mapped.size};
    GRAFT_TRY(read_header(&c, &n_tensors, &n_kv));
    GRAFT_TRY(read_kvs(&c, n_kv));
    GRAFT_TRY(read_alignment(&c, &alignment));
    GRAFT_TRY(read_tensors(&c, n_tensors, &regions, &capacity));
    GRAFT_TRY(place_tensors(&c, regions, alignment));
    *out = file;
    file = NULL;
done:
    graft_free(regions);
    graft_gguf_close(file);
    return status;
}

void graft_gguf_close(graft_gguf *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t i = 0; i < file->n_later; i++) {
        graft_gguf_close(file->later[i]);
    }
    graft_free(file->later);
    graft_mapped_close(&file->mapped);
    graft_map_clear(&file->keys);
    graft_map_clear(&file->names);
    graft_arena_clear(&file->arena);
    graft_free(file->kv);
    graft_free(file->tensors);
    graft_free(file->path);
    graft_free(file);
}
