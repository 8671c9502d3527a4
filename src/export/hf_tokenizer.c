/* export/hf_tokenizer.c - tokenizer.json from a GGUF vocabulary.
 *
 * Byte-level BPE becomes what it was made from: vocabulary, merges, the pre-tokeniser's published
 * definition. A SentencePiece vocabulary becomes BPE with byte fallback: every pair that gives a
 * piece is a merge, in the order of the pieces' scores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "export/hf.h"
#include "io/files.h"
#include "tokenizer/definitions.h"

/* Values of tokenizer.ggml.token_type. */
enum { TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4 };

static const char space[] = "\xe2\x96\x81"; /* U+2581 stands for a space in pieces */

typedef struct tokens {
    const graft_vocabulary *vocabulary;
    const graft_gguf *file;
    graft_gguf_string *pieces;
    int64_t *types;
    double *scores; /* NULL: none */
    size_t n;
    bool sentencepiece;
} tokens;

static graft_status set_text(graft_json *o, const char *key, const char *text)
{
    return graft_json_set_string(o, key, text);
}

static graft_status set_piece(graft_json *o, const char *key, graft_gguf_string piece)
{
    return graft_json_set(o, key, graft_json_new_string(piece.data, piece.len));
}

/* {"type": type}, to be filled further; one reference. */
static graft_status step(graft_json **out, const char *type)
{
    *out = graft_json_new_object();
    return set_text(*out, "type", type);
}

/* Appends a step to a list; it is taken. */
static graft_status push(graft_json *list, graft_json **value)
{
    graft_json *taken = *value;
    *value = NULL;
    return graft_json_push(list, taken);
}

/* {"type": "Sequence", key: list} under `name`. */
static graft_status set_sequence(graft_json *o, const char *name, const char *key, graft_json *list)
{
    graft_status status = GRAFT_OK;
    graft_json *sequence = NULL;
    GRAFT_TRY(step(&sequence, "Sequence"));
    GRAFT_TRY(graft_json_set(sequence, key, graft_json_retain(list)));
    GRAFT_TRY(graft_json_set(o, name, graft_json_retain(sequence)));
done:
    graft_json_free(sequence);
    return status;
}

/* --- reading --- */

static graft_status read_tokens(tokens *t)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    const graft_pretokenizer *pre = t->vocabulary->pre;
    t->sentencepiece = t->vocabulary->ranks != NULL;
    GRAFT_TRY(graft_gguf_array_strings(t->file, "tokenizer.ggml.tokens", &t->pieces, &t->n));
    GRAFT_TRY(graft_gguf_array_i64(t->file, "tokenizer.ggml.token_type", &t->types, &n));
    if (n != t->n) {
        return graft_fail(GRAFT_E_MODEL, "%zu tokens, but %zu types", t->n, n);
    }
    for (size_t i = 0; i < t->n; i++) {
        if (!graft_utf8_valid(t->pieces[i].data, t->pieces[i].len, NULL)) {
            return graft_fail(GRAFT_E_FAILED, "token %zu is not UTF-8, so tokenizer.json cannot hold "
                              "it", i);
        }
    }
    if (t->sentencepiece) {
        GRAFT_TRY(graft_gguf_array_f64(t->file, "tokenizer.ggml.scores", &t->scores, &n));
        if (n != t->n) {
            return graft_fail(GRAFT_E_MODEL, "%zu tokens, but %zu scores", t->n, n);
        }
    } else if (pre == NULL || pre->characters || graft_pre_definition_of(pre) == NULL) {
        return graft_fail(GRAFT_E_FAILED, "the pre-tokeniser %s has no definition that tokenizer.json "
                          "could hold", pre == NULL ? "of this model" : pre->names[0]);
    }
done:
    return status;
}

static void clear_tokens(tokens *t)
{
    graft_free(t->pieces);
    graft_free(t->types);
    graft_free(t->scores);
}

/* --- vocabulary and merges --- */

static graft_status add_vocabulary(const tokens *t, graft_json *model)
{
    graft_status status = GRAFT_OK;
    graft_json *all = graft_json_new_object();
    char *key = NULL;
    for (size_t i = 0; i < t->n; i++) {
        GRAFT_TRY(graft_strndup(&key, t->pieces[i].data, t->pieces[i].len));
        if (strlen(key) != t->pieces[i].len || graft_json_has(all, key)) {
            status = graft_fail(GRAFT_E_FAILED, "token %zu is there twice or holds a zero byte, so "
                                "tokenizer.json cannot hold it", i);
            goto done;
        }
        GRAFT_TRY(graft_json_set_int(all, key, (int64_t)i));
        graft_free(key);
        key = NULL;
    }
    GRAFT_TRY(graft_json_set(model, "vocab", graft_json_retain(all)));
done:
    graft_free(key);
    graft_json_free(all);
    return status;
}

