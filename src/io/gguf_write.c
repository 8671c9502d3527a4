/* io/gguf_write.c - GGUF v3 files: keys and tensors are collected, then published at once. */
#include <inttypes.h>
#include <string.h>

#include "core/half.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/gguf_internal.h"

/* llama.cpp reads names of up to 63 bytes (GGML_MAX_NAME with its zero). */
enum { MAX_TENSOR_NAME = 63 };

typedef struct pending {
    const char *name; /* in the arena */
    const graft_format *format;
    uint32_t n_dims;
    uint64_t ne[4];
    const void *data; /* borrowed; NULL: it comes when the file is written */
    size_t n_bytes;
} pending;

struct graft_gguf_writer {
    graft_arena arena; /* keys and names */
    graft_map keys, names;
    graft_text kv; /* encoded */
    uint64_t n_kv;
    pending *tensors;
    size_t n_tensors, capacity;
    size_t alignment;
    size_t seal; /* where the digest stands in kv; 0: there is none */
};

graft_status graft_gguf_writer_new(graft_gguf_writer **out)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    GRAFT_TRY(graft_alloc(out, 1, sizeof **out));
    graft_arena_init(&(*out)->arena, 1 << 12);
    graft_map_init(&(*out)->keys);
    graft_map_init(&(*out)->names);
    graft_text_init(&(*out)->kv);
    (*out)->alignment = GRAFT_GGUF_DEFAULT_ALIGNMENT;
done:
    return status;
}

void graft_gguf_writer_free(graft_gguf_writer *w)
{
    if (w == NULL) {
        return;
    }
    graft_arena_clear(&w->arena);
    graft_map_clear(&w->keys);
    graft_map_clear(&w->names);
    graft_text_clear(&w->kv);
    graft_free(w->tensors);
    graft_free(w);
}

static graft_status put_u32(graft_text *text, uint32_t value)
{
    uint8_t b[4];
    for (unsigned i = 0; i < 4; i++) {
        b[i] = (uint8_t)(value >> (8 * i));
    }
    return graft_text_append(text, (const char *)b, sizeof b);
}

static graft_status put_u64(graft_text *text, uint64_t value)
{
    graft_status status = put_u32(text, (uint32_t)value);
    return status != GRAFT_OK ? status : put_u32(text, (uint32_t)(value >> 32));
}

static graft_status put_string(graft_text *text, const char *bytes, size_t n)
{
    graft_status status = put_u64(text, n);
    return status != GRAFT_OK ? status : graft_text_append(text, bytes, n);
}

/* Keeps a copy of a key or name in `seen` and fails if it is there already or would be refused by
 * a reader. */
static graft_status claim(graft_gguf_writer *w, graft_map *seen, const char *what, const char *name,
                          size_t n, size_t limit, const char **out)
{
    graft_status status = GRAFT_OK;
    char shown[GRAFT_IO_SHOWN];
    char *copy;
    bool was_present;
    graft_io__show(shown, name, n);
    if (n == 0 || n > limit) {
        return graft_fail(GRAFT_E_FAILED, "%s \"%s\" has %zu bytes (1 to %zu can be written)", what,
                          shown, n, limit);
    }
    if (memchr(name, 0, n) != NULL || !graft_utf8_valid(name, n, NULL)) {
        return graft_fail(GRAFT_E_FAILED, "%s \"%s\" is not valid UTF-8", what, shown);
    }
    GRAFT_TRY(graft_arena_calloc(&w->arena, &copy, n + 1, 1));
    memcpy(copy, name, n);
    GRAFT_TRY(graft_map_set(seen, copy, n, 1, &was_present));
    if (was_present) {
        return graft_fail(GRAFT_E_FAILED, "%s \"%s\" is written twice", what, shown);
    }
    *out = copy;
done:
    return status;
}

