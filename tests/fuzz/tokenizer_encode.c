/* Any bytes, any mask, any pre-tokeniser: encoding succeeds, its pieces are the text, and control
 * tokens come only from bytes that may form them. */
#include <string.h>

#include "core/memory.h"
#include "io/gguf.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "support/vocabulary.h"
#include "tokenizer/pretokenizers.h"
#include "tokenizer/tokenizer.h"

static const char *const tokens[] = {"ab", "abc", "bc", "\xC4\xA0" "ab", "\xC3\xA3\xC4\xA3",
                                     "<|im_end|>", "<|im", "<<", "<<<", "\xE4\xB8\x96", " ", NULL};
static const char *const merges[] = {"b c", "a b", "ab c", "\xC4\xA0 ab",
                                     "\xC3\xA3 \xC4\xA3", NULL};
static const int32_t types[] = {TEST_NORMAL,  TEST_NORMAL,  TEST_NORMAL,       TEST_NORMAL,
                                TEST_NORMAL,  TEST_CONTROL, TEST_UNKNOWN,      TEST_USER_DEFINED,
                                TEST_CONTROL, TEST_CONTROL, TEST_USER_DEFINED};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The tokenizer of row i of the table, loaded once. */
static const graft_tokenizer *tokenizer_of(size_t i)
{
    static graft_tokenizer *loaded[16];
    if (loaded[i] == NULL) {
        test_vocabulary v = {.model = "gpt2", .pre = graft_pretokenizers[i].names[0],
                             .bytes = true, .tokens = tokens, .types = types, .n_types = 11,
                             .merges = merges};
        graft_gguf *file;
        fuzz_check(graft_gguf_open(&file, test_vocabulary_write("f.gguf", &v)) == GRAFT_OK);
        fuzz_check(graft_tokenizer_new(&loaded[i], file) == GRAFT_OK);
        graft_gguf_close(file);
    }
    return loaded[i];
}

static void check(const graft_tokenizer *tokenizer, const graft_tokens *got, const char *text,
                  size_t n, const uint8_t *control)
{
    size_t start = 0;
    for (size_t i = 0; i < got->n; i++) {
        size_t length;
        const char *piece = graft_tokenizer_piece(tokenizer, got->ids[i], &length);
        fuzz_check(piece != NULL && got->ends[i] == start + length && got->ends[i] <= n);
        fuzz_check(memcmp(piece, text + start, length) == 0);
        for (size_t k = 0; k < length && graft_tokenizer_is_control(tokenizer, got->ids[i]); k++) {
            fuzz_check(control != NULL && control[start + k] != 0);
        }
        start = got->ends[i];
    }
    fuzz_check(start == n);
}

/* The first byte chooses the pre-tokeniser; half of the others are text, the other half its mask.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) {
        return 0;
    }
    const graft_tokenizer *tokenizer = tokenizer_of(data[0] % graft_n_pretokenizers);
    size_t length = (n - 1) / 2;
    const char *text = (const char *)data + 1;
    uint8_t *mask;
    graft_tokens got;
    graft_tokens_init(&got);
    fuzz_check(graft_tokenizer_encode(tokenizer, &got, text, length, NULL) == GRAFT_OK);
    check(tokenizer, &got, text, length, NULL);
    fuzz_check(graft_alloc(&mask, length, 1) == GRAFT_OK);
    for (size_t i = 0; i < length; i++) {
        mask[i] = data[1 + length + i] & 1;
    }
    got.n = 0;
    fuzz_check(graft_tokenizer_encode(tokenizer, &got, text, length, mask) == GRAFT_OK);
    check(tokenizer, &got, text, length, mask);
    memset(mask, 1, length);
    got.n = 0;
    fuzz_check(graft_tokenizer_encode_special(tokenizer, &got, text, length) == GRAFT_OK);
    check(tokenizer, &got, text, length, mask);
    graft_free(mask);
    graft_tokens_clear(&got);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "ab", "abc", " ", "<|im_end|>", "<", "<|im", "\xE4\xB8\x96", "\xE4\xB8", "'s", "12", "\n",
        "\xC2\xA0", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80", "\r\n", "\xE3\x80\x80", NULL};
    return fuzz_tests("tokenizer_encode", LLVMFuzzerTestOneInput, words);
}
#endif
