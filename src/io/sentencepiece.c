/* io/sentencepiece.c - the pieces of a SentencePiece model. */
#include "io/sentencepiece.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/half.h"
#include "core/memory.h"
#include "core/strings.h"

/* What is left of a message, and where it began. */
typedef struct cursor {
    const uint8_t *at, *end, *file;
} cursor;

typedef struct field {
    uint32_t number;
    uint64_t value;  /* of numbers, fixed ones as bits */
    bool is_bytes;
    cursor bytes;    /* of messages and strings */
} field;

enum { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 5 };
/* Fields of ModelProto, of a piece, of TrainerSpec and NormalizerSpec. */
enum { MODEL_PIECES = 1, MODEL_TRAINER, MODEL_NORMALIZER };
enum { PIECE_TEXT = 1, PIECE_SCORE, PIECE_TYPE };
enum { TRAINER_KIND = 3, NORMALIZER_PREFIX = 3 };

static graft_status broken(const cursor *c, const char *what)
{
    return graft_fail(GRAFT_E_DATA, "at byte %td: %s", c->at - c->file, what);
}

static graft_status read_varint(cursor *c, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->at == c->end) {
            return broken(c, "a number is cut off");
        }
        uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out = value;
            return GRAFT_OK;
        }
    }
    return broken(c, "a number has more than ten bytes");
}

static graft_status read_fixed(cursor *c, size_t n, uint64_t *out)
{
    *out = 0;
    if ((size_t)(c->end - c->at) < n) {
        return broken(c, "a number is cut off");
    }
    for (size_t i = 0; i < n; i++) {
        *out |= (uint64_t)*c->at++ << (8 * i);
    }
    return GRAFT_OK;
}

static graft_status read_field(cursor *c, field *out)
{
    graft_status status = GRAFT_OK;
    uint64_t tag = 0, n = 0;
    *out = (field){0};
    GRAFT_TRY(read_varint(c, &tag));
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        return broken(c, "a field has no valid number");
    }
    out->number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case WIRE_VARINT:
        return read_varint(c, &out->value);
    case WIRE_FIXED64:
        return read_fixed(c, 8, &out->value);
    case WIRE_FIXED32:
        return read_fixed(c, 4, &out->value);
    case WIRE_BYTES:
        GRAFT_TRY(read_varint(c, &n));
        if (n > (uint64_t)(c->end - c->at)) {
            return graft_fail(GRAFT_E_DATA, "at byte %td: a field of %" PRIu64 " bytes, but only "
                              "%td are left", c->at - c->file, n, c->end - c->at);
        }
        out->is_bytes = true;
        out->bytes = (cursor){c->at, c->at + n, c->file};
        c->at += n;
        return GRAFT_OK;
    default:
        return broken(c, "a field of a kind that there is not");
    }
done:
    return status;
}

static graft_status read_piece(cursor c, graft_piece *out)
{
    graft_status status = GRAFT_OK;
    field f;
    const cursor whole = c;
    *out = (graft_piece){.type = GRAFT_PIECE_NORMAL};
    while (c.at < c.end) {
        GRAFT_TRY(read_field(&c, &f));
        if (f.number == PIECE_TEXT && f.is_bytes) {
            out->text = (const char *)f.bytes.at;
            out->n = (size_t)(f.bytes.end - f.bytes.at);
        } else if (f.number == PIECE_SCORE && !f.is_bytes) {
            out->score = graft_bits_float((uint32_t)f.value);
        } else if (f.number == PIECE_TYPE && !f.is_bytes) {
            if (f.value < GRAFT_PIECE_NORMAL || f.value > GRAFT_PIECE_BYTE) {
                return broken(&c, "a piece of a type that there is not");
            }
            out->type = (graft_piece_type)f.value;
        }
    }
    if (out->text == NULL || !graft_utf8_valid(out->text, out->n, NULL)) {
        return broken(&whole, out->text == NULL ? "a piece without text"
                                                : "a piece whose text is not UTF-8");
    }
    if (!isfinite(out->score)) {
        return broken(&whole, "a piece whose score is not finite");
    }
done:
    return status;
}

/* Field `number` of the message as a number; *out stays if it is not there. */
static graft_status read_number(cursor c, uint32_t number, uint64_t *out)
{
    graft_status status = GRAFT_OK;
    field f;
    while (c.at < c.end) {
        GRAFT_TRY(read_field(&c, &f));
        *out = f.number == number && !f.is_bytes ? f.value : *out;
    }
done:
    return status;
}

graft_status graft_sentencepiece_parse(graft_sentencepiece *out, const uint8_t *bytes,
                                       size_t size)
{
    graft_status status = GRAFT_OK;
    cursor c = {bytes, bytes + size, bytes};
    size_t capacity = 0;
    uint64_t kind = GRAFT_SENTENCEPIECE_UNIGRAM, prefix = 1; /* the format's defaults */
    field f;
    *out = (graft_sentencepiece){0};
    while (c.at < c.end) {
        GRAFT_TRY(read_field(&c, &f));
        if (!f.is_bytes) {
            continue;
        }
        if (f.number == MODEL_PIECES) {
            GRAFT_TRY(graft_reserve(&out->pieces, &capacity, out->n + 1, sizeof *out->pieces));
            GRAFT_TRY(read_piece(f.bytes, &out->pieces[out->n]));
            out->n++;
        } else if (f.number == MODEL_TRAINER) {
            GRAFT_TRY(read_number(f.bytes, TRAINER_KIND, &kind));
        } else if (f.number == MODEL_NORMALIZER) {
            GRAFT_TRY(read_number(f.bytes, NORMALIZER_PREFIX, &prefix));
        }
    }
    if (out->n == 0 || out->n > INT32_MAX) {
        GRAFT_TRY(graft_fail(GRAFT_E_DATA, "not a SentencePiece model: %zu pieces", out->n));
    }
    if (kind < GRAFT_SENTENCEPIECE_UNIGRAM || kind > GRAFT_SENTENCEPIECE_CHAR) {
        GRAFT_TRY(graft_fail(GRAFT_E_DATA, "a model of kind %" PRIu64, kind));
    }
    out->kind = (graft_sentencepiece_kind)kind;
    out->space_prefix = prefix != 0;
done:
    if (status != GRAFT_OK) {
        graft_sentencepiece_clear(out);
    }
    return status;
}

void graft_sentencepiece_clear(graft_sentencepiece *model)
{
    graft_free(model->pieces);
    *model = (graft_sentencepiece){0};
}
