#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "tokenizer/bytes.h"
#include "tokenizer/vocabulary_internal.h"

void graft_vocabulary__hash(graft_sha256 *hash, const void *bytes, size_t n)
{
    uint8_t size[8];
    for (unsigned i = 0; i < 8; i++) {
        size[i] = (uint8_t)((uint64_t)n >> (8 * i));
    }
    graft_sha256_update(hash, size, sizeof size);
    graft_sha256_update(hash, bytes, n);
}

static graft_status read_model(graft_vocabulary__reader *reader)
{
    const char *path = graft_gguf_path(reader->file);
    graft_gguf_string model, pre;
    graft_status status =
        graft_gguf_get_string(reader->file, GRAFT_VOCABULARY_KEY("model"), &model);
    if (status != GRAFT_OK) {
        return status;
    }
    graft_text text, known;
    graft_text_init(&text);
    graft_text_init(&known);
    if (model.len != 4 || memcmp(model.data, "gpt2", 4) != 0) {
        GRAFT_TRY(graft_text_append_escaped(&text, model.data, model.len, false));
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: tokenizer model \"%.60s\" (known: gpt2)", path,
                             graft_text_z(&text)));
    }
    GRAFT_TRY(graft_gguf_get_string(reader->file, GRAFT_VOCABULARY_KEY("pre"), &pre));
    reader->vocabulary->pre = graft_pretokenizer_find(pre.data, pre.len);
    if (reader->vocabulary->pre == NULL) {
        for (size_t i = 0; i < graft_n_pretokenizers; i++) {
            const graft_pretokenizer *row = &graft_pretokenizers[i];
            for (size_t k = 0; k < GRAFT_PRETOKENIZER_MAX_NAMES && row->names[k]; k++) {
                GRAFT_TRY(graft_text_appendf(&known, " %s", row->names[k]));
            }
        }
        GRAFT_TRY(graft_text_append_escaped(&text, pre.data, pre.len, false));
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: pre-tokeniser \"%.60s\" (known:%s)", path,
                             graft_text_z(&text), graft_text_z(&known)));
    }
    graft_vocabulary__hash(&reader->hash, pre.data, pre.len);
done:
    graft_text_clear(&text);
    graft_text_clear(&known);
    return status;
}

/* Types of the GGUF specification; another number counts as undefined. */
static uint32_t kind_of_type(int64_t type)
{
    static const uint32_t kinds[] = {0,
                                     GRAFT_TOKEN_NORMAL,
                                     GRAFT_TOKEN_UNKNOWN,
                                     GRAFT_TOKEN_CONTROL,
                                     GRAFT_TOKEN_USER_DEFINED,
                                     GRAFT_TOKEN_UNUSED,
                                     GRAFT_TOKEN_BYTE};
    return type >= 0 && type < 7 ? kinds[type] : 0;
}

static graft_status read_tokens(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    const char *path = graft_gguf_path(reader->file);
    GRAFT_TRY(graft_gguf_array_strings(reader->file, GRAFT_VOCABULARY_KEY("tokens"), &reader->texts,
                                       &reader->n_texts));
    if (reader->n_texts == 0 || reader->n_texts > INT32_MAX) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: %zu tokens", path, reader->n_texts));
    }
    if (graft_gguf_find(reader->file, GRAFT_VOCABULARY_KEY("token_type")) != NULL) {
        GRAFT_TRY(graft_gguf_array_i64(reader->file, GRAFT_VOCABULARY_KEY("token_type"),
                                       &reader->types, &reader->n_types));
        if (reader->n_types != reader->n_texts) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: %zu tokens but %zu token types", path,
                                 reader->n_texts, reader->n_types));
        }
    }
    vocabulary->n = reader->n_texts;
    GRAFT_TRY(graft_alloc(&vocabulary->tokens, vocabulary->n, sizeof *vocabulary->tokens));
    GRAFT_TRY(graft_map_reserve(&reader->by_text, vocabulary->n));
    for (size_t i = 0; i < vocabulary->n; i++) {
        const graft_gguf_string *text = &reader->texts[i];
        bool was_present = false;
        vocabulary->tokens[i].kind =
            reader->types != NULL ? kind_of_type(reader->types[i]) : GRAFT_TOKEN_NORMAL;
        graft_vocabulary__hash(&reader->hash, text->data, text->len);
        graft_vocabulary__hash(&reader->hash, &(uint8_t){(uint8_t)vocabulary->tokens[i].kind}, 1);
        if (text->len == 0) {
            continue; /* some converters leave holes; such a token is never produced */
        }
        if (text->len > INT32_MAX) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: token %zu is %zu bytes long", path, i,
                                 text->len));
        }
        GRAFT_TRY(graft_map_set(&reader->by_text, text->data, text->len, i, &was_present));
        if (was_present) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: token %zu has the same text as another",
                                 path, i));
        }
    }
done:
    return status;
}

int32_t graft_vocabulary__find(const graft_vocabulary__reader *reader, const char *text, size_t n)
{
    uint64_t id;
    return graft_map_find(&reader->by_text, text, n, &id) ? (int32_t)id : -1;
}

