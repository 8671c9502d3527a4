/* pieces.c - what the tokens of a vocabulary stand for, and which of them text becomes at once. */
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "tokenizer/bytes.h"
#include "tokenizer/characters.h"
#include "tokenizer/vocabulary_internal.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* Copies text with spaces where it has marks; returns the length. */
static size_t unmark(char *out, const graft_gguf_string *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->len; n++) {
        bool mark = text->len - i >= GRAFT_SPACE_MARK_BYTES &&
                    memcmp(text->data + i, GRAFT_SPACE_MARK, GRAFT_SPACE_MARK_BYTES) == 0;
        out[n] = mark ? ' ' : text->data[i];
        i += mark ? GRAFT_SPACE_MARK_BYTES : 1;
    }
    return n;
}

/* Writes the bytes that a token stands for (at most the length of its text) and returns how many.
 */
static size_t write_piece(char *out, const graft_gguf_string *text, uint32_t kind, bool characters)
{
    const uint32_t verbatim = GRAFT_TOKEN_CONTROL | GRAFT_TOKEN_USER_DEFINED | GRAFT_TOKEN_UNKNOWN;
    size_t n;
    if (!(kind & verbatim)) {
        if ((kind & GRAFT_TOKEN_NORMAL) && characters) {
            return unmark(out, text);
        }
        if ((kind & GRAFT_TOKEN_NORMAL) && graft_byte_unspell(text->data, text->len, out, &n)) {
            return n;
        }
        if ((kind & GRAFT_TOKEN_BYTE) && text->len == 6 && memcmp(text->data, "<0x", 3) == 0 &&
            hex_digit(text->data[3]) >= 0 && hex_digit(text->data[4]) >= 0) {
            out[0] = (char)(hex_digit(text->data[3]) * 16 + hex_digit(text->data[4]));
            return 1;
        }
        if (!(kind & (GRAFT_TOKEN_NORMAL | GRAFT_TOKEN_BYTE))) {
            return 0; /* unused */
        }
    }
    memcpy(out, text->data, text->len);
    return text->len;
}

/* Notes what stands before the marks of a token's text. */
static void note_spaces(graft_vocabulary *vocabulary, const char *text, size_t n)
{
    bool was_mark = false;
    for (size_t i = 0; i < n;) {
        bool mark = n - i >= GRAFT_SPACE_MARK_BYTES &&
                    memcmp(text + i, GRAFT_SPACE_MARK, GRAFT_SPACE_MARK_BYTES) == 0;
        if (mark && !was_mark && i > 0) {
            vocabulary->before_space[(unsigned char)text[i - 1]] = true;
        }
        was_mark = mark;
        i += mark ? GRAFT_SPACE_MARK_BYTES : 1;
    }
}

/* Writes behind a piece the word that its text spells, where that differs; returns its bytes. */
static size_t write_word(const graft_vocabulary__reader *reader, size_t i, char *next)
{
    const graft_gguf_string *text = &reader->texts[i];
    const graft_vocabulary_token *token = &reader->vocabulary->tokens[i];
    size_t n = text->len;
    if (reader->vocabulary->characters) {
        memcpy(next, text->data, n);
    } else if (!graft_byte_unspell(text->data, text->len, next, &n)) {
        return 0;
    }
    bool same = n == token->n && memcmp(next, token->piece, n) == 0;
    reader->words[i] = (graft_gguf_string){same ? token->piece : next, n};
    return same ? 0 : n;
}

/* Lays out the pieces, and behind a piece the word it is the text of where that differs. */
static graft_status write_pieces(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    size_t total = 0;
    for (size_t i = 0; i < vocabulary->n; i++) {
        if (!graft_size_add(total, 2 * reader->texts[i].len + 1, &total)) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: the tokens are too long",
                                 graft_gguf_path(reader->file)));
        }
    }
    GRAFT_TRY(graft_alloc(&vocabulary->bytes, total, 1));
    GRAFT_TRY(graft_alloc(&reader->words, vocabulary->n, sizeof *reader->words));
    char *next = vocabulary->bytes;
    for (size_t i = 0; i < vocabulary->n; i++) {
        graft_vocabulary_token *token = &vocabulary->tokens[i];
        token->piece = next;
        token->n = (uint32_t)write_piece(next, &reader->texts[i], token->kind,
                                         vocabulary->characters);
        next[token->n] = '\0';
        next += token->n + 1;
        next += write_word(reader, i, next);
    }