static graft_status push_merge(graft_json *merges, const char *a, size_t n_a, const char *b,
                               size_t n_b)
{
    graft_status status = GRAFT_OK;
    graft_json *pair = graft_json_new_array();
    GRAFT_TRY(graft_json_push(pair, graft_json_new_string(a, n_a)));
    GRAFT_TRY(graft_json_push(pair, graft_json_new_string(b, n_b)));
    GRAFT_TRY(push(merges, &pair));
done:
    graft_json_free(pair);
    return status;
}

/* "a b" of the file; a piece may be a space itself, as the runtime reads it. */
static graft_status copy_merges(const tokens *t, graft_json *merges)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string *lines = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_gguf_array_strings(t->file, "tokenizer.ggml.merges", &lines, &n));
    for (size_t i = 0; i < n; i++) {
        const char *gap = lines[i].len > 1 ? memchr(lines[i].data + 1, ' ', lines[i].len - 1) : NULL;
        if (gap == NULL) {
            status = graft_fail(GRAFT_E_MODEL, "merge %zu is not two pieces", i);
            goto done;
        }
        size_t n_a = (size_t)(gap - lines[i].data);
        GRAFT_TRY(push_merge(merges, lines[i].data, n_a, gap + 1, lines[i].len - n_a - 1));
    }
done:
    graft_free(lines);
    return status;
}

typedef struct pair {
    uint32_t whole, cut; /* the token, and where it is cut */
    uint32_t left, right;
    double score;
} pair;

static int best_first(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    if (x->whole != y->whole) {
        return x->whole < y->whole ? -1 : 1;
    }
    if (x->left != y->left) {
        return x->left < y->left ? -1 : 1;
    }
    return x->right < y->right ? -1 : x->right > y->right;
}

static bool merges_into(const tokens *t, size_t i)
{
    return (t->types[i] == 1 || t->types[i] == TYPE_USER_DEFINED) && t->pieces[i].len > 1;
}

static graft_status find_pairs(const tokens *t, pair **out, size_t *n)
{
    graft_status status = GRAFT_OK;
    graft_map index;
    size_t capacity = 0;
    graft_map_init(&index);
    for (size_t i = 0; i < t->n; i++) {
        GRAFT_TRY(graft_map_set(&index, t->pieces[i].data, t->pieces[i].len, i, NULL));
    }
    for (size_t i = 0; i < t->n; i++) {
        graft_gguf_string whole = t->pieces[i];
        for (size_t cut = 1; merges_into(t, i) && cut < whole.len; cut++) {
            uint64_t left, right;
            if (((unsigned char)whole.data[cut] & 0xc0u) == 0x80u || /* within a character */
                !graft_map_find(&index, whole.data, cut, &left) ||
                !graft_map_find(&index, whole.data + cut, whole.len - cut, &right)) {
                continue;
            }
            GRAFT_TRY(graft_reserve(out, &capacity, *n + 1, sizeof **out));
            (*out)[(*n)++] = (pair){(uint32_t)i, (uint32_t)cut, (uint32_t)left, (uint32_t)right,
                                    t->scores[i]};
        }
    }
done:
    graft_map_clear(&index);
    return status;
}

static graft_status make_merges(const tokens *t, graft_json *merges)
{
    graft_status status = GRAFT_OK;
    pair *pairs = NULL;
    size_t n = 0;
    GRAFT_TRY(find_pairs(t, &pairs, &n));
    if (n > 0) {
        qsort(pairs, n, sizeof *pairs, best_first);
    }
    for (size_t i = 0; i < n; i++) {
        graft_gguf_string whole = t->pieces[pairs[i].whole];
        GRAFT_TRY(push_merge(merges, whole.data, pairs[i].cut, whole.data + pairs[i].cut,
                             whole.len - pairs[i].cut));
    }
done:
    graft_free(pairs);
    return status;
}

