/* words.c - byte-level BPE: text is cut into words, the bytes of a word are merged. */
#include "core/memory.h"
#include "tokenizer/encoder.h"
#include "tokenizer/sound.h"

static graft_status encode_word(void *context, size_t start, size_t end)
{
    graft_encoder *e = context;
    const graft_vocabulary *vocabulary = e->vocabulary;
    const char *word = e->fragment + start;
    size_t n = end - start;
    uint64_t id;
    if (n == 1) {
        int32_t byte_id = vocabulary->byte_ids[(unsigned char)*word];
        return byte_id < 0 ? GRAFT_OK
                           : graft_encoder__push(e, byte_id, graft_encoder__offset(e, end));
    }
    if (graft_map_find(&vocabulary->words, word, n, &id)) {
        return graft_encoder__push(e, (int32_t)id, graft_encoder__offset(e, end));
    }
    graft_status status = graft_merger_run(&e->merger, &vocabulary->merges, vocabulary->byte_ids,
                                           word, n);
    const graft_symbol *symbol = e->merger.symbols;
    while (status == GRAFT_OK) {
        if (symbol->id >= 0) { /* a byte that has no token is lost, as it is there */
            status = graft_encoder__push(e, symbol->id,
                                         graft_encoder__offset(e, start + symbol->end));
        }
        if (symbol->next == UINT32_MAX) {
            break;
        }
        symbol = &e->merger.symbols[symbol->next];
    }
    return status;
}

graft_status graft_encoder__bytes(graft_encoder *e, size_t start, size_t end)
{
    graft_status status = GRAFT_OK;
    size_t n = end - start;
    e->start = start;
    e->fragment = e->text + start;
    if (!graft_utf8_valid(e->fragment, n, NULL)) {
        GRAFT_TRY(graft_sound_make(&e->sound, &e->origins, e->fragment, n));
        e->fragment = e->sound.data;
        n = e->sound.len;
    }
    GRAFT_TRY(graft_splitter_run(e->splitter, e->state, e->fragment, n, encode_word, e));
done:
    graft_free(e->origins);
    e->origins = NULL;
    return status;
}
