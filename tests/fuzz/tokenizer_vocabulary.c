/* Any bytes as a model file: a vocabulary that is accepted encodes text, unless it lacks what stands
 * for a byte, and all of its pieces can be had. */
#include <string.h>

#include "io/gguf.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] = "ab abc  <|im_end|>\xE4\xB8\x96 12's\n\xff<<<s> Ab";
    graft_gguf *file;
    graft_tokenizer *tokenizer;
    if (graft_gguf_open(&file, fuzz_file(data, n)) != GRAFT_OK) {
        return 0;
    }
    graft_status status = graft_tokenizer_new(&tokenizer, file, NULL);
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