static graft_status add_model(const tokens *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    graft_json *model = NULL, *merges = graft_json_new_array();
    GRAFT_TRY(step(&model, "BPE"));
    GRAFT_TRY(graft_json_set(model, "dropout", NULL));
    GRAFT_TRY(graft_json_set(model, "unk_token", NULL));
    for (size_t i = 0; i < t->n && t->sentencepiece; i++) {
        if (t->types[i] == TYPE_UNKNOWN) {
            GRAFT_TRY(set_piece(model, "unk_token", t->pieces[i]));
            break;
        }
    }
    GRAFT_TRY(graft_json_set(model, "continuing_subword_prefix", NULL));
    GRAFT_TRY(graft_json_set(model, "end_of_word_suffix", NULL));
    GRAFT_TRY(graft_json_set_bool(model, "fuse_unk", t->sentencepiece));
    GRAFT_TRY(graft_json_set_bool(model, "byte_fallback", t->sentencepiece));
    GRAFT_TRY(graft_json_set_bool(model, "ignore_merges", !t->sentencepiece &&
                                                              t->vocabulary->pre->ignore_merges));
    GRAFT_TRY(add_vocabulary(t, model));
    GRAFT_TRY(t->sentencepiece ? make_merges(t, merges) : copy_merges(t, merges));
    GRAFT_TRY(graft_json_set(model, "merges", graft_json_retain(merges)));
    GRAFT_TRY(graft_json_set(o, "model", graft_json_retain(model)));
done:
    graft_json_free(merges);
    graft_json_free(model);
    return status;
}

/* --- tokens that are found before anything else --- */

static graft_status add_added(const tokens *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    graft_json *all = graft_json_new_array(), *one = NULL;
    for (size_t i = 0; i < t->n; i++) {
        bool special = t->types[i] == TYPE_CONTROL || t->types[i] == TYPE_UNKNOWN;
        if (!special && t->types[i] != TYPE_USER_DEFINED) {
            continue;
        }
        one = graft_json_new_object();
        GRAFT_TRY(graft_json_set_int(one, "id", (int64_t)i));
        GRAFT_TRY(set_piece(one, "content", t->pieces[i]));
        GRAFT_TRY(graft_json_set_bool(one, "single_word", false));
        uint32_t kind = t->vocabulary->tokens[i].kind;
        GRAFT_TRY(graft_json_set_bool(one, "lstrip", (kind & GRAFT_TOKEN_LSTRIP) != 0));
        GRAFT_TRY(graft_json_set_bool(one, "rstrip", (kind & GRAFT_TOKEN_RSTRIP) != 0));
        GRAFT_TRY(graft_json_set_bool(one, "normalized", false));
        GRAFT_TRY(graft_json_set_bool(one, "special", special));
        GRAFT_TRY(push(all, &one));
    }
    GRAFT_TRY(graft_json_set(o, "added_tokens", graft_json_retain(all)));
done:
    graft_json_free(one);
    graft_json_free(all);
    return status;
}

/* --- steps --- */

static graft_status add_byte_level(const tokens *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    const graft_pre_definition *d = graft_pre_definition_of(t->vocabulary->pre);
    graft_json *list = graft_json_new_array(), *one = NULL, *pattern = NULL, *bytes = NULL;
    for (size_t i = 0; i < 2 && d->patterns[i] != NULL; i++) {
        graft_json_free(pattern);
        pattern = graft_json_new_object();
        GRAFT_TRY(step(&one, "Split"));
        GRAFT_TRY(set_text(pattern, "Regex", d->patterns[i]));
        GRAFT_TRY(graft_json_set(one, "pattern", graft_json_retain(pattern)));
        GRAFT_TRY(set_text(one, "behavior", "Isolated"));
        GRAFT_TRY(graft_json_set_bool(one, "invert", false));
        GRAFT_TRY(push(list, &one));
    }
    GRAFT_TRY(step(&bytes, "ByteLevel"));
    GRAFT_TRY(graft_json_set_bool(bytes, "add_prefix_space", false));
    GRAFT_TRY(graft_json_set_bool(bytes, "trim_offsets", true));
    GRAFT_TRY(graft_json_set_bool(bytes, "use_regex", false));
    GRAFT_TRY(graft_json_push(list, graft_json_retain(bytes)));
    GRAFT_TRY(graft_json_set(o, "normalizer", NULL));
    GRAFT_TRY(set_sequence(o, "pre_tokenizer", "pretokenizers", list));
    GRAFT_TRY(graft_json_set(o, "decoder", graft_json_retain(bytes)));
done:
    graft_json_free(bytes);
    graft_json_free(pattern);
    graft_json_free(one);
    graft_json_free(list);
    return status;
}

