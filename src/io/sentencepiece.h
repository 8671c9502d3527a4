/* io/sentencepiece.h - the pieces of a SentencePiece model (tokenizer.model).
 *
 * The file is a protocol buffer, sentencepiece_model.proto's ModelProto. Only what vocabularies
 * need is read: pieces, scores, types, the kind of model, and whether a space is put in front of
 * text. */
#ifndef GRAFT_IO_SENTENCEPIECE_H
#define GRAFT_IO_SENTENCEPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* The values of ModelProto.SentencePiece.Type. */
typedef enum graft_piece_type {
    GRAFT_PIECE_NORMAL = 1, GRAFT_PIECE_UNKNOWN, GRAFT_PIECE_CONTROL, GRAFT_PIECE_USER_DEFINED,
    GRAFT_PIECE_UNUSED, GRAFT_PIECE_BYTE
} graft_piece_type;

typedef enum graft_sentencepiece_kind {
    GRAFT_SENTENCEPIECE_UNIGRAM = 1, GRAFT_SENTENCEPIECE_BPE, GRAFT_SENTENCEPIECE_WORD,
    GRAFT_SENTENCEPIECE_CHAR
} graft_sentencepiece_kind;

typedef struct graft_piece {
    const char *text; /* not zero-terminated; points into the file's bytes */
    size_t n;
    float score;
    graft_piece_type type;
} graft_piece;

typedef struct graft_sentencepiece {
    graft_piece *pieces;
    size_t n;
    graft_sentencepiece_kind kind;
    bool space_prefix; /* add_dummy_prefix */
} graft_sentencepiece;

/* Parses bytes[0..size), which must outlive the result. GRAFT_E_DATA with what is wrong and
 * where: cut fields, no pieces, types that do not exist, texts that are not UTF-8, scores that
 * are not finite. */
graft_status graft_sentencepiece_parse(graft_sentencepiece *out, const uint8_t *bytes,
                                       size_t size);
void graft_sentencepiece_clear(graft_sentencepiece *model);

#endif