/* Key, type and the encoded value. */
static graft_status put_kv(graft_gguf_writer *w, const char *key, size_t key_len,
                           graft_gguf_type type, const void *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    const char *ignored;
    size_t before = w->kv.len;
    GRAFT_TRY(claim(w, &w->keys, "key", key, key_len, GRAFT_GGUF_MAX_NAME, &ignored));
    GRAFT_TRY(put_string(&w->kv, key, key_len));
    GRAFT_TRY(put_u32(&w->kv, (uint32_t)type));
    GRAFT_TRY(graft_text_append(&w->kv, bytes, n));
    w->n_kv++;
done:
    if (status != GRAFT_OK) {
        w->kv.len = before; /* no half a key */
    }
    return status;
}

static graft_status put_number(graft_gguf_writer *w, const char *key, graft_gguf_type type,
                               uint64_t bits)
{
    uint8_t b[8];
    for (unsigned i = 0; i < 8; i++) {
        b[i] = (uint8_t)(bits >> (8 * i));
    }
    return put_kv(w, key, strlen(key), type, b, graft_gguf__type_bytes(type));
}

graft_status graft_gguf_set_string(graft_gguf_writer *w, const char *key, const char *bytes,
                                   size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text value;
    graft_text_init(&value);
    GRAFT_TRY(put_string(&value, bytes, n));
    GRAFT_TRY(put_kv(w, key, strlen(key), GRAFT_GGUF_STRING, value.data, value.len));
done:
    graft_text_clear(&value);
    return status;
}

/* Takes general.alignment into account if that is the key. */
static graft_status note_alignment(graft_gguf_writer *w, const char *key, size_t key_len,
                                   graft_gguf_type type, const uint8_t *data)
{
    static const char name[] = "general.alignment";
    uint32_t value;
    if (key_len != sizeof name - 1 || memcmp(key, name, key_len) != 0) {
        return GRAFT_OK;
    }
    value = type == GRAFT_GGUF_U32 ? graft_gguf__u32(data) : 0;
    if (value < 8 || value > GRAFT_GGUF_MAX_ALIGNMENT || (value & (value - 1)) != 0) {
        return graft_fail(GRAFT_E_FAILED, "general.alignment must be a u32, a power of two from 8 "
                          "to %u", GRAFT_GGUF_MAX_ALIGNMENT);
    }
    w->alignment = value;
    return GRAFT_OK;
}

graft_status graft_gguf_set_u32(graft_gguf_writer *w, const char *key, uint32_t value)
{
    graft_status status = GRAFT_OK;
    uint8_t b[4];
    for (unsigned i = 0; i < 4; i++) {
        b[i] = (uint8_t)(value >> (8 * i));
    }
    GRAFT_TRY(note_alignment(w, key, strlen(key), GRAFT_GGUF_U32, b));
    GRAFT_TRY(put_kv(w, key, strlen(key), GRAFT_GGUF_U32, b, sizeof b));
done:
    return status;
}

graft_status graft_gguf_set_u64(graft_gguf_writer *w, const char *key, uint64_t value)
{
    return put_number(w, key, GRAFT_GGUF_U64, value);
}

graft_status graft_gguf_set_f32(graft_gguf_writer *w, const char *key, float value)
{
    return put_number(w, key, GRAFT_GGUF_F32, graft_float_bits(value));
}

graft_status graft_gguf_set_bool(graft_gguf_writer *w, const char *key, bool value)
{
    return put_number(w, key, GRAFT_GGUF_BOOL, value);
}

graft_status graft_gguf_seal(graft_gguf_writer *w)
{
    graft_status status = graft_gguf_set_string(w, GRAFT_GGUF_SEAL_KEY, graft_gguf__no_seal,
                                                GRAFT_GGUF_SEAL);
    if (status == GRAFT_OK) {
        w->seal = w->kv.len - GRAFT_GGUF_SEAL;
    }
    return status;
}