static graft_status push_replace(graft_json *list, const char *from, const char *to)
{
    graft_status status = GRAFT_OK;
    graft_json *one = NULL, *pattern = graft_json_new_object();
    GRAFT_TRY(step(&one, "Replace"));
    GRAFT_TRY(set_text(pattern, "String", from));
    GRAFT_TRY(graft_json_set(one, "pattern", graft_json_retain(pattern)));
    GRAFT_TRY(set_text(one, "content", to));
    GRAFT_TRY(push(list, &one));
done:
    graft_json_free(pattern);
    graft_json_free(one);
    return status;
}

static graft_status push_plain(graft_json *list, const char *type)
{
    graft_json *one = NULL;
    graft_status status = step(&one, type);
    status = status == GRAFT_OK ? push(list, &one) : status;
    graft_json_free(one);
    return status;
}

static graft_status add_sentencepiece(const tokens *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    bool prefix = t->vocabulary->space_prefix;
    graft_json *before = graft_json_new_array(), *behind = graft_json_new_array(), *one = NULL;
    if (prefix) {
        GRAFT_TRY(step(&one, "Prepend"));
        GRAFT_TRY(set_text(one, "prepend", space));
        GRAFT_TRY(push(before, &one));
    }
    GRAFT_TRY(push_replace(before, " ", space));
    GRAFT_TRY(push_replace(behind, space, " "));
    GRAFT_TRY(push_plain(behind, "ByteFallback"));
    GRAFT_TRY(push_plain(behind, "Fuse"));
    if (prefix) {
        GRAFT_TRY(step(&one, "Strip"));
        GRAFT_TRY(set_text(one, "content", " "));
        GRAFT_TRY(graft_json_set_int(one, "start", 1));
        GRAFT_TRY(graft_json_set_int(one, "stop", 0));
        GRAFT_TRY(push(behind, &one));
    }
    GRAFT_TRY(set_sequence(o, "normalizer", "normalizers", before));
    GRAFT_TRY(graft_json_set(o, "pre_tokenizer", NULL));
    GRAFT_TRY(set_sequence(o, "decoder", "decoders", behind));
done:
    graft_json_free(one);
    graft_json_free(before);
    graft_json_free(behind);
    return status;
}

/* {"SpecialToken": {"id": BOS, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, ... */
static graft_status push_place(graft_json *list, const char *kind, graft_gguf_string id, int type)
{
    graft_status status = GRAFT_OK;
    graft_json *one = graft_json_new_object(), *inner = graft_json_new_object();
    GRAFT_TRY(set_piece(inner, "id", id));
    GRAFT_TRY(graft_json_set_int(inner, "type_id", type));
    GRAFT_TRY(graft_json_set(one, kind, graft_json_retain(inner)));
    GRAFT_TRY(push(list, &one));
done:
    graft_json_free(inner);
    graft_json_free(one);
    return status;
}

static graft_status name_special(const tokens *t, graft_json *all, int32_t id)
{
    graft_status status = GRAFT_OK;
    graft_json *one = graft_json_new_object(), *ids = graft_json_new_array();
    graft_json *texts = graft_json_new_array();
    graft_gguf_string piece = t->pieces[id];
    char *key = NULL;
    GRAFT_TRY(graft_strndup(&key, piece.data, piece.len));
    GRAFT_TRY(set_text(one, "id", key));
    GRAFT_TRY(graft_json_push(ids, graft_json_new_int(id)));
    GRAFT_TRY(graft_json_push(texts, graft_json_new_string(piece.data, piece.len)));
    GRAFT_TRY(graft_json_set(one, "ids", graft_json_retain(ids)));
    GRAFT_TRY(graft_json_set(one, "tokens", graft_json_retain(texts)));
    GRAFT_TRY(graft_json_set(all, key, graft_json_retain(one)));
done:
    graft_free(key);
    graft_json_free(one);
    graft_json_free(ids);
    graft_json_free(texts);
    return status;
}

/* BOS in front and EOS behind, where the runtime puts them. */
static graft_status add_template(const tokens *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    const graft_vocabulary *v = t->vocabulary;
    bool bos = v->add_bos && v->bos >= 0, eos = v->add_eos && v->eos >= 0;
    graft_json *one = NULL, *specials = graft_json_new_object();
    graft_json *single = graft_json_new_array(), *both = graft_json_new_array();
    const graft_gguf_string names[] = {{"A", 1}, {"B", 1}};
    if (!bos && !eos) {
        GRAFT_TRY(graft_json_set(o, "post_processor", NULL));
        goto done;
    }
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2 && (i == 0 || k == 0); k++) {
            graft_json *list = k == 0 ? both : single;
            GRAFT_TRY(bos ? push_place(list, "SpecialToken", t->pieces[v->bos], i) : GRAFT_OK);
            GRAFT_TRY(push_place(list, "Sequence", names[i], i));
            GRAFT_TRY(eos ? push_place(list, "SpecialToken", t->pieces[v->eos], i) : GRAFT_OK);
        }
    }
    GRAFT_TRY(bos ? name_special(t, specials, v->bos) : GRAFT_OK);
    GRAFT_TRY(eos ? name_special(t, specials, v->eos) : GRAFT_OK);
    GRAFT_TRY(step(&one, "TemplateProcessing"));
    GRAFT_TRY(graft_json_set(one, "single", graft_json_retain(single)));
    GRAFT_TRY(graft_json_set(one, "pair", graft_json_retain(both)));
    GRAFT_TRY(graft_json_set(one, "special_tokens", graft_json_retain(specials)));
    GRAFT_TRY(graft_json_set(o, "post_processor", graft_json_retain(one)));
