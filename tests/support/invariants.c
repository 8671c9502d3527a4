/* support/invariants.c */
#include "support/invariants.h"

#include "core/memory.h"
#include "io/gguf_internal.h"
#include "io/safetensors.h"
#include "support/fuzz.h"

static volatile unsigned sink; /* keeps the reads */

static void touch(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += at[i];
    }
    sink = sum;
}

static bool lies_in(const graft_mapped *file, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    return at >= file->data && n <= file->size && (size_t)(at - file->data) <= file->size - n;
}

/* The part that a tensor's bytes are in. */
static const graft_gguf *part_of(const graft_gguf *file, const graft_gguf_tensor *t)
{
    if (lies_in(&file->mapped, t->data, t->n_bytes)) {
        return file;
    }
    for (size_t i = 0; i < file->n_later; i++) {
        if (lies_in(&file->later[i]->mapped, t->data, t->n_bytes)) {
            return file->later[i];
        }
    }
    fuzz_check(!"the tensor lies inside its file");
    return NULL;
}

static void check_tensor(const graft_gguf *file, size_t index)
{
    const graft_gguf_tensor *t = graft_gguf_tensor_at(file, index);
    const graft_gguf *part = part_of(file, t);
    uint64_t alignment = GRAFT_GGUF_DEFAULT_ALIGNMENT;
    fuzz_check(graft_gguf_want_u64(part, "general.alignment", 1, GRAFT_GGUF_MAX_ALIGNMENT,
                                   &alignment) == GRAFT_OK);
    fuzz_check((alignment & (alignment - 1)) == 0);
    fuzz_check((size_t)(t->data - part->mapped.data) % alignment == 0);
    fuzz_check(graft_gguf_find_tensor(file, t->name) == t);
    fuzz_check(t->n_dims >= 1 && t->n_dims <= 4 && t->n_bytes > 0);
    fuzz_check(t->ne[0] % t->format->block_elems == 0);
    fuzz_check(t->n_bytes / t->row_bytes / t->ne[1] / t->ne[2] / t->ne[3] == 1);
    fuzz_check(t->n_bytes == t->row_bytes * t->ne[1] * t->ne[2] * t->ne[3]);
    touch(t->data, t->n_bytes);
    for (size_t j = 0; j < index; j++) {
        const graft_gguf_tensor *other = graft_gguf_tensor_at(file, j);
        fuzz_check(t->data + t->n_bytes <= other->data || other->data + other->n_bytes <= t->data);
    }
}

static void read_number(const graft_gguf *file, const char *key)
{
    uint64_t u;
    double d;
    bool b;
    (void)graft_gguf_want_u64(file, key, 1, 1000, &u);
    (void)graft_gguf_want_f64(file, key, &d);
    (void)graft_gguf_want_bool(file, key, &b);
}

static void read_texts(const graft_gguf *file, const char *key)
{
    graft_gguf_string string = {0}, *strings;
    size_t n;
    if (graft_gguf_want_string(file, key, &string) == GRAFT_OK) {
        fuzz_check(lies_in(&file->mapped, string.data, string.len));
    }
    if (graft_gguf_array_strings(file, key, &strings, &n) == GRAFT_OK) {
        for (size_t i = 0; i < n; i++) {
            fuzz_check(lies_in(&file->mapped, strings[i].data, strings[i].len));
        }
        graft_free(strings);
    }
}

static void read_numbers(const graft_gguf *file, const char *key)
{
    int64_t *ints;
    double *doubles;
    size_t n;
    if (graft_gguf_array_i64(file, key, &ints, &n) == GRAFT_OK) {
        graft_free(ints);
    }
    if (graft_gguf_array_f64(file, key, &doubles, &n) == GRAFT_OK) {
        graft_free(doubles);
    }
}

/* Read as what it is; one key of the file as what it is not, which is refused with a message and takes
 * longer than everything else. */