graft_status graft_gguf_copy_kv(graft_gguf_writer *w, const graft_gguf_kv *kv)
{
    graft_status status = GRAFT_OK;
    graft_text value;
    graft_text_init(&value);
    GRAFT_TRY(note_alignment(w, kv->key.data, kv->key.len, kv->type, kv->data));
    if (kv->type == GRAFT_GGUF_ARRAY) { /* kv->data begins at the first element */
        GRAFT_TRY(put_u32(&value, (uint32_t)kv->element_type));
        GRAFT_TRY(put_u64(&value, kv->n));
    }
    GRAFT_TRY(graft_text_append(&value, (const char *)kv->data, kv->n_bytes));
    GRAFT_TRY(put_kv(w, kv->key.data, kv->key.len, kv->type, value.data, value.len));
done:
    graft_text_clear(&value);
    return status;
}

graft_status graft_gguf_add_tensor(graft_gguf_writer *w, const char *name,
                                   const graft_format *format, uint32_t n_dims,
                                   const uint64_t ne[4], const void *data)
{
    graft_status status = GRAFT_OK;
    pending t = {.format = format, .n_dims = n_dims, .data = data};
    size_t elements = 1;
    bool fits = n_dims >= 1 && n_dims <= 4;
    for (uint32_t d = 0; d < 4; d++) {
        t.ne[d] = d < n_dims ? ne[d] : 1;
        fits = fits && t.ne[d] > 0 && graft_size_mul(elements, (size_t)t.ne[d], &elements);
    }
    if (!fits || t.ne[0] % format->block_elems != 0 ||
        !graft_size_mul(elements / format->block_elems, format->block_bytes, &t.n_bytes) ||
        t.n_bytes > SIZE_MAX / 2) {
        return graft_fail(GRAFT_E_FAILED, "tensor \"%s\": its shape cannot be written as %s", name,
                          format->name);
    }
    GRAFT_TRY(claim(w, &w->names, "tensor", name, strlen(name), MAX_TENSOR_NAME, &t.name));
    GRAFT_TRY(graft_reserve(&w->tensors, &w->capacity, w->n_tensors + 1, sizeof t));
    w->tensors[w->n_tensors++] = t;
done:
    return status;
}

static graft_status encode_header(const graft_gguf_writer *w, graft_text *out)
{
    graft_status status = GRAFT_OK;
    uint64_t offset = 0;
    GRAFT_TRY(graft_text_append(out, "GGUF", 4));
    GRAFT_TRY(put_u32(out, GRAFT_GGUF_VERSION));
    GRAFT_TRY(put_u64(out, w->n_tensors));
    GRAFT_TRY(put_u64(out, w->n_kv));
    GRAFT_TRY(graft_text_append(out, w->kv.data, w->kv.len));
    for (size_t i = 0; i < w->n_tensors; i++) {
        const pending *t = &w->tensors[i];
        GRAFT_TRY(put_string(out, t->name, strlen(t->name)));
        GRAFT_TRY(put_u32(out, t->n_dims));
        for (uint32_t d = 0; d < t->n_dims; d++) {
            GRAFT_TRY(put_u64(out, t->ne[d]));
        }
        GRAFT_TRY(put_u32(out, t->format->ggml_type));
        GRAFT_TRY(put_u64(out, offset));
        offset += (t->n_bytes + w->alignment - 1) / w->alignment * w->alignment;
    }
done:
    return status;
}

/* What the file is written from, for its digest: that of the whole file, the digest itself read as
 * zeros. */
static graft_status seal(const graft_gguf_writer *w, graft_text *header)
{
    graft_sha256 hash;
    char *digest = header->data + 24 + w->seal; /* kv begins at byte 24 */
    char hex[GRAFT_GGUF_SEAL + 1];
    uint8_t bytes[32];
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, header->data, header->len);
    graft_gguf__hash_padding(&hash, header->len, w->alignment);
    for (size_t i = 0; i < w->n_tensors; i++) {
        const pending *t = &w->tensors[i];
        if (t->data == NULL) {
            return graft_fail(GRAFT_E_FAILED, "tensor \"%s\" has no data to be sealed", t->name);
        }
        graft_sha256_update(&hash, t->data, t->n_bytes);
        graft_gguf__hash_padding(&hash, t->n_bytes, w->alignment);
    }
    graft_sha256_final(&hash, bytes);
    graft_sha256_hex(bytes, hex);
    memcpy(digest, hex, GRAFT_GGUF_SEAL);
    return GRAFT_OK;
}