done:
    graft_json_free(one);
    graft_json_free(specials);
    graft_json_free(single);
    graft_json_free(both);
    return status;
}

static graft_status write_tokenizer(const tokens *t, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(set_text(o, "version", "1.0"));
    GRAFT_TRY(graft_json_set(o, "truncation", NULL));
    GRAFT_TRY(graft_json_set(o, "padding", NULL));
    GRAFT_TRY(add_added(t, o));
    GRAFT_TRY(t->sentencepiece ? add_sentencepiece(t, o) : add_byte_level(t, o));
    GRAFT_TRY(add_template(t, o));
    GRAFT_TRY(add_model(t, o));
    GRAFT_TRY(graft_export__write_json(o, folder, "tokenizer.json"));
done:
    graft_json_free(o);
    return status;
}

/* --- tokenizer_config.json --- */

static graft_status set_token(const tokens *t, graft_json *o, const char *key, int64_t id)
{
    return id < 0 || (uint64_t)id >= t->n ? graft_json_set(o, key, NULL)
                                          : set_piece(o, key, t->pieces[id]);
}

static graft_status write_settings(const tokens *t, const graft_export_serving *serving,
                                   const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    const graft_vocabulary *v = t->vocabulary;
    uint64_t pad = UINT32_MAX, unknown = UINT32_MAX;
    GRAFT_TRY(graft_gguf_want_u64(t->file, "tokenizer.ggml.padding_token_id", 0, UINT32_MAX, &pad));
    GRAFT_TRY(graft_gguf_want_u64(t->file, "tokenizer.ggml.unknown_token_id", 0, UINT32_MAX,
                                  &unknown));
    GRAFT_TRY(set_text(o, "tokenizer_class", "PreTrainedTokenizerFast"));
    GRAFT_TRY(set_token(t, o, "bos_token", v->bos));
    GRAFT_TRY(set_token(t, o, "eos_token", v->eos));
    GRAFT_TRY(set_token(t, o, "pad_token", pad < t->n ? (int64_t)pad : v->eos));
    GRAFT_TRY(set_token(t, o, "unk_token", unknown < t->n ? (int64_t)unknown : -1));
    GRAFT_TRY(graft_json_set_bool(o, "add_bos_token", v->add_bos));
    GRAFT_TRY(graft_json_set_bool(o, "add_eos_token", v->add_eos));
    GRAFT_TRY(graft_json_set_bool(o, "clean_up_tokenization_spaces", false));
    if (serving != NULL && serving->n_ctx > 0) {
        GRAFT_TRY(graft_json_set_int(o, "model_max_length", (int64_t)serving->n_ctx));
    }
    if (serving != NULL && serving->chat_template != NULL) {
        GRAFT_TRY(set_text(o, "chat_template", serving->chat_template));
    }
    GRAFT_TRY(graft_export__write_json(o, folder, "tokenizer_config.json"));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_export__write_hf_tokenizer(const graft_export_job *job,
                                              const graft_vocabulary *vocabulary,
                                              const char *folder)
{
    graft_status status = GRAFT_OK;
    tokens t = {.vocabulary = vocabulary, .file = job->base};
    const char *template = job->serving == NULL ? NULL : job->serving->chat_template;
    char *path = NULL;
    GRAFT_TRY(read_tokens(&t));
    GRAFT_TRY(write_tokenizer(&t, folder));
    GRAFT_TRY(write_settings(&t, job->serving, folder));
    if (template != NULL) {
        GRAFT_TRY(graft_path_join(&path, folder, "chat_template.jinja"));
        GRAFT_TRY(graft_file_write(path, template, strlen(template)));
    }
done:
    graft_free(path);
    clear_tokens(&t);
    return status;
}
