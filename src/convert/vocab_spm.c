/* convert/vocab_spm.c - vocabularies of SentencePiece: tokenizer.model, or a tokenizer.json that
 * was made from one and kept the merges, but not the scores. */
#include <string.h>

#include "convert/vocab.h"
#include "core/log.h"
#include "core/map.h"
#include "core/memory.h"
#include "io/files.h"
#include "io/sentencepiece.h"

static const float added_score = -1000.0f;
static const size_t max_model = (size_t)256 << 20;

static graft_status read_pieces(graft_hf_vocab *vocab, const graft_sentencepiece *model)
{
    /* what users define counts as a normal piece for converters */
    static const int types[] = {0, GRAFT_HF_NORMAL, GRAFT_HF_UNKNOWN, GRAFT_HF_CONTROL,
                                GRAFT_HF_NORMAL, GRAFT_HF_UNUSED, GRAFT_HF_BYTE};
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < model->n && i < vocab->n; i++) {
        const graft_piece *piece = &model->pieces[i];
        GRAFT_TRY(graft_hf__vocab_set(vocab, "tokenizer.model", (int64_t)i, piece->text, piece->n,
                                      types[piece->type]));
        vocab->scores[i] = piece->score;
    }
    if (model->n > vocab->n) {
        graft_log(GRAFT_LOG_WARN, "%s/tokenizer.model: has %zu pieces, but vocab_size is %zu: the "
                  "others are left out", vocab->folder, model->n, vocab->n);
    }
done:
    return status;
}

/* added_tokens.json: {"TEXT": ID}. */
static graft_status read_added(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    for (graft_json_iter it = graft_json_iter_begin(vocab->added); graft_json_iter_next(&it);) {
        int64_t id = graft_json_int(it.value);
        if (!graft_json_is(it.value, GRAFT_JSON_INT) || id < 0) {
            return graft_hf__vocab_fail(vocab, "added_tokens.json", "the id of \"%.80s\" is not an "
                                        "id", it.key);
        }
        if ((uint64_t)id >= vocab->n) {
            continue;
        }
        GRAFT_TRY(graft_hf__vocab_set(vocab, "added_tokens.json", id, it.key, strlen(it.key),
                                      GRAFT_HF_USER_DEFINED));
        vocab->scores[id] = added_score;
    }
done:
    return status;
}

/* added_tokens of tokenizer.json. Those beyond the model's vocabulary are of other parts of it (what
 * stands for an image), or nothing was trained for them. */
static graft_status read_json_added(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    const graft_json *added = graft_json_get(vocab->tokenizer, "added_tokens");
    for (size_t i = 0; i < graft_json_length(added); i++) {
        const graft_json *token = graft_json_at(added, i), *id = graft_json_get(token, "id");
        if (!graft_json_is(id, GRAFT_JSON_INT)) {
            return graft_hf__vocab_fail(vocab, "tokenizer.json", "added_tokens: entry %zu has no "
                                        "id", i);
        }
        if (graft_json_int(id) >= 0 && (uint64_t)graft_json_int(id) >= vocab->n) {
            graft_log(GRAFT_LOG_WARN, "%s/tokenizer.json: added token %lld is left out: vocab_size "
                      "is %zu", vocab->folder, (long long)graft_json_int(id), vocab->n);
            continue;
        }
        GRAFT_TRY(graft_hf__add_token(vocab, "tokenizer.json", graft_json_int(id), token));
        vocab->scores[graft_json_int(id)] = added_score;
    }
done:
    return status;
}