static graft_status pad(graft_writer *file, size_t alignment)
{
    static const uint8_t zeros[256];
    graft_status status = GRAFT_OK;
    size_t missing = (size_t)((alignment - graft_writer_offset(file) % alignment) % alignment);
    while (missing > 0) {
        size_t n = missing < sizeof zeros ? missing : sizeof zeros;
        GRAFT_TRY(graft_writer_write(file, zeros, n));
        missing -= n;
    }
done:
    return status;
}

/* The bytes of tensor i from where they come from, and not one more or less. */
static graft_status write_tensor(const graft_gguf_writer *w, size_t i, graft_writer *file,
                                 graft_gguf_fill *fill, void *context)
{
    graft_status status = GRAFT_OK;
    const pending *t = &w->tensors[i];
    uint64_t before = graft_writer_offset(file);
    if (t->data != NULL) {
        return graft_writer_write(file, t->data, t->n_bytes);
    }
    if (fill == NULL) {
        return graft_fail(GRAFT_E_FAILED, "tensor \"%s\" has no data", t->name);
    }
    GRAFT_TRY(fill(context, i, file));
    if (graft_writer_offset(file) - before != t->n_bytes) {
        status = graft_fail(GRAFT_E_FAILED, "tensor \"%s\": %" PRIu64 " bytes came instead of %zu",
                            t->name, graft_writer_offset(file) - before, t->n_bytes);
    }
done:
    return status;
}

/* Name, shape, type and offset of a tensor, as encode_header writes them. */
static uint64_t tensor_entry_bytes(const char *name, uint32_t n_dims)
{
    return 8 + strlen(name) + 4 + 8 * (uint64_t)n_dims + 4 + 8;
}

uint64_t graft_gguf_writer_bytes(const graft_gguf_writer *w, const char *const *new_names,
                                 const uint32_t *new_dims, size_t n_new, size_t *alignment)
{
    uint64_t bytes = 24 + w->kv.len; /* magic, version, counts */
    for (size_t i = 0; i < w->n_tensors; i++) {
        bytes += tensor_entry_bytes(w->tensors[i].name, w->tensors[i].n_dims);
    }
    for (size_t i = 0; i < n_new; i++) {
        bytes += tensor_entry_bytes(new_names[i], new_dims[i]);
    }
    *alignment = w->alignment;
    return (bytes + w->alignment - 1) / w->alignment * w->alignment;
}

/* Of the file behind its header; each tensor is padded. */
static uint64_t data_bytes(const graft_gguf_writer *w)
{
    uint64_t bytes = w->alignment;
    for (size_t i = 0; i < w->n_tensors; i++) {
        bytes += w->tensors[i].n_bytes + w->alignment;
    }
    return bytes;
}

graft_status graft_gguf_write_with(graft_gguf_writer *w, const char *path, graft_gguf_fill *fill,
                                   void *context)
{
    graft_status status = GRAFT_OK;
    graft_writer *file = NULL;
    graft_text header;
    graft_text_init(&header);
    GRAFT_TRY(encode_header(w, &header));
    GRAFT_TRY(w->seal > 0 ? seal(w, &header) : GRAFT_OK);
    GRAFT_TRY(graft_writer_open(&file, path));
    GRAFT_TRY(graft_space_fits(path, header.len + data_bytes(w)));
    GRAFT_TRY(graft_writer_write(file, header.data, header.len));
    GRAFT_TRY(pad(file, w->alignment));
    for (size_t i = 0; i < w->n_tensors; i++) {
        GRAFT_TRY(write_tensor(w, i, file, fill, context));
        GRAFT_TRY(pad(file, w->alignment));
    }
    GRAFT_TRY(graft_writer_commit(&file));
done:
    graft_writer_discard(&file);
    graft_text_clear(&header);
    return status;
}

graft_status graft_gguf_write(graft_gguf_writer *w, const char *path)
{
    return graft_gguf_write_with(w, path, NULL, NULL);
}
