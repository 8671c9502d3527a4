/* tokenizer/specials.h - finds special tokens in text before it is cut into words. */
#ifndef GRAFT_TOKENIZER_SPECIALS_H
#define GRAFT_TOKENIZER_SPECIALS_H

#include "tokenizer/vocabulary.h"

/* A stretch of text: raw (id -1), or one special token. */
typedef struct graft_fragment {
    size_t start, end;
    int32_t id;
} graft_fragment;

typedef struct graft_fragments {
    graft_fragment *items;
    size_t n, capacity;
} graft_fragments;

/* The special tokens of a vocabulary, ready to be looked for. */
typedef struct graft_specials {
    const graft_vocabulary *vocabulary; /* borrowed */
    int32_t *by_text; /* ids in the order of their bytes */
    int32_t *by_rank; /* ids, longest first: the order in which they claim text */
    uint32_t *ranks;  /* ranks[i]: where by_text[i] stands in by_rank */
    size_t n;
    bool starts[256]; /* the bytes that special tokens begin with */
} graft_specials;

graft_status graft_specials_init(graft_specials *specials, const graft_vocabulary *vocabulary);
void graft_specials_clear(graft_specials *specials);

/* Which characters may form control tokens. User-defined tokens are found everywhere. */
typedef enum graft_control {
    GRAFT_CONTROL_NONE,
    GRAFT_CONTROL_ALL,
    GRAFT_CONTROL_MASK
} graft_control;

/* Sets *out to the fragments of text[0..n), in order; white space that a token swallows belongs to
 * its fragment. Longer tokens claim text before shorter ones, each from left to right. With
 * GRAFT_CONTROL_MASK a control token is found only where mask[i] != 0 for all of its bytes. */
graft_status graft_specials_find(const graft_specials *specials, graft_fragments *out,
                                 const char *text, size_t n, graft_control control,
                                 const uint8_t *mask);

/* Does text[0..n) end with a special token, and the white space that it swallows? A control token
 * is one where mask[i] != 0 for all of its bytes; NULL: nowhere. */
bool graft_specials_end(const graft_specials *specials, const char *text, size_t n,
                        const uint8_t *mask);

#endif