static void read_key(const graft_gguf *file, size_t index, const char *key)
{
    const graft_gguf_kv *kv = graft_gguf_kv_at(file, index);
    bool all = index == file->mapped.size % graft_gguf_n_kv(file);
    bool texts = kv->element_type == GRAFT_GGUF_STRING, array = kv->type == GRAFT_GGUF_ARRAY;
    if (all || texts) {
        read_texts(file, key);
    }
    if (all || (array && !texts)) {
        read_numbers(file, key);
    }
    if (all || (!array && !texts)) {
        read_number(file, key);
    }
}

/* A file of its own, or a part: what its keys hold lies inside. */
static void check_keys(const graft_gguf *file)
{
    uint64_t alignment = GRAFT_GGUF_DEFAULT_ALIGNMENT;
    for (size_t i = 0; i < graft_gguf_n_kv(file); i++) {
        const graft_gguf_kv *kv = graft_gguf_kv_at(file, i);
        char *key;
        fuzz_check(lies_in(&file->mapped, kv->data, kv->n_bytes));
        fuzz_check(kv->n <= kv->n_bytes); /* an element takes a byte at least */
        touch(kv->data, kv->n_bytes);
        fuzz_check(graft_strndup(&key, kv->key.data, kv->key.len) == GRAFT_OK);
        fuzz_check(graft_gguf_find(file, key) == kv);
        read_key(file, i, key);
        graft_free(key);
    }
    fuzz_check(graft_gguf_want_u64(file, "general.alignment", 1, GRAFT_GGUF_MAX_ALIGNMENT,
                                   &alignment) == GRAFT_OK);
    fuzz_check((alignment & (alignment - 1)) == 0);
}

bool check_gguf(const char *path, size_t n_parts, size_t *n_tensors)
{
    graft_gguf *file;
    size_t found = 0;
    if (graft_gguf_open(&file, path) != GRAFT_OK) {
        fuzz_check(file == NULL && graft_error_message()[0] != '\0');
    } else {
        fuzz_check(graft_gguf_n_parts(file) <= n_parts);
        for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
            check_tensor(file, i);
        }
        check_keys(file);
        found = graft_gguf_n_parts(file) == n_parts ? graft_gguf_n_tensors(file) : 0;
    }
    bool accepted = file != NULL;
    graft_gguf_close(file);
    if (n_tensors != NULL) {
        *n_tensors = found;
    }
    return accepted;
}

bool check_safetensors(const char *path, size_t n)
{
    graft_safetensors *file;
    const uint8_t *low = NULL, *high = NULL;
    size_t bytes = 0;
    if (graft_safetensors_open(&file, path) != GRAFT_OK) {
        fuzz_check(file == NULL && graft_error_message()[0] != '\0');
        return false;
    }
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(file, i);
        size_t elements = 1;
        bool none = false;
        fuzz_check(graft_safetensors_find(file, t->name) == t && t->n_dims <= 8);
        for (uint32_t d = 0; d < 8; d++) {
            none = none || t->shape[d] == 0;
            fuzz_check(graft_size_mul(elements, (size_t)t->shape[d], &elements) || none);
        }
        fuzz_check(none ? t->n_elements == 0 : elements == t->n_elements);
        fuzz_check(t->format == NULL || t->n_bytes == elements * t->format->block_bytes);
        touch(t->data, t->n_bytes);
        low = low == NULL || t->data < low ? t->data : low;
        high = high == NULL || t->data + t->n_bytes > high ? t->data + t->n_bytes : high;
        bytes += t->n_bytes;
        for (size_t j = 0; j < i; j++) {
            const graft_safetensors_tensor *other = graft_safetensors_at(file, j);
            fuzz_check(t->data + t->n_bytes <= other->data ||
                       other->data + other->n_bytes <= t->data);
        }
    }
    fuzz_check(bytes < n);
    if (low != NULL) { /* without holes up to the end of the file, which is mapped from a page on */
        fuzz_check((size_t)(high - low) == bytes);
        fuzz_check((n - bytes) % 4096 == (uintptr_t)low % 4096);
    }
    (void)graft_safetensors_metadata(file, "format");
    graft_safetensors_close(file);
    return true;
}
