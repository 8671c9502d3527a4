/* Any bytes, any mask, any pre-tokeniser: encoding succeeds, its pieces are the text, and control
 * tokens come only from bytes that may form them. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "io/gguf.h"
#include "support/vocabulary.h"
#include "tokenizer/pretokenizers.h"
#include "tokenizer/tokenizer.h"

static const char *const tokens[] = {"ab", "abc", "bc", "\xC4\xA0" "ab", "\xC3\xA3\xC4\xA3",
                                     "<|im_end|>", "<|im", "<<", "<<<", "\xE4\xB8\x96", " ", NULL};
static const char *const merges[] = {"b c", "a b", "ab c", "\xC4\xA0 ab", "\xC3\xA3 \xC4\xA3", NULL};
static const int32_t types[] = {TEST_NORMAL,  TEST_NORMAL,  TEST_NORMAL,       TEST_NORMAL,
                                TEST_NORMAL,  TEST_CONTROL, TEST_UNKNOWN,      TEST_USER_DEFINED,
                                TEST_CONTROL, TEST_CONTROL, TEST_USER_DEFINED};

static graft_tokenizer *load(const char *pre)
{
    test_vocabulary v = {.model = "gpt2", .pre = pre, .bytes = true, .tokens = tokens,
                         .types = types, .n_types = 11, .merges = merges};
    graft_gguf *file;
    graft_tokenizer *tokenizer;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("f.gguf", &v)));
    assert_ok(graft_tokenizer_new(&tokenizer, file));
    graft_gguf_close(file);
    return tokenizer;
}

static void check(const graft_tokenizer *tokenizer, const graft_tokens *got, const char *text,
                  size_t n, const uint8_t *control)
{
    size_t start = 0;
    for (size_t i = 0; i < got->n; i++) {
        size_t length;
        const char *piece = graft_tokenizer_piece(tokenizer, got->ids[i], &length);
        assert_non_null(piece);
        assert_int_equal(got->ends[i], start + length);
        assert_true(got->ends[i] <= n);
        assert_memory_equal(piece, text + start, length);
        for (size_t k = 0; k < length && graft_tokenizer_is_control(tokenizer, got->ids[i]); k++) {
            assert_true(control != NULL && control[start + k] != 0);
        }
        start = got->ends[i];
    }
    assert_int_equal(start, n);
}

/* The first half of the input is text, the second its mask. */
static void one_input(const graft_tokenizer *tokenizer, const uint8_t *data, size_t size)
{
    size_t n = size / 2;
    const char *text = (const char *)data;
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode(tokenizer, &got, text, n, NULL));
    check(tokenizer, &got, text, n, NULL);
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, text, n, data + n));
    check(tokenizer, &got, text, n, data + n);
    uint8_t *all;
    assert_ok(graft_alloc(&all, n, 1));
    memset(all, 1, n);
    got.n = 0;
    assert_ok(graft_tokenizer_encode_special(tokenizer, &got, text, n));
    check(tokenizer, &got, text, n, all);
    graft_free(all);
    graft_tokens_clear(&got);
}

static size_t invent(uint8_t *out, size_t capacity, graft_rng *rng)
{
    static const char *const parts[] = {"ab", "abc", " ", "<|im_end|>", "<", "<|im", "\xE4\xB8\x96",
                                        "\xE4\xB8", "'s", "12", "\n", "\xC2\xA0", "\xED\xA0\x80",
                                        "\xF4\x90\x80\x80", "\xC0\x80"};
    size_t n = 0, wanted = (size_t)graft_rng_below(rng, capacity / 2 - 16);
    while (n < wanted) {
        if (graft_rng_below(rng, 4) == 0) {
            out[n++] = (uint8_t)graft_rng_below(rng, 256);
        } else {
            const char *part = parts[graft_rng_below(rng, sizeof parts / sizeof parts[0])];
            memcpy(out + n, part, strlen(part));
            n += strlen(part);
        }
    }
    bool allowed = false;
    for (size_t i = 0; i < n; i++) {
        allowed ^= graft_rng_below(rng, 8) == 0;
        out[n + i] = allowed;
    }
    return 2 * n;
}

static void random_inputs(void **state)
{
    (void)state;
    uint8_t data[400];
    graft_rng rng;
    graft_rng_init(&rng, 7, GRAFT_RNG_TEST, 0);
    for (size_t i = 0; i < graft_n_pretokenizers; i++) {
        graft_tokenizer *tokenizer = load(graft_pretokenizers[i].names[0]);
        for (int round = 0; round < 3000; round++) {
            one_input(tokenizer, data, invent(data, sizeof data, &rng));
        }
        graft_tokenizer_free(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_inputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
