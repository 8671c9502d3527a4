/* Any bytes as a GGUF file: every accepted file has all its tensors inside, disjoint and aligned,
 * and can be read through all accessors. Bytes with another "GGUF" in them are the two parts of a
 * model as well. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/gguf.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

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

static void check_tensors(const graft_gguf *file)
{
    const uint8_t *low = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        fuzz_check(graft_gguf_find_tensor(file, t->name) == t);
        fuzz_check(t->n_dims >= 1 && t->n_dims <= 4 && t->n_bytes > 0);
        fuzz_check(t->n_bytes == t->row_bytes * t->ne[1] * t->ne[2] * t->ne[3]);
        low = low == NULL || t->data < low ? t->data : low;
        bytes += t->n_bytes;
        touch(t->data, t->n_bytes);
        for (size_t j = 0; j < i; j++) {
            const graft_gguf_tensor *other = graft_gguf_tensor_at(file, j);
            fuzz_check(t->data + t->n_bytes <= other->data ||
                       other->data + other->n_bytes <= t->data);
        }
    }
    fuzz_check(bytes <= graft_gguf_size(file));
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        fuzz_check((graft_gguf_tensor_at(file, i)->data - low) % 8 == 0);
    }
}

static void check_key(const graft_gguf *file, const char *key)
{
    graft_gguf_string string = {0}, *strings;
    uint64_t u;
    double d, *doubles;
    bool b;
    int64_t *ints;
    size_t n;
    if (graft_gguf_want_string(file, key, &string) == GRAFT_OK) {
        touch(string.data, string.len);
    }
    (void)graft_gguf_want_u64(file, key, 1, 1000, &u);
    (void)graft_gguf_want_f64(file, key, &d);
    (void)graft_gguf_want_bool(file, key, &b);
    if (graft_gguf_array_strings(file, key, &strings, &n) == GRAFT_OK) {
        for (size_t i = 0; i < n; i++) {
            touch(strings[i].data, strings[i].len);
        }
        graft_free(strings);
    }
    if (graft_gguf_array_i64(file, key, &ints, &n) == GRAFT_OK) {
        graft_free(ints);
    }
    if (graft_gguf_array_f64(file, key, &doubles, &n) == GRAFT_OK) {
        graft_free(doubles);
    }
}

/* Returns how many tensors it has, 0 if it is refused. */
static size_t open_and_check(const char *path, size_t n_parts)
{
    graft_gguf *file;
    if (graft_gguf_open(&file, path) != GRAFT_OK) {
        fuzz_check(file == NULL && graft_error_message()[0] != '\0');
        return 0;
    }
    fuzz_check(graft_gguf_n_parts(file) <= n_parts);
    check_tensors(file);
    for (size_t i = 0; i < graft_gguf_n_kv(file); i++) {
        const graft_gguf_kv *kv = graft_gguf_kv_at(file, i);
        char *key;
        touch(kv->data, kv->n_bytes);
        fuzz_check(graft_strndup(&key, kv->key.data, kv->key.len) == GRAFT_OK);
        fuzz_check(graft_gguf_find(file, key) == kv);
        check_key(file, key);
        graft_free(key);
    }
    size_t n_tensors = graft_gguf_n_parts(file) == n_parts ? graft_gguf_n_tensors(file) : 0;
    graft_gguf_close(file);
    return n_tensors;
}

/* Where the last file in the bytes begins; 0 if there is only one. */
static size_t last_file(const uint8_t *data, size_t n)
{
    size_t at = n < 4 ? 0 : n - 4;
    while (at > 0 && memcmp(data + at, "GGUF", 4) != 0) {
        at--;
    }
    return at;
}

static void write_file(const char *path, const uint8_t *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    fuzz_check(file != NULL && fwrite(data, 1, n, file) == n && fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const paths[2] = {"build/tmp/fuzz-io_gguf-00001-of-00002.gguf",
                                         "build/tmp/fuzz-io_gguf-00002-of-00002.gguf"};
    size_t at = last_file(data, n);
    open_and_check(fuzz_file(data, n), 1);
    if (at > 0) {
        write_file(paths[0], data, at);
        write_file(paths[1], data + at, n - at);
        size_t from_first = open_and_check(paths[0], 2), from_last = open_and_check(paths[1], 2);
        fuzz_check(from_first == from_last);
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"general.alignment", "GGUF", "\x0a\x00\x00", ".weight",
                                        "split.count", "split.tensors.count", NULL};
    return fuzz_tests("io_gguf", LLVMFuzzerTestOneInput, words);
}
#endif
