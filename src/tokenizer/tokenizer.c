#include "tokenizer/tokenizer.h"

#include <string.h>

#include "core/memory.h"
#include "tokenizer/specials.h"
#include "tokenizer/splitter.h"
#include "tokenizer/vocabulary.h"

struct graft_tokenizer {
    graft_vocabulary vocabulary;
    graft_specials specials;
    graft_splitter *splitter;
};

void graft_tokens_init(graft_tokens *tokens)
{
    *tokens = (graft_tokens){0};
}

void graft_tokens_clear(graft_tokens *tokens)
{
    graft_free(tokens->ids);
    graft_free(tokens->ends);
    graft_tokens_init(tokens);
}

graft_status graft_tokenizer_new(graft_tokenizer **out, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_tokenizer *tokenizer;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&tokenizer, 1, sizeof *tokenizer));
    GRAFT_TRY(graft_vocabulary_read(&tokenizer->vocabulary, file));
    GRAFT_TRY(graft_specials_init(&tokenizer->specials, &tokenizer->vocabulary));
    const graft_pretokenizer *pre = tokenizer->vocabulary.pre;
    size_t n = 0;
    while (n < GRAFT_PRETOKENIZER_MAX_PATTERNS && pre->patterns[n] != NULL) {
        n++;
    }
    GRAFT_TRY(graft_splitter_new(&tokenizer->splitter, pre->patterns, n));
    *out = tokenizer;
    tokenizer = NULL;
done:
    graft_tokenizer_free(tokenizer);
    return status;
}

void graft_tokenizer_free(graft_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    graft_splitter_free(tokenizer->splitter);
    graft_specials_clear(&tokenizer->specials);
    graft_vocabulary_clear(&tokenizer->vocabulary);
    graft_free(tokenizer);
}

/* One call of encode: its output and its working memory. */
typedef struct encoder {
    const graft_vocabulary *vocabulary;
    graft_tokens *out;
    const char *text; /* of the whole call */
    size_t base;      /* where the fragment at hand starts in it */
    graft_merger merger;
} encoder;

static graft_status push(graft_tokens *out, int32_t id, size_t end)
{
    if (out->n == out->ids_capacity || out->n == out->ends_capacity) {
        graft_status status = GRAFT_OK;
        GRAFT_TRY(graft_reserve(&out->ids, &out->ids_capacity, out->n + 1, sizeof *out->ids));
        GRAFT_TRY(graft_reserve(&out->ends, &out->ends_capacity, out->n + 1, sizeof *out->ends));
    done:
        if (status != GRAFT_OK) {
            return status;
        }
    }
    out->ids[out->n] = id;
    out->ends[out->n++] = (uint32_t)end;
    return GRAFT_OK;
}

static graft_status encode_word(void *context, size_t start, size_t end)
{
    encoder *e = context;
    const char *word = e->text + e->base + start;
    size_t n = end - start;
    uint64_t id;
    if (n == 1) {
        int32_t byte_id = e->vocabulary->byte_ids[(unsigned char)*word];
        return byte_id < 0 ? GRAFT_OK : push(e->out, byte_id, e->base + end);
    }
    if (graft_map_find(&e->vocabulary->words, word, n, &id)) {
        return push(e->out, (int32_t)id, e->base + end);
    }
    graft_status status = graft_merger_run(&e->merger, &e->vocabulary->merges,
                                           e->vocabulary->byte_ids, word, n);
    const graft_symbol *symbol = e->merger.symbols;
    while (status == GRAFT_OK) {
        if (symbol->id >= 0) {
            status = push(e->out, symbol->id, e->base + start + symbol->end);
        }
        if (symbol->next == UINT32_MAX) {
            break;
        }
        symbol = &e->merger.symbols[symbol->next];
    }
    return status;
}

/* Replaces every byte that belongs to no valid character by one that is cut like U+FFFD is: neither
 * letter, number nor white space. Only for finding words; the words keep their bytes. */
