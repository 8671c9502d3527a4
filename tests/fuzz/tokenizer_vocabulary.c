/* Any bytes as a model file: a vocabulary that is accepted encodes text, unless it lacks what stands
 * for a byte, and all of its pieces can be had. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/gguf.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "tokenizer/models.h"
#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Is that the text of a token? Empty ones have a name instead. */
static bool is_token(const graft_gguf_string *texts, size_t n_texts, const char *text, size_t n)
{
    char name[32];
    for (size_t i = 0; i < n_texts; i++) {
        graft_gguf_string own = texts[i];
        if (own.len == 0) {
            own.len = (size_t)snprintf(name, sizeof name, "[EMPTY_%zu]", i);
            own.data = name;
        }
        if (own.len == n && memcmp(own.data, text, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Both parts of each merge of an accepted vocabulary are tokens, and so is what they become. */
static void check_merges(const graft_gguf *file)
{
    graft_gguf_string model = {0}, *texts, *rules;
    size_t n_texts, n_rules;
    fuzz_check(graft_gguf_get_string(file, "tokenizer.ggml.model", &model) == GRAFT_OK);
    if (graft_vocabulary_model_find(model.data, model.len)->scored ||
        graft_gguf_find(file, "tokenizer.ggml.merges") == NULL) {
        return;
    }
    fuzz_check(graft_gguf_array_strings(file, "tokenizer.ggml.tokens", &texts, &n_texts) == GRAFT_OK);
    fuzz_check(graft_gguf_array_strings(file, "tokenizer.ggml.merges", &rules, &n_rules) == GRAFT_OK);
    for (size_t i = 0; i < n_rules && i < 64; i++) {
        char *joined;
        const char *space = memchr(rules[i].data + 1, ' ', rules[i].len - 1);
        size_t left = (size_t)(space - rules[i].data), right = rules[i].len - left - 1;
        fuzz_check(graft_strndup(&joined, rules[i].data, rules[i].len) == GRAFT_OK);
        memmove(joined + left, space + 1, right);
        fuzz_check(is_token(texts, n_texts, rules[i].data, left));
        fuzz_check(is_token(texts, n_texts, space + 1, right));
        fuzz_check(is_token(texts, n_texts, joined, left + right));
        graft_free(joined);
    }
    graft_free(texts);
    graft_free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] = "ab abc  <|im_end|>\xE4\xB8\x96 12's\n\xff<<<s> Ab";
    graft_gguf *file;
    graft_tokenizer *tokenizer;
    if (graft_gguf_open(&file, fuzz_file(data, n)) != GRAFT_OK) {
        return 0;
    }
    graft_status status = graft_tokenizer_new(&tokenizer, file, NULL);
    if (status == GRAFT_OK) {
        check_merges(file);
    }
    graft_gguf_close(file);
    if (status != GRAFT_OK) {
        fuzz_check(status == GRAFT_E_MODEL && tokenizer == NULL);
        return 0;
    }
    graft_tokens got;
    graft_tokens_init(&got);
    status = graft_tokenizer_encode_special(tokenizer, &got, text, sizeof text - 1);
    fuzz_check(status == GRAFT_OK || status == GRAFT_E_DATA); /* a byte may have no token */
    for (size_t i = 0; i < got.n; i++) {
        fuzz_check(got.ends[i] <= sizeof text - 1 && (i == 0 || got.ends[i] >= got.ends[i - 1]));
    }
    size_t length;
    for (size_t id = 0; id < graft_tokenizer_n_vocab(tokenizer); id++) {
        const char *piece = graft_tokenizer_piece(tokenizer, (int32_t)id, &length);
        fuzz_check(piece != NULL && piece[length] == '\0');
    }
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "tokenizer.ggml.", "token_type", "merges", "tokens", "pre", "eos_token_id", "add_bos_token",
        "scores", "llama", "gemma4", "llama-bpe", "smollm", "qwen2", "a b", "ab c", "<|im_end|>",
        "<|end|>", "<0x0A>", "\xC4\xA0", "\xE2\x96\x81", NULL};
    return fuzz_tests("tokenizer_vocabulary", LLVMFuzzerTestOneInput, words);
}
#endif
