#include "support/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/gguf.h"
#include "support/test.h"

static void append(graft_text *out, const void *bytes, size_t n)
{
    assert_ok(graft_text_append(out, bytes, n));
}

static void append_string(graft_text *out, const char *text)
{
    append(out, &(uint64_t){strlen(text)}, 8);
    append(out, text, strlen(text));
}

/* The character that spells a byte, found the plain way: the unprintable ones in order from U+0100.
 */
static void append_byte(graft_text *out, unsigned byte)
{
    unsigned codepoint = 0, next = 0x100;
    for (unsigned b = 0; b <= byte; b++) {
        bool printable = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
        codepoint = printable ? b : next++;
    }
    char text[5] = {0};
    graft_utf8_encode(codepoint, text);
    append_string(out, text);
}

static void put(graft_gguf_writer *writer, const char *key, graft_gguf_type element, uint64_t n,
                const graft_text *data)
{
    graft_gguf_kv kv = {.key = {key, strlen(key)},
                        .type = GRAFT_GGUF_ARRAY,
                        .element_type = element,
                        .n = n,
                        .data = (const uint8_t *)graft_text_z(data),
                        .n_bytes = data->len};
    assert_ok(graft_gguf_copy_kv(writer, &kv));
}

static void put_strings(graft_gguf_writer *writer, const char *key, bool bytes, bool names,
                        const char *const *list)
{
    graft_text data;
    graft_text_init(&data);
    uint64_t n = 0;
    for (unsigned byte = 0; bytes && byte < 256; byte++, n++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", byte);
        if (names) {
            append_string(&data, name);
        } else {
            append_byte(&data, byte);
        }
    }
    for (size_t i = 0; list != NULL && list[i] != NULL; i++, n++) {
        append_string(&data, list[i]);
    }
    put(writer, key, GRAFT_GGUF_STRING, n, &data);
    graft_text_clear(&data);
}

static void put_scores(graft_gguf_writer *writer, const test_vocabulary *vocabulary)
{
    graft_text data;
    size_t n_bytes = vocabulary->bytes ? 256 : 0, n = n_bytes + vocabulary->n_scores;
    graft_text_init(&data);
    for (size_t i = 0; i < n; i++) {
        float score = i < n_bytes ? -1000 : vocabulary->scores[i - n_bytes];
        if (vocabulary->integer_scores) {
            append(&data, &(int32_t){(int32_t)score}, 4);
        } else {
            append(&data, &score, 4);
        }
    }
    put(writer, "tokenizer.ggml.scores",
        vocabulary->integer_scores ? GRAFT_GGUF_I32 : GRAFT_GGUF_F32, n, &data);
    graft_text_clear(&data);
}

const char *test_vocabulary_write(const char *name, const test_vocabulary *vocabulary)
{
    graft_gguf_writer *writer;
    assert_ok(graft_gguf_writer_new(&writer));
    const char *strings[][2] = {{"tokenizer.ggml.model", vocabulary->model},
                                {"tokenizer.ggml.pre", vocabulary->pre},
                                {"general.name", vocabulary->name}};
    for (size_t i = 0; i < 3; i++) {
        if (strings[i][1] != NULL) {
            assert_ok(graft_gguf_set_string(writer, strings[i][0], strings[i][1],
                                            strlen(strings[i][1])));
        }
    }
    if (vocabulary->tokens != NULL || vocabulary->bytes) {
        put_strings(writer, "tokenizer.ggml.tokens", vocabulary->bytes, vocabulary->byte_names,
                    vocabulary->tokens);
    }
    if (vocabulary->merges != NULL) {
        put_strings(writer, "tokenizer.ggml.merges", false, false, vocabulary->merges);
    }
    if (vocabulary->types != NULL) {
        graft_text data;
        graft_text_init(&data);
        size_t n_bytes = vocabulary->bytes ? 256 : 0;
        for (size_t i = 0; i < n_bytes; i++) {
            append(&data, &(int32_t){vocabulary->byte_names ? TEST_BYTE : TEST_NORMAL}, 4);
        }
        append(&data, vocabulary->types, 4 * vocabulary->n_types);
        put(writer, "tokenizer.ggml.token_type", GRAFT_GGUF_I32, n_bytes + vocabulary->n_types,
            &data);
        graft_text_clear(&data);
    }
    if (vocabulary->scores != NULL) {
        put_scores(writer, vocabulary);
    }
    if (vocabulary->bool_key != NULL) {
        assert_ok(graft_gguf_set_bool(writer, vocabulary->bool_key, vocabulary->flag));
    }
    if (vocabulary->id_key != NULL) {
        assert_ok(graft_gguf_set_u32(writer, vocabulary->id_key, vocabulary->id));
    }
    if (vocabulary->add_bos != NULL) {
        assert_ok(graft_gguf_set_bool(writer, "tokenizer.ggml.add_bos_token",
                                      *vocabulary->add_bos));
    }
    const char *path = test_temp_path(name);
    assert_ok(graft_gguf_write(writer, path));
    graft_gguf_writer_free(writer);
    return path;
}

void test_encode_without_memory(const graft_tokenizer *tokenizer, const char *text)
{
    graft_status status = GRAFT_E_MEMORY;
    uint64_t n = 0;
    while (status != GRAFT_OK) {
        graft_tokens got;
        graft_tokens_init(&got);
        graft_alloc_fail_at(++n);
        status = graft_tokenizer_encode_special(tokenizer, &got, text, strlen(text));
        graft_alloc_fail_at(0);
        if (status != GRAFT_OK) {
            assert_int_equal(status, GRAFT_E_MEMORY);
            assert_int_equal(got.n, 0);
        }
        graft_tokens_clear(&got);
    }
    assert_true(n > 6);
}
