/* Any bytes as a SentencePiece model: what is accepted has pieces that lie inside. */
#include "io/sentencepiece.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_sentencepiece model;
    if (graft_sentencepiece_parse(&model, data, n) != GRAFT_OK) {
        fuzz_check(model.pieces == NULL && graft_error_message()[0] != '\0');
        return 0;
    }
    fuzz_check(model.n > 0);
    for (size_t i = 0; i < model.n; i++) {
        const uint8_t *text = (const uint8_t *)model.pieces[i].text;
        fuzz_check(text >= data && text + model.pieces[i].n <= data + n);
        fuzz_check(model.pieces[i].type >= GRAFT_PIECE_NORMAL &&
                   model.pieces[i].type <= GRAFT_PIECE_BYTE);
    }
    graft_sentencepiece_clear(&model);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"\x0a", "\x0a\x03\x0a\x01x", "\x0a\x01", "\x15", "\x18\x02",
                                        "\x12\x02\x18\x02", "\x1a", "\xff", "\x7f", NULL};
    return fuzz_tests("io_sentencepiece", LLVMFuzzerTestOneInput, words);
}
#endif
