#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
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

/* Chooses the row of the vocabulary's kind. */
static graft_status read_model(graft_vocabulary__reader *reader)
{
    graft_gguf_string name;
    graft_text text, known;
    graft_text_init(&text);
    graft_text_init(&known);
    graft_status status =
        graft_gguf_get_string(reader->file, GRAFT_VOCABULARY_KEY("model"), &name);
    GRAFT_TRY(status);
    reader->vocabulary->model = graft_vocabulary_model_find(name.data, name.len);
    if (reader->vocabulary->model == NULL) {
        GRAFT_TRY(graft_vocabulary_models_list(&known));
        GRAFT_TRY(graft_text_append_escaped(&text, name.data, name.len, false));
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: tokenizer model \"%.60s\" (known:%s)",
                             graft_gguf_path(reader->file), graft_text_z(&text),
                             graft_text_z(&known)));
    }
done:
    graft_text_clear(&text);
    graft_text_clear(&known);
    return status;
}

/* Chooses the pre-tokeniser: the one asked for, the model's, the file's, or what the runtime takes
 * if the file names none. */
static graft_status choose_pre(graft_vocabulary__reader *reader, const char *asked)
{
    graft_status status = GRAFT_OK;
    const char *path = graft_gguf_path(reader->file);
    graft_vocabulary *vocabulary = reader->vocabulary;
    const char *given = asked != NULL ? asked : vocabulary->model->pre;
    graft_gguf_string name = {given, given != NULL ? strlen(given) : 0};
    graft_text text, known;
    graft_text_init(&text);
    graft_text_init(&known);
    if (given == NULL) {
        GRAFT_TRY(graft_gguf_want_string(reader->file, GRAFT_VOCABULARY_KEY("pre"), &name));
    }
    if (name.len == 0) {
        name = (graft_gguf_string){"default", 7};
        graft_log(GRAFT_LOG_WARN,
                  "%s: names no pre-tokeniser; taken is \"default\", as the runtime does, which is "
                  "hardly what the model was trained with (tokenizer_pre names another)", path);
    }
    vocabulary->pre = graft_pretokenizer_find(name.data, name.len);
    if (vocabulary->pre == NULL) {
        GRAFT_TRY(graft_pretokenizers_list(&known));
        GRAFT_TRY(graft_text_append_escaped(&text, name.data, name.len, false));
        GRAFT_TRY(graft_fail(asked != NULL ? GRAFT_E_CONFIG : GRAFT_E_MODEL,
                             "%s: pre-tokeniser \"%.60s\" (known:%s)", path,
                             graft_text_z(&text), graft_text_z(&known)));
    }
    vocabulary->characters = vocabulary->pre->characters;
    graft_vocabulary__hash(&reader->hash, name.data, name.len);
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

/* Some converters leave holes; the runtime gives them a text. */
static graft_status name_empty(graft_vocabulary__reader *reader, size_t i, size_t k)
{
    graft_text text;
    graft_text_init(&text);
    graft_status status = graft_text_appendf(&text, "[EMPTY_%zu]", i);
    if (status == GRAFT_OK) {
        reader->texts[i] = (graft_gguf_string){text.data, text.len};
        reader->names[k] = text.data;
        reader->n_names = k + 1;
    }
    return status;
}

static graft_status read_tokens(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    const char *path = graft_gguf_path(reader->file);
    size_t n_empty = 0, n_named = 0;
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
    for (size_t i = 0; i < vocabulary->n; i++) {
        n_empty += reader->texts[i].len == 0;
    }
    GRAFT_TRY(graft_alloc(&reader->names, n_empty, sizeof *reader->names));
    GRAFT_TRY(graft_alloc(&vocabulary->tokens, vocabulary->n, sizeof *vocabulary->tokens));
    GRAFT_TRY(graft_map_reserve(&reader->by_text, vocabulary->n));
    for (size_t i = 0; i < vocabulary->n; i++) {
        graft_gguf_string *text = &reader->texts[i];
        bool was_present = false;
        vocabulary->tokens[i].kind =
            reader->types != NULL ? kind_of_type(reader->types[i]) : GRAFT_TOKEN_NORMAL;
        graft_vocabulary__hash(&reader->hash, text->data, text->len);
        graft_vocabulary__hash(&reader->hash, &(uint8_t){(uint8_t)vocabulary->tokens[i].kind}, 1);
        if (text->len == 0) {
            GRAFT_TRY(name_empty(reader, i, n_named++));
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
    if (vocabulary->pre->no_merges &&
        graft_gguf_find(reader->file, GRAFT_VOCABULARY_KEY("merges")) == NULL) {
        return graft_merges_init(&vocabulary->merges, 0);
    }
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

graft_status graft_vocabulary_read(graft_vocabulary *vocabulary, const graft_gguf *file,
                                   const char *pre)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary__reader reader = {.vocabulary = vocabulary, .file = file};
    uint8_t digest[32];
    *vocabulary = (graft_vocabulary){0};
    graft_map_init(&reader.by_text);
    graft_sha256_init(&reader.hash);
    GRAFT_TRY(read_model(&reader));
    if (vocabulary->model->scored) {
        if (pre != NULL) {
            GRAFT_TRY(graft_fail(GRAFT_E_CONFIG,
                                 "%s: tokenizer model \"%s\" has no pre-tokeniser, so \"%.60s\" "
                                 "cannot be it", graft_gguf_path(file),
                                 vocabulary->model->name, pre));
        }
        vocabulary->characters = true;
        GRAFT_TRY(read_tokens(&reader));
        GRAFT_TRY(graft_vocabulary__read_scores(&reader));
    } else {
        GRAFT_TRY(choose_pre(&reader, pre));
        GRAFT_TRY(read_tokens(&reader));
        GRAFT_TRY(read_merges(&reader));
    }
    GRAFT_TRY(graft_vocabulary__read_special(&reader));
    GRAFT_TRY(graft_vocabulary__make_pieces(&reader));
    GRAFT_TRY(graft_vocabulary__mark_stripping(&reader));
    graft_sha256_final(&reader.hash, digest);
    graft_sha256_hex(digest, vocabulary->hash);
done:
    for (size_t i = 0; i < reader.n_names; i++) {
        graft_free(reader.names[i]);
    }
    graft_free(reader.names);
    graft_map_clear(&reader.by_text);
    graft_free(reader.texts);
    graft_free(reader.rules);
    graft_free(reader.words);
    graft_free(reader.types);
    graft_free(reader.scores);
    if (status != GRAFT_OK) {
        graft_vocabulary_clear(vocabulary);
    }
    return status;
}

void graft_vocabulary_clear(graft_vocabulary *vocabulary)
{
    graft_free(vocabulary->tokens);
    graft_free(vocabulary->bytes);
    graft_free(vocabulary->ranks);
    graft_map_clear(&vocabulary->words);
    graft_map_clear(&vocabulary->texts);
    graft_merges_clear(&vocabulary->merges);
    *vocabulary = (graft_vocabulary){0};
}
