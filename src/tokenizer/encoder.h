/* tokenizer/encoder.h - what the ways to turn text into tokens share. Used inside the room. */
#ifndef GRAFT_TOKENIZER_ENCODER_H
#define GRAFT_TOKENIZER_ENCODER_H

#include "tokenizer/splitter.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

/* One call of encode: its output and its working memory. */
typedef struct graft_encoder {
    const graft_vocabulary *vocabulary;
    const graft_splitter *splitter; /* NULL: the vocabulary has no pre-tokeniser */
    graft_tokens *out;
    const char *text;   /* of the whole call */
    bool after_special; /* the fragment follows a special token, or nothing */
    /* working memory */
    graft_merger merger;
    graft_split_state *state;
    graft_text sound;
    char *escaped; /* the fragment with marks for spaces */
    size_t escaped_capacity;
    /* of the fragment at hand */
    size_t start;             /* where it begins in the text of the call */
    const char *fragment;     /* made sound */
    uint32_t *origins;        /* NULL: it was sound */
    size_t escaped_at, raw_at; /* a place in it, with marks and without */
} graft_encoder;

graft_status graft_encoder__push(graft_encoder *e, int32_t id, size_t end);

/* Byte i of the fragment as an offset in the text of the call. */
static inline size_t graft_encoder__offset(const graft_encoder *e, size_t i)
{
    return e->start + (e->origins == NULL ? i : i == 0 ? 0 : e->origins[i - 1]);
}

/* Append the tokens of text[start..end), start < end, in which no special token is. */
graft_status graft_encoder__bytes(graft_encoder *e, size_t start, size_t end);
graft_status graft_encoder__characters(graft_encoder *e, size_t start, size_t end);

#endif
