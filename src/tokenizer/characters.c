#include "tokenizer/characters.h"

#include <string.h>

#include "core/memory.h"
#include "tokenizer/encoder.h"
#include "tokenizer/sound.h"

/* Bytes of the character at text[0..n), n >= 1, by its first byte alone. */
static size_t length_at(const char *text, size_t n)
{
    unsigned char lead = (unsigned char)*text;
    size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return length < n ? length : n;
}

/* The token of these characters, unless it is a control token (pieces.c says why); -1: none. */
static int32_t find(const graft_vocabulary *vocabulary, const char *text, size_t n)
{
    uint64_t id;
    return n <= vocabulary->longest && graft_map_find(&vocabulary->texts, text, n, &id) &&
                   (vocabulary->tokens[id].kind & GRAFT_TOKEN_CONTROL) == 0
               ? (int32_t)id : -1;
}

typedef struct scoring {
    const graft_vocabulary *vocabulary;
    const char *piece;
} scoring;

/* A pair becomes the token of its text, whichever way that came about. */
static bool scored_pair(const void *context, const graft_merger *merger, const graft_symbol *left,
                        const graft_symbol *right, uint32_t *rank, int32_t *id)
{
    const scoring *s = context;
    size_t start = left->prev == UINT32_MAX ? 0 : merger->symbols[left->prev].end;
    *id = find(s->vocabulary, s->piece + start, right->end - start);
    *rank = *id < 0 ? 0 : s->vocabulary->ranks[*id];
    return *id >= 0;
}

graft_status graft_characters_merge(graft_merger *merger, const graft_vocabulary *vocabulary,
                                    const char *piece, size_t n)
{
    graft_status status = graft_merger_begin(merger, n);
    if (status != GRAFT_OK) {
        return status;
    }
    for (size_t i = 0; i < n;) {
        size_t length = length_at(piece + i, n - i);
        graft_merger_add(merger, find(vocabulary, piece + i, length), i + length);
        i += length;
    }
    if (vocabulary->ranks != NULL) {
        graft_merger_join(merger, scored_pair, &(scoring){vocabulary, piece});
    } else {
        graft_merger_join(merger, graft_merges_pair, &vocabulary->merges);
    }
    return GRAFT_OK;
}

/* --- encoding --- */

/* Byte `escaped` of the fragment with spaces written as marks as an offset in the text of the call;
 * asked in ascending order. A mark counts when it is complete. */
static size_t offset_of(graft_encoder *e, size_t escaped)
{
    while (e->escaped_at < escaped) {
        size_t width = e->fragment[e->raw_at] == ' ' ? GRAFT_SPACE_MARK_BYTES : 1;
        if (e->escaped_at + width > escaped) {
            break;
        }
        e->escaped_at += width;
        e->raw_at++;
    }
    return graft_encoder__offset(e, e->raw_at);
}

static graft_status push_bytes(graft_encoder *e, const char *text, size_t n, size_t offset)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; status == GRAFT_OK && i < n; i++) {
        unsigned char byte = (unsigned char)text[i];
        int32_t id = e->vocabulary->byte_ids[byte];
        if (id >= 0) {
            status = graft_encoder__push(e, id, offset_of(e, offset + i + 1));
        } else if (e->vocabulary->ranks != NULL) {
            /* the runtime stops here */
            status = graft_fail(GRAFT_E_DATA, "the vocabulary has no token for the byte 0x%02X",
                                byte);
        }
    }
    return status;
}

static graft_status encode_piece(graft_encoder *e, const char *piece, size_t n, size_t offset)
{
    uint64_t word;
    if (graft_map_find(&e->vocabulary->words, piece, n, &word)) {
        return graft_encoder__push(e, (int32_t)word, offset_of(e, offset + n));
    }
    graft_status status = graft_characters_merge(&e->merger, e->vocabulary, piece, n);
    size_t start = 0;
    for (uint32_t i = 0; status == GRAFT_OK && i != UINT32_MAX;) {
        const graft_symbol *symbol = &e->merger.symbols[i];
        if (symbol->id >= 0) {
            status = graft_encoder__push(e, symbol->id, offset_of(e, offset + symbol->end));
        } else {
            status = push_bytes(e, piece + start, symbol->end - start, offset + start);
        }
        start = symbol->end;
        i = symbol->next;
    }
    return status;
}

static bool is_mark(const char *text, size_t length)
{
    return length == GRAFT_SPACE_MARK_BYTES && memcmp(text, GRAFT_SPACE_MARK, length) == 0;
}

/* The end of the piece that begins text[0..n): nothing merges across it. The runtime cuts at line
 * breaks if it does not go by scores; that no token holds a space behind a certain character makes
 * texts a row of short pieces. */
static size_t end_of_piece(const graft_vocabulary *vocabulary, const char *text, size_t n)
{
    size_t at = length_at(text, n);
    bool was_mark = is_mark(text, at), was_line = *text == '\n', lines = vocabulary->ranks == NULL;
    while (at < n) {
        size_t length = length_at(text + at, n - at);
        bool mark = is_mark(text + at, length);
        if ((mark && !was_mark && !vocabulary->before_space[(unsigned char)text[at - 1]]) ||
            (lines && (text[at] == '\n') != was_line)) {
            break;
        }
        was_mark = mark;
        at += length;
    }
    return at;
}

/* Writes the fragment of n bytes with marks for spaces into e->escaped; returns its length. */
static size_t escape(graft_encoder *e, size_t n, bool prefix)
{
    char *to = e->escaped;
    if (prefix) {
        memcpy(to, GRAFT_SPACE_MARK, GRAFT_SPACE_MARK_BYTES);
        to += GRAFT_SPACE_MARK_BYTES;
    }
    for (size_t i = 0; i < n; i++) {
        if (e->fragment[i] == ' ') {
            memcpy(to, GRAFT_SPACE_MARK, GRAFT_SPACE_MARK_BYTES);
            to += GRAFT_SPACE_MARK_BYTES;
        } else {
            *to++ = e->fragment[i];
        }
    }
    return (size_t)(to - e->escaped);
}

graft_status graft_encoder__characters(graft_encoder *e, size_t start, size_t end)
{
    graft_status status = GRAFT_OK;
    const graft_vocabulary *vocabulary = e->vocabulary;
    size_t n = end - start, most;
    bool prefix = vocabulary->space_prefix && e->after_special;
    e->start = start;
    e->fragment = e->text + start;
    if (vocabulary->ranks == NULL && !graft_utf8_valid(e->fragment, n, NULL)) {
        GRAFT_TRY(graft_sound_make(&e->sound, &e->origins, e->fragment, n));
        e->fragment = e->sound.data;
        n = e->sound.len;
    }
    most = (n + 1) * GRAFT_SPACE_MARK_BYTES;
    GRAFT_TRY(graft_reserve(&e->escaped, &e->escaped_capacity, most, 1));
    n = escape(e, n, prefix);
    e->escaped_at = prefix ? GRAFT_SPACE_MARK_BYTES : 0;
    e->raw_at = 0;
    for (size_t at = 0; at < n;) {
        size_t length = end_of_piece(vocabulary, e->escaped + at, n - at);
        GRAFT_TRY(encode_piece(e, e->escaped + at, length, at));
        at += length;
    }
done:
    graft_free(e->origins);
    e->origins = NULL;
    return status;
}
