#include "tokenizer/tokenizer.h"

#include <string.h>

#include "core/memory.h"
#include "tokenizer/encoder.h"
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

graft_status graft_tokenizer_new(graft_tokenizer **out, const graft_gguf *file, const char *pre)
{
    graft_status status = GRAFT_OK;
    graft_tokenizer *tokenizer;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&tokenizer, 1, sizeof *tokenizer));
    GRAFT_TRY(graft_vocabulary_read(&tokenizer->vocabulary, file, pre));
    GRAFT_TRY(graft_specials_init(&tokenizer->specials, &tokenizer->vocabulary));
    if (!tokenizer->vocabulary.characters) {
        GRAFT_TRY(graft_splitter_new(&tokenizer->splitter, tokenizer->vocabulary.pre->cuts,
                                     graft_pretokenizer_n_cuts(tokenizer->vocabulary.pre)));
    }
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

graft_status graft_encoder__push(graft_encoder *e, int32_t id, size_t end)
{
    graft_tokens *out = e->out;
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

static graft_status encode(const graft_tokenizer *tokenizer, graft_tokens *out, const char *text,
                           size_t n, bool after_special, graft_control control,
                           const uint8_t *mask)
{
    graft_status status = GRAFT_OK;
    if (n > UINT32_MAX / 4) { /* a byte can become a character of three */
        return graft_fail(GRAFT_E_DATA, "a text of %zu bytes is too long to tokenise", n);
    }
    size_t n_before = out->n;
    graft_encoder e = {.vocabulary = &tokenizer->vocabulary, .splitter = tokenizer->splitter,
                       .out = out, .text = text, .after_special = after_special};
    graft_fragments fragments = {0};
    graft_merger_init(&e.merger);
    graft_text_init(&e.sound);
    GRAFT_TRY(graft_split_state_new(&e.state));
    GRAFT_TRY(graft_specials_find(&tokenizer->specials, &fragments, text, n, control, mask));
    for (size_t i = 0; i < fragments.n; i++) {
        const graft_fragment *fragment = &fragments.items[i];
        if (fragment->id >= 0) {
            GRAFT_TRY(graft_encoder__push(&e, fragment->id, fragment->end));
        } else if (tokenizer->vocabulary.characters) {
            GRAFT_TRY(graft_encoder__characters(&e, fragment->start, fragment->end));
        } else {
            GRAFT_TRY(graft_encoder__bytes(&e, fragment->start, fragment->end));
        }
        e.after_special = fragment->id >= 0;
    }
done:
    graft_split_state_free(e.state);
    graft_merger_clear(&e.merger);
    graft_text_clear(&e.sound);
    graft_free(e.escaped);
    graft_free(fragments.items);
    if (status != GRAFT_OK) {
        out->n = n_before;
    }
    return status;
}

static graft_control control_of(const uint8_t *control)
{
    return control != NULL ? GRAFT_CONTROL_MASK : GRAFT_CONTROL_NONE;
}

graft_status graft_tokenizer_encode(const graft_tokenizer *tokenizer, graft_tokens *out,
                                    const char *text, size_t n, const uint8_t *control)
{
    return encode(tokenizer, out, text, n, true, control_of(control), control);
}

graft_status graft_tokenizer_encode_special(const graft_tokenizer *tokenizer, graft_tokens *out,
                                            const char *text, size_t n)
{
    return encode(tokenizer, out, text, n, true, GRAFT_CONTROL_ALL, NULL);
}

graft_status graft_tokenizer_encode_from(const graft_tokenizer *tokenizer, graft_tokens *out,
                                         const char *text, size_t from, size_t n,
                                         const uint8_t *control)
{
    bool after_special = from == 0 ||
                         (tokenizer->vocabulary.space_prefix &&
                          graft_specials_end(&tokenizer->specials, text, from, control));
    return encode(tokenizer, out, text + from, n - from, after_special, control_of(control),
                  control != NULL ? control + from : NULL);
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

bool graft_tokenizer_add_eos(const graft_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.add_eos;
}

void graft_tokenizer_hash(const graft_tokenizer *tokenizer, char out[65])
{
    memcpy(out, tokenizer->vocabulary.hash, 65);
}