graft_status graft_hf__read_spm(graft_hf_vocab *vocab, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text bytes;
    graft_sentencepiece model = {0};
    graft_text_init(&bytes);
    vocab->kind = "llama";
    GRAFT_TRY(graft_file_read(&bytes, path, max_model));
    if (graft_sentencepiece_parse(&model, (const uint8_t *)graft_text_z(&bytes), bytes.len) !=
        GRAFT_OK) {
        graft_status code = graft_error_code();
        status = graft_fail(code == GRAFT_E_DATA ? GRAFT_E_MODEL : code, "%s: %s", path,
                            graft_error_message());
        goto done;
    }
    if (model.kind != GRAFT_SENTENCEPIECE_BPE) {
        graft_log(GRAFT_LOG_WARN, "%s: was not trained by merging pairs; runtimes merge by score "
                  "all the same, so that some texts give other tokens than in Hugging Face models",
                  path);
    }
    GRAFT_TRY(graft_hf__vocab_reserve(vocab, true));
    GRAFT_TRY(read_pieces(vocab, &model));
    GRAFT_TRY(read_added(vocab));
    GRAFT_TRY(graft_hf__apply_settings(vocab, added_score));
    if (strcmp(vocab->model->architecture->arch, "phi3") == 0) {
        GRAFT_TRY(read_json_added(vocab));
    }
done:
    graft_sentencepiece_clear(&model);
    graft_text_clear(&bytes);
    return status;
}

/* Steps that only spell spaces as U+2581, or cut at them, as SentencePiece does. A part is one step or a
 * list of them. */
static bool only_spells_spaces(const graft_json *part, const char *list_name)
{
    const graft_json *list = graft_json_get(part, list_name);
    const char *type = graft_json_string(graft_json_get(part, "type"), NULL);
    const char *pattern = graft_json_string(
        graft_json_get(graft_json_get(part, "pattern"), "String"), NULL);
    for (size_t i = 0; i < graft_json_length(list); i++) {
        if (!only_spells_spaces(graft_json_at(list, i), "")) {
            return false;
        }
    }
    return part == NULL || list != NULL ||
           (type != NULL && (strcmp(type, "Prepend") == 0 || strcmp(type, "Metaspace") == 0 ||
                             (pattern != NULL && strcmp(pattern, " ") == 0)));
}

static bool is_byte(const char *text, size_t n)
{
    static const char hex[] = "0123456789ABCDEFabcdef";
    return n == 6 && memcmp(text, "<0x", 3) == 0 && text[5] == '>' &&
           strchr(hex, text[3]) != NULL && strchr(hex, text[4]) != NULL;
}

/* Pairs are merged by rank where the model merged by the score of what they become: the first
 * rank at which a piece appears, negated, is a score that orders pieces the same way. */
static graft_status scores_of_merges(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    graft_map ids;
    graft_text joined;
    graft_map_init(&ids);
    graft_text_init(&joined);
    const graft_json *merges = graft_json_get(graft_json_get(vocab->tokenizer, "model"), "merges");
    GRAFT_TRY(graft_map_reserve(&ids, vocab->n));
    for (size_t i = 0; i < vocab->n; i++) {
        GRAFT_TRY(graft_map_set(&ids, vocab->texts[i].data, vocab->texts[i].len, i, NULL));
        bool word = vocab->types[i] == GRAFT_HF_NORMAL || vocab->types[i] == GRAFT_HF_BYTE;
        vocab->scores[i] = word ? 0.0f : vocab->scores[i];
    }
    for (size_t i = 0; i < graft_json_length(merges); i++) {
        const graft_json *merge = graft_json_at(merges, i);
        size_t n[2] = {0, 0};
        uint64_t id;
        const char *left = graft_json_string(merge, &n[0]), *right = NULL;
        if (left != NULL) {
            const char *space = n[0] > 1 ? memchr(left + 1, ' ', n[0] - 1) : NULL;
            right = space != NULL ? space + 1 : NULL;
            n[1] = right != NULL ? n[0] - (size_t)(right - left) : 0;
            n[0] = right != NULL ? (size_t)(space - left) : 0;
        } else {
            left = graft_json_string(graft_json_at(merge, 0), &n[0]);
            right = graft_json_string(graft_json_at(merge, 1), &n[1]);
        }
        if (left == NULL || right == NULL) {
            status = graft_hf__vocab_fail(vocab, "tokenizer.json", "model.merges: entry %zu is not "
                                          "two tokens", i);
            goto done;
        }
        joined.len = 0;
        GRAFT_TRY(graft_text_append(&joined, left, n[0]));
        GRAFT_TRY(graft_text_append(&joined, right, n[1]));
        if (graft_map_find(&ids, graft_text_z(&joined), joined.len, &id) &&
            vocab->types[id] == GRAFT_HF_NORMAL && vocab->scores[id] == 0.0f) {
            vocab->scores[id] = -(float)(i + 1);
        }
    }
done:
    graft_text_clear(&joined);
    graft_map_clear(&ids);
    return status;
}

