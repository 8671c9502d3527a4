/* tokenizer/vocabulary_internal.h - what the files that read a vocabulary share. */
#ifndef GRAFT_TOKENIZER_VOCABULARY_INTERNAL_H
#define GRAFT_TOKENIZER_VOCABULARY_INTERNAL_H

#include "core/sha256.h"
#include "tokenizer/vocabulary.h"

#define GRAFT_VOCABULARY_KEY(name) "tokenizer.ggml." name

/* What lives only while a file is read. */
typedef struct graft_vocabulary__reader {
    graft_vocabulary *vocabulary;
    const graft_gguf *file;
    graft_gguf_string *texts; /* of the tokens, as the file spells them */
    graft_gguf_string *rules; /* of the merges */
    graft_gguf_string *words; /* what the texts spell; NULL where they spell nothing */
    int64_t *types;
    double *scores;
    size_t n_texts, n_rules, n_types;
    graft_map by_text;
    char **names; /* the texts of tokens that the file leaves empty, owned */
    size_t n_names;
    graft_sha256 hash;
} graft_vocabulary__reader;

/* Adds the bytes and their number. */
void graft_vocabulary__hash(graft_sha256 *hash, const void *bytes, size_t n);
/* The token of that text, as the file spells it; -1: none. */
int32_t graft_vocabulary__find(const graft_vocabulary__reader *reader, const char *text, size_t n);

/* Reads the scores of a SentencePiece vocabulary and ranks its tokens by them. */
graft_status graft_vocabulary__read_scores(graft_vocabulary__reader *reader);
/* Lays out the pieces, finds the tokens of bytes and the words that become a single token. */
graft_status graft_vocabulary__make_pieces(graft_vocabulary__reader *reader);
/* Reads the special ids and marks, by key and by name, what ends a generation. Comes after the
 * tokens and before their pieces, because it changes kinds. */
graft_status graft_vocabulary__read_special(graft_vocabulary__reader *reader);
/* Marks the special tokens that swallow the white space around them. */
graft_status graft_vocabulary__mark_stripping(const graft_vocabulary__reader *reader);

#endif
