/* tokenizer/vocabulary.h - the tokens of a GGUF file: pieces, kinds, merges, special ids.
 *
 * Everything here follows what llama.cpp (src/llama-vocab.cpp) makes of the same keys, because the
 * ids must be those the runtime will see. */
#ifndef GRAFT_TOKENIZER_VOCABULARY_H
#define GRAFT_TOKENIZER_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/map.h"
#include "io/gguf.h"
#include "tokenizer/merges.h"
#include "tokenizer/models.h"
#include "tokenizer/pretokenizers.h"

/* What a token is; bits, because the runtime adds CONTROL to tokens it knows by name. */
enum {
    GRAFT_TOKEN_UNKNOWN = 1,
    GRAFT_TOKEN_UNUSED = 2,
    GRAFT_TOKEN_NORMAL = 4,
    GRAFT_TOKEN_CONTROL = 8,
    GRAFT_TOKEN_USER_DEFINED = 16,
    GRAFT_TOKEN_BYTE = 32,
    GRAFT_TOKEN_EOG = 64,     /* ends a generation */
    GRAFT_TOKEN_RSTRIP = 128, /* swallows the white space behind it */
    GRAFT_TOKEN_LSTRIP = 256, /* and that before it */
};

typedef struct graft_vocabulary_token {
    const char *piece; /* the bytes it stands for, zero-terminated; owned by the vocabulary */
    uint32_t n;
    uint32_t kind;
} graft_vocabulary_token;

typedef struct graft_vocabulary {
    const graft_vocabulary_model *model;
    const graft_pretokenizer *pre; /* NULL: the model has none */
    graft_vocabulary_token *tokens;
    size_t n;
    char *bytes;           /* what the tokens and the keys of the maps point into */
    graft_map words;       /* what becomes a single token -> id: bytes, or characters with marks */
    int32_t byte_ids[256]; /* the token of one byte; -1: none */
    graft_merges merges;
    /* of vocabularies over characters */
    bool characters;
    graft_map texts;        /* every token as the file spells it -> id */
    size_t longest;         /* bytes of the longest of them */
    uint32_t *ranks;        /* per token, by descending score; NULL: merges instead */
    bool before_space[256]; /* the last byte of a character that some token has before a space */
    bool space_prefix;      /* a space stands before text that follows a special token or nothing */
    int32_t bos, eos; /* -1: none */
    bool add_bos, add_eos;
    char hash[65]; /* SHA-256 of all of the above, as hex */
} graft_vocabulary;

/* What the runtime reads out of a model's name (general.name): which special tokens strip spaces. */
typedef enum graft_name_rule {
    GRAFT_NAME_PLAIN, GRAFT_NAME_PHI3, GRAFT_NAME_MODERN_BERT
} graft_name_rule;
graft_name_rule graft_vocabulary_name_rule(const char *name, size_t n);

/* `pre` as in graft_tokenizer_new. On failure the vocabulary is empty. Codes as there. */
graft_status graft_vocabulary_read(graft_vocabulary *vocabulary, const graft_gguf *file,
                                   const char *pre);
void graft_vocabulary_clear(graft_vocabulary *vocabulary);

#endif