static graft_status patch_invalid(graft_text *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    out->len = 0;
    GRAFT_TRY(graft_text_append(out, text, n));
    for (size_t i = 0; i < n;) {
        uint32_t codepoint;
        size_t used = graft_utf8_decode(text + i, n - i, &codepoint);
        if (used == 0) {
            out->data[i] = '\x01';
            used = 1;
        }
        i += used;
    }
done:
    return status;
}

static graft_status encode(const graft_tokenizer *tokenizer, graft_tokens *out, const char *text,
                           size_t n, graft_control control, const uint8_t *mask)
{
    graft_status status = GRAFT_OK;
    if (n >= UINT32_MAX) {
        return graft_fail(GRAFT_E_DATA, "a text of %zu bytes is too long to tokenise", n);
    }
    size_t n_before = out->n;
    encoder e = {.vocabulary = &tokenizer->vocabulary, .out = out, .text = text};
    graft_fragments fragments = {0};
    graft_split_state *state = NULL;
    graft_text patched;
    graft_merger_init(&e.merger);
    graft_text_init(&patched);
    GRAFT_TRY(graft_split_state_new(&state));
    GRAFT_TRY(graft_specials_find(&tokenizer->specials, &fragments, text, n, control, mask));
    for (size_t i = 0; i < fragments.n; i++) {
        const graft_fragment *fragment = &fragments.items[i];
        if (fragment->id >= 0) {
            GRAFT_TRY(push(out, fragment->id, fragment->end));
            continue;
        }
        e.base = fragment->start;
        const char *raw = text + fragment->start;
        size_t length = fragment->end - fragment->start;
        if (!graft_utf8_valid(raw, length, NULL)) {
            GRAFT_TRY(patch_invalid(&patched, raw, length));
            raw = patched.data;
        }
        GRAFT_TRY(graft_splitter_run(tokenizer->splitter, state, raw, length, encode_word, &e));
    }
done:
    graft_split_state_free(state);
    graft_merger_clear(&e.merger);
    graft_text_clear(&patched);
    graft_free(fragments.items);
    if (status != GRAFT_OK) {
        out->n = n_before;
    }
    return status;
}

graft_status graft_tokenizer_encode(const graft_tokenizer *tokenizer, graft_tokens *out,
                                    const char *text, size_t n, const uint8_t *control)
{
    return encode(tokenizer, out, text, n,
                  control != NULL ? GRAFT_CONTROL_MASK : GRAFT_CONTROL_NONE, control);
}

graft_status graft_tokenizer_encode_special(const graft_tokenizer *tokenizer, graft_tokens *out,
                                            const char *text, size_t n)
{
    return encode(tokenizer, out, text, n, GRAFT_CONTROL_ALL, NULL);
}

size_t graft_tokenizer_n_vocab(const graft_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.n;
}

static const graft_vocabulary_token *token_of(const graft_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (size_t)id < tokenizer->vocabulary.n ? &tokenizer->vocabulary.tokens[id]
                                                           : NULL;
}

const char *graft_tokenizer_piece(const graft_tokenizer *tokenizer, int32_t id, size_t *n)
{
    const graft_vocabulary_token *token = token_of(tokenizer, id);
    if (n != NULL) {
        *n = token != NULL ? token->n : 0;
    }
    return token != NULL ? token->piece : NULL;
}

bool graft_tokenizer_is_control(const graft_tokenizer *tokenizer, int32_t id)
{
    const graft_vocabulary_token *token = token_of(tokenizer, id);
    return token != NULL && (token->kind & GRAFT_TOKEN_CONTROL) != 0;
}

bool graft_tokenizer_is_eog(const graft_tokenizer *tokenizer, int32_t id)
{
    const graft_vocabulary_token *token = token_of(tokenizer, id);
    return token != NULL && (token->kind & GRAFT_TOKEN_EOG) != 0;
}

int32_t graft_tokenizer_bos(const graft_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.bos;
}

int32_t graft_tokenizer_eos(const graft_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.eos;
}

bool graft_tokenizer_add_bos(const graft_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.add_bos;
}

void graft_tokenizer_hash(const graft_tokenizer *tokenizer, char out[65])
{
    memcpy(out, tokenizer->vocabulary.hash, 65);
}