static graft_status read_merges(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    const char *path = graft_gguf_path(reader->file);
    graft_text joined;
    graft_text_init(&joined);
    GRAFT_TRY(graft_gguf_array_strings(reader->file, GRAFT_VOCABULARY_KEY("merges"), &reader->rules,
                                       &reader->n_rules));
    if (reader->n_rules >= UINT32_MAX) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: %zu merges", path, reader->n_rules));
    }
    GRAFT_TRY(graft_merges_init(&vocabulary->merges, reader->n_rules));
    for (size_t i = 0; i < reader->n_rules; i++) {
        const graft_gguf_string *rule = &reader->rules[i];
        /* a space inside the first token cannot be, but the first character may be one */
        const char *space = rule->len > 1 ? memchr(rule->data + 1, ' ', rule->len - 1) : NULL;
        if (space == NULL) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: merge %zu is not two tokens", path, i));
        }
        size_t n_left = (size_t)(space - rule->data), n_right = rule->len - n_left - 1;
        joined.len = 0;
        GRAFT_TRY(graft_text_append(&joined, rule->data, n_left));
        GRAFT_TRY(graft_text_append(&joined, space + 1, n_right));
        graft_merge merge = {.left = graft_vocabulary__find(reader, rule->data, n_left),
                             .right = graft_vocabulary__find(reader, space + 1, n_right),
                             .id = graft_vocabulary__find(reader, joined.data, joined.len),
                             .rank = (uint32_t)i};
        if (merge.left < 0 || merge.right < 0 || merge.id < 0) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: merge %zu: its %s is not a token", path, i,
                                 merge.left < 0    ? "first part"
                                 : merge.right < 0 ? "second part"
                                                   : "result"));
        }
        graft_merges_add(&vocabulary->merges, merge);
        graft_vocabulary__hash(&reader->hash, rule->data, rule->len);
    }
done:
    graft_text_clear(&joined);
    return status;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* Writes the bytes that a token stands for (at most the length of its text) and returns how many.
 */
static size_t write_piece(char *out, const graft_gguf_string *text, uint32_t kind)
{
    const uint32_t verbatim = GRAFT_TOKEN_CONTROL | GRAFT_TOKEN_USER_DEFINED | GRAFT_TOKEN_UNKNOWN;
    size_t n;
    if (!(kind & verbatim)) {
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
        const graft_gguf_string *text = &reader->texts[i];
        graft_vocabulary_token *token = &vocabulary->tokens[i];
        token->piece = next;
        token->n = (uint32_t)write_piece(next, text, token->kind);
        next[token->n] = '\0';
        next += token->n + 1;
        size_t n;
        if (text->len != 0 && graft_byte_unspell(text->data, text->len, next, &n)) {
            reader->words[i] = (graft_gguf_string){token->piece, n};
            if (n != token->n || memcmp(next, token->piece, n) != 0) {
                reader->words[i].data = next;
                next += n;
            }
        }
    }
done:
    return status;
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
        char spelled[4];
        size_t n = graft_byte_spell((uint8_t)byte, spelled);
        vocabulary->byte_ids[byte] = graft_vocabulary__find(reader, spelled, n);
    }
    GRAFT_TRY(graft_map_reserve(&vocabulary->words, vocabulary->n));
    for (size_t i = 0; i < vocabulary->n; i++) {
        const graft_gguf_string *word = &reader->words[i];
        if (word->data == NULL) {
            continue;
        }
        if (!vocabulary->pre->ignore_merges) {
            GRAFT_TRY(graft_merger_run(&merger, &vocabulary->merges, vocabulary->byte_ids,
                                       word->data, word->len));
            if (merger.symbols[0].end != word->len || merger.symbols[0].id != (int32_t)i) {
                continue;
            }
        }
        GRAFT_TRY(graft_map_set(&vocabulary->words, word->data, word->len, i, NULL));
    }
done:
    graft_merger_clear(&merger);
    return status;
}

graft_status graft_vocabulary_read(graft_vocabulary *vocabulary, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary__reader reader = {.vocabulary = vocabulary, .file = file};
    uint8_t digest[32];
    *vocabulary = (graft_vocabulary){0};
    graft_map_init(&reader.by_text);
    graft_sha256_init(&reader.hash);
    GRAFT_TRY(read_model(&reader));
    GRAFT_TRY(read_tokens(&reader));
    GRAFT_TRY(read_merges(&reader));
    GRAFT_TRY(graft_vocabulary__read_special(&reader));
    GRAFT_TRY(write_pieces(&reader));
    GRAFT_TRY(graft_vocabulary__mark_stripping(&reader));
    GRAFT_TRY(find_words(&reader));
    graft_sha256_final(&reader.hash, digest);
    graft_sha256_hex(digest, vocabulary->hash);
done:
    graft_map_clear(&reader.by_text);
    graft_free(reader.texts);
    graft_free(reader.rules);
    graft_free(reader.words);
    graft_free(reader.types);
    if (status != GRAFT_OK) {
        graft_vocabulary_clear(vocabulary);
    }
    return status;
}

void graft_vocabulary_clear(graft_vocabulary *vocabulary)
{
    graft_free(vocabulary->tokens);
    graft_free(vocabulary->bytes);
    graft_map_clear(&vocabulary->words);
    graft_merges_clear(&vocabulary->merges);
    *vocabulary = (graft_vocabulary){0};
}
