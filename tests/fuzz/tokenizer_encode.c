/* Any bytes, any mask, any pre-tokeniser and SentencePiece: encoding succeeds, its pieces are the
 * text, and control tokens come only from bytes that may form them. */
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/gguf.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "support/vocabulary.h"
#include "tokenizer/pretokenizers.h"
#include "tokenizer/tokenizer.h"

#define MARK "\xE2\x96\x81"

static const char *const tokens[] = {"ab", "abc", "bc", "\xC4\xA0" "ab", "\xC3\xA3\xC4\xA3",
                                     "<|im_end|>", "<|im", "<<", "<<<", "\xE4\xB8\x96", " ", NULL};
static const char *const merges[] = {"b c", "a b", "ab c", "\xC4\xA0 ab",
                                     "\xC3\xA3 \xC4\xA3", NULL};
static const int32_t types[] = {TEST_NORMAL,  TEST_NORMAL,  TEST_NORMAL,       TEST_NORMAL,
                                TEST_NORMAL,  TEST_CONTROL, TEST_UNKNOWN,      TEST_USER_DEFINED,
                                TEST_CONTROL, TEST_CONTROL, TEST_USER_DEFINED};

/* over characters */
static const char *const marked[] = {"ab", "abc", "bc", MARK "ab", MARK, "<|im_end|>", "<|im", "<<",
                                     "<<<", "\xE4\xB8\x96", "\n\n", "a", "b", "c", "\n", NULL};
static const char *const marked_merges[] = {"b c", "a b", "ab c", MARK " ab", "\n \n", NULL};
static const int32_t marked_types[] = {TEST_NORMAL,  TEST_NORMAL,  TEST_NORMAL, TEST_NORMAL,
                                       TEST_NORMAL,  TEST_CONTROL, TEST_UNKNOWN,
                                       TEST_USER_DEFINED, TEST_CONTROL, TEST_NORMAL, TEST_NORMAL,
                                       TEST_NORMAL,  TEST_NORMAL,  TEST_NORMAL, TEST_NORMAL};
static const float scores[] = {-1, -2, -3, -1, -9, 0, 0, 0, 0, 0, -5, -10, -11, -12, -13};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The tokenizer of row i of the table, loaded once; behind them SentencePiece. */
static const graft_tokenizer *tokenizer_of(size_t i)
{
    static graft_tokenizer *loaded[64];
    if (loaded[i] == NULL) {
        bool is_scored = i == graft_n_pretokenizers;
        test_vocabulary v = {.model = "gpt2", .bytes = true, .tokens = tokens, .types = types,
                             .n_types = 11, .merges = merges};
        if (is_scored || graft_pretokenizers[i].characters) {
            v = (test_vocabulary){.model = is_scored ? "llama" : "gpt2", .bytes = true,
                                  .byte_names = true, .tokens = marked, .types = marked_types,
                                  .n_types = 15, .scores = is_scored ? scores : NULL,
                                  .n_scores = 15, .merges = is_scored ? NULL : marked_merges};
        }
        v.pre = is_scored ? NULL : graft_pretokenizers[i].names[0];
        graft_gguf *file;
        fuzz_check(graft_gguf_open(&file, test_vocabulary_write("f.gguf", &v)) == GRAFT_OK);
        fuzz_check(graft_tokenizer_new(&loaded[i], file, NULL) == GRAFT_OK);
        graft_gguf_close(file);
    }
    return loaded[i];
}

/* Offsets ascend to the end of the text. Where it is UTF-8 the pieces are the text, but for the
 * spaces that SentencePiece puts before it, which end where they stand, and marks that become
 * spaces. */
static void check(const graft_tokenizer *tokenizer, const graft_tokens *got, const char *text,
                  size_t n, const uint8_t *control)
{
    bool exact = graft_utf8_valid(text, n, NULL) && memmem(text, n, MARK, 3) == NULL;
    size_t start = 0;
    for (size_t i = 0; i < got->n; i++) {
        size_t length, end = got->ends[i];
        const char *piece = graft_tokenizer_piece(tokenizer, got->ids[i], &length);
        fuzz_check(piece != NULL && end >= start && end <= n);
        if (exact && (end != start || *piece != ' ')) {
            bool prefixed = length == end - start + 1 && *piece == ' ';
            fuzz_check(length == end - start + prefixed);
            fuzz_check(memcmp(piece + prefixed, text + start, end - start) == 0);
        }
        for (size_t k = start; k < end && graft_tokenizer_is_control(tokenizer, got->ids[i]); k++) {
            fuzz_check(control != NULL && control[k] != 0);
        }
        start = end;
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
    const graft_tokenizer *tokenizer = tokenizer_of(data[0] % (graft_n_pretokenizers + 1));
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
        "\xC2\xA0", "\xE2\x96\x81", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80", "\r\n",
        "\xE3\x80\x80", NULL};
    return fuzz_tests("tokenizer_encode", LLVMFuzzerTestOneInput, words);
}
#endif