graft_status graft_hf__read_spm_json(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    static const char file[] = "tokenizer.json";
    const graft_json *model = graft_json_get(vocab->tokenizer, "model");
    const graft_json *words = graft_json_get(model, "vocab");
    const char *type = graft_json_string(graft_json_get(model, "type"), NULL);
    size_t n = 0;
    const char *unknown = graft_json_string(graft_json_get(model, "unk_token"), &n);
    vocab->kind = "llama";
    vocab->scores_of_merges = true;
    if (type == NULL || strcmp(type, "BPE") != 0 || !graft_json_is(words, GRAFT_JSON_OBJECT)) {
        return graft_hf__vocab_fail(vocab, file, "a model of type \"%.40s\" is not supported "
                                    "(known: BPE)", type != NULL ? type : "");
    }
    if (!only_spells_spaces(graft_json_get(vocab->tokenizer, "normalizer"), "normalizers") ||
        !only_spells_spaces(graft_json_get(vocab->tokenizer, "pre_tokenizer"), "pretokenizers")) {
        return graft_hf__vocab_fail(vocab, file, "its normalizer or pre_tokenizer does more than "
                                    "SentencePiece's do, and is unknown");
    }
    GRAFT_TRY(graft_hf__vocab_reserve(vocab, true));
    for (graft_json_iter it = graft_json_iter_begin(words); graft_json_iter_next(&it);) {
        size_t len = strlen(it.key);
        int token = is_byte(it.key, len) ? GRAFT_HF_BYTE
                    : unknown != NULL && n == len && memcmp(unknown, it.key, n) == 0
                        ? GRAFT_HF_UNKNOWN
                        : GRAFT_HF_NORMAL;
        int64_t id = graft_json_is(it.value, GRAFT_JSON_INT) ? graft_json_int(it.value) : -1;
        GRAFT_TRY(graft_hf__vocab_set(vocab, file, id, it.key, len, token));
    }
    int64_t id = unknown != NULL ? graft_hf__find_token(vocab, unknown, n) : -1;
    GRAFT_TRY(read_json_added(vocab));
    GRAFT_TRY(graft_hf__apply_settings(vocab, added_score));
    if (id >= 0) { /* it is among the added ones as a control token */
        vocab->types[id] = GRAFT_HF_UNKNOWN;
    }
    GRAFT_TRY(scores_of_merges(vocab));
done:
    return status;
}

/* A normalizer that prepends, or a pre-tokenizer that does so at least at the beginning; either may
 * stand in a sequence of others. */
static bool prepends(const graft_json *part)
{
    const char *type = graft_json_string(graft_json_get(part, "type"), NULL);
    const char *scheme = graft_json_string(graft_json_get(part, "prepend_scheme"), NULL);
    const graft_json *old = graft_json_get(part, "add_prefix_space");
    if (type == NULL) {
        return false;
    }
    return strcmp(type, "Prepend") == 0 ||
           (strcmp(type, "Metaspace") == 0 &&
            (scheme != NULL ? strcmp(scheme, "never") != 0 : graft_json_bool(old)));
}

bool graft_hf__prepends_space(const graft_json *tokenizer)
{
    static const char *const parts[][2] = {{"normalizer", "normalizers"},
                                           {"pre_tokenizer", "pretokenizers"}};
    for (size_t i = 0; i < 2; i++) {
        const graft_json *part = graft_json_get(tokenizer, parts[i][0]);
        const graft_json *list = graft_json_get(part, parts[i][1]);
        bool found = prepends(part);
        for (size_t k = 0; k < graft_json_length(list) && !found; k++) {
            found = prepends(graft_json_at(list, k));
        }
        if (found) {
            return true;
        }
    }
    return false;
}