done:
    return status;
}

static graft_status map_texts(const graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    GRAFT_TRY(graft_map_reserve(&vocabulary->texts, vocabulary->n));
    for (size_t i = 0; i < vocabulary->n; i++) {
        const graft_gguf_string *text = &reader->words[i];
        GRAFT_TRY(graft_map_set(&vocabulary->texts, text->data, text->len, i, NULL));
        vocabulary->longest = text->len > vocabulary->longest ? text->len : vocabulary->longest;
        note_spaces(vocabulary, text->data, text->len);
    }
done:
    return status;
}

/* The token of a byte that is in no other: its spelling, or <0xXX>, or what it is itself. */
static int32_t byte_token(const graft_vocabulary__reader *reader, uint8_t byte)
{
    static const char hex[] = "0123456789ABCDEF";
    const char name[6] = {'<', '0', 'x', hex[byte >> 4], hex[byte & 15], '>'};
    char spelled[4];
    if (!reader->vocabulary->characters) {
        return graft_vocabulary__find(reader, spelled, graft_byte_spell(byte, spelled));
    }
    int32_t id = graft_vocabulary__find(reader, name, sizeof name);
    return id < 0 && reader->vocabulary->ranks != NULL
               ? graft_vocabulary__find(reader, (const char *)&byte, 1) : id;
}

static bool is_lines(const graft_gguf_string *word)
{
    size_t n = 0;
    while (n < word->len && word->data[n] == '\n') {
        n++;
    }
    return n == word->len;
}

/* Does the word become token i? */
static graft_status becomes(bool *out, const graft_vocabulary__reader *reader,
                            graft_merger *merger, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_vocabulary *vocabulary = reader->vocabulary;
    const graft_gguf_string *word = &reader->words[i];
    bool control = (vocabulary->tokens[i].kind & GRAFT_TOKEN_CONTROL) != 0;
    *out = !control && vocabulary->pre != NULL &&
           (vocabulary->pre->ignore_merges || (vocabulary->pre->whole_lines && is_lines(word)));
    if (*out || control) {
        return GRAFT_OK;
    }
    status = vocabulary->characters
                 ? graft_characters_merge(merger, vocabulary, word->data, word->len)
                 : graft_merger_run(merger, &vocabulary->merges, vocabulary->byte_ids, word->data,
                                    word->len);
    *out = status == GRAFT_OK && merger->symbols[0].end == word->len &&
           merger->symbols[0].id == (int32_t)i;
    return status;
}

/* Control tokens come from templates only (tokenizer/specials.h), never from bytes or characters that
 * happen to spell one. The runtime, asked not to parse special tokens, would merge them. */
static void forbid_control(graft_vocabulary *vocabulary)
{
    for (size_t i = 0; i < vocabulary->merges.capacity; i++) {
        graft_merge *rule = &vocabulary->merges.table[i];
        if (rule->left >= 0 && (vocabulary->tokens[rule->id].kind & GRAFT_TOKEN_CONTROL) != 0) {
            rule->id = -1;
        }
    }
}

/* Finds the tokens that a word can become as a whole. Merging is a function of the word alone, so
 * trying each token once saves merging it ever again. */
static graft_status find_words(const graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    graft_merger merger;
    graft_merger_init(&merger);
    for (unsigned byte = 0; byte < 256; byte++) {
        vocabulary->byte_ids[byte] = byte_token(reader, (uint8_t)byte);
    }
    GRAFT_TRY(graft_map_reserve(&vocabulary->words, vocabulary->n));
    for (size_t i = 0; i < vocabulary->n; i++) {
        const graft_gguf_string *word = &reader->words[i];
        bool whole = false;
        if (word->data == NULL) {
            continue;
        }
        GRAFT_TRY(becomes(&whole, reader, &merger, i));
        if (whole) {
            GRAFT_TRY(graft_map_set(&vocabulary->words, word->data, word->len, i, NULL));
        }
    }
done:
    graft_merger_clear(&merger);
    return status;
}

graft_status graft_vocabulary__make_pieces(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(write_pieces(reader));
    if (reader->vocabulary->characters) {
        GRAFT_TRY(map_texts(reader));
    }
    forbid_control(reader->vocabulary);
    GRAFT_TRY(find_words(reader));
done:
    return status;
}
