/* convert/vocab.c - the vocabulary of a Hugging Face folder in GGUF's terms. */
#include "convert/vocab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"

static const size_t max_tokenizer = (size_t)512 << 20, max_settings = (size_t)64 << 20;
static const float unused_score = -10000.0f;

graft_status graft_hf__vocab_fail(const graft_hf_vocab *vocab, const char *file, const char *format,
                                  ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return graft_fail(GRAFT_E_MODEL, "%s/%s: %s", vocab->folder, file, what);
}

graft_status graft_hf__vocab_reserve(graft_hf_vocab *vocab, bool scores)
{
    graft_status status = GRAFT_OK;
    vocab->n = vocab->model->dims.n_vocab;
    GRAFT_TRY(graft_arena_calloc(&vocab->arena, &vocab->texts, vocab->n, sizeof *vocab->texts));
    GRAFT_TRY(graft_arena_calloc(&vocab->arena, &vocab->types, vocab->n, sizeof *vocab->types));
    if (scores) {
        GRAFT_TRY(graft_arena_calloc(&vocab->arena, &vocab->scores, vocab->n,
                                     sizeof *vocab->scores));
    }
    for (size_t i = 0; i < vocab->n; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "[PAD%zu]", i);
        GRAFT_TRY(graft_hf__vocab_set(vocab, "", (int64_t)i, text, (size_t)n, GRAFT_HF_UNUSED));
        if (scores) {
            vocab->scores[i] = unused_score;
        }
    }
done:
    return status;
}

graft_status graft_hf__vocab_set(graft_hf_vocab *vocab, const char *file, int64_t id,
                                 const char *text, size_t n, int type)
{
    graft_status status = GRAFT_OK;
    char *copy = NULL;
    if (id < 0 || (uint64_t)id >= vocab->n) {
        return graft_hf__vocab_fail(vocab, file, "token \"%.80s\" has id %lld, but vocab_size of "
                                    "config.json is %zu", text, (long long)id, vocab->n);
    }
    GRAFT_TRY(graft_arena_alloc(&vocab->arena, &copy, n + 1, 1));
    memcpy(copy, text, n);
    copy[n] = '\0';
    vocab->texts[id] = (graft_gguf_string){copy, n};
    vocab->types[id] = type;
done:
    return status;
}

bool graft_hf__looks_special(const char *text, size_t n)
{
    static const char *const exact[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
    static const struct {
        const char *begin, *end;
    } around[] = {{"<|", "|>"}, {"<\xef\xbd\x9c", "\xef\xbd\x9c>"}, {"<unused", ">"}};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        if (strlen(exact[i]) == n && memcmp(exact[i], text, n) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        size_t begin = strlen(around[i].begin), end = strlen(around[i].end);
        if (n >= begin && n >= end && memcmp(text, around[i].begin, begin) == 0 &&
            memcmp(text + n - end, around[i].end, end) == 0) {
            return true;
        }
    }
    return false;
}

const char *graft_hf__token_text(const graft_json *token)
{
    const char *text = graft_json_string(token, NULL);
    text = text != NULL ? text : graft_json_string(graft_json_get(token, "content"), NULL);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

int64_t graft_hf__find_token(const graft_hf_vocab *vocab, const char *text, size_t n)
{
    for (size_t i = 0; i < vocab->n; i++) {
        if (vocab->texts[i].len == n && memcmp(vocab->texts[i].data, text, n) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

graft_status graft_hf__add_token(graft_hf_vocab *vocab, const char *file, int64_t id,
                                 const graft_json *token)
{
    static const char block[] = "\xe2\x96\x81"; /* U+2581, what SentencePiece writes for a space */
    graft_status status = GRAFT_OK;
    size_t n = 0;
    const char *content = graft_json_string(graft_json_get(token, "content"), &n);
    graft_text text;
    graft_text_init(&text);
    if (content == NULL || n == 0) {
        return graft_hf__vocab_fail(vocab, file, "added token %lld has no content", (long long)id);
    }
    if (graft_json_bool(graft_json_get(token, "special")) || graft_hf__looks_special(content, n)) {
        return graft_hf__vocab_set(vocab, file, id, content, n, GRAFT_HF_CONTROL);
    }
    for (size_t i = 0; i < n;) {
        bool space = n - i >= 3 && memcmp(content + i, block, 3) == 0;
        GRAFT_TRY(graft_text_append(&text, space ? " " : content + i, 1));
        i += space ? 3 : 1;
    }
    GRAFT_TRY(graft_hf__vocab_set(vocab, file, id, graft_text_z(&text), text.len,
                                  GRAFT_HF_USER_DEFINED));
done:
    graft_text_clear(&text);
    return status;
}

graft_status graft_hf__apply_settings(graft_hf_vocab *vocab, float score)
{
    graft_status status = GRAFT_OK;
    static const char file[] = "tokenizer_config.json";
    const graft_json *decoder = graft_json_get(vocab->settings, "added_tokens_decoder");
    for (graft_json_iter it = graft_json_iter_begin(decoder); graft_json_iter_next(&it);) {
        char *end = NULL;
        long long id = strtoll(it.key, &end, 10);
        if (end == it.key || *end != '\0' || id < 0) {
            return graft_hf__vocab_fail(vocab, file, "added_tokens_decoder: \"%.40s\" is not an id",
                                        it.key);
        }
        if ((uint64_t)id >= vocab->n && vocab->scores != NULL) {
            continue; /* SentencePiece folders promise more tokens than the model has */
        }
        GRAFT_TRY(graft_hf__add_token(vocab, file, id, it.value));
        if (vocab->scores != NULL) {
            vocab->scores[id] = score;
        }
    }
done:
    return status;
}

/* A tokenizer.json that was made from a SentencePiece model: bytes are tokens like any other. */
static bool is_spm_json(const graft_json *tokenizer)
{
    const graft_json *model = graft_json_get(tokenizer, "model");
    return graft_json_bool(graft_json_get(model, "byte_fallback"));
}

static graft_status read_tokens(graft_hf_vocab *vocab, const char *pre)
{
    graft_status status = GRAFT_OK;
    const char *class =
        graft_json_string(graft_json_get(vocab->settings, "tokenizer_class"), NULL);
    bool bytes = class != NULL && strcmp(class, "GPT2Tokenizer") == 0 && vocab->tokenizer != NULL;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, vocab->folder, "tokenizer.model"));
    if (graft_path_exists(path) && !bytes) {
        GRAFT_TRY(graft_hf__read_spm(vocab, path));
    } else if (vocab->tokenizer == NULL) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: neither tokenizer.json nor tokenizer.model is "
                             "there", vocab->folder));
    } else if (is_spm_json(vocab->tokenizer)) {
        GRAFT_TRY(graft_hf__read_spm_json(vocab));
    } else {
        GRAFT_TRY(graft_hf__read_bpe(vocab));
    }
    vocab->pre = "default";
    if (pre != NULL) {
        vocab->pre = pre;
    } else if (strcmp(vocab->kind, "gpt2") == 0) {
        GRAFT_TRY(graft_hf__find_pre(vocab));
    }
done:
    graft_free(path);
    return status;
}

graft_status graft_hf_vocab_read(graft_hf_vocab *vocab, const graft_hf_model *model,
                                 const char *folder, const char *pre)
{
    graft_status status = GRAFT_OK;
    *vocab = (graft_hf_vocab){.folder = folder, .model = model};
    graft_arena_init(&vocab->arena, 1 << 20);
    graft_text_init(&vocab->chat_template);
    GRAFT_TRY(graft_hf__read_json(&vocab->tokenizer, folder, "tokenizer.json", max_tokenizer));
    GRAFT_TRY(graft_hf__read_json(&vocab->settings, folder, "tokenizer_config.json",
                                  max_settings));
    GRAFT_TRY(graft_hf__read_json(&vocab->added, folder, "added_tokens.json", max_settings));
    GRAFT_TRY(read_tokens(vocab, pre));
    GRAFT_TRY(graft_hf__read_template(vocab));
done:
    if (status != GRAFT_OK) {
        graft_hf_vocab_clear(vocab);
    }
    return status;
}

void graft_hf_vocab_clear(graft_hf_vocab *vocab)
{
    graft_json_free(vocab->tokenizer);
    graft_json_free(vocab->settings);
    graft_json_free(vocab->added);
    graft_arena_clear(&vocab->arena);
    graft_text_clear(&vocab->chat_template);
    *vocab = (graft_hf_vocab){0};
}

/* Whether the runtime is to put a space in front of text. */
static graft_status space_key(const graft_hf_vocab *vocab, const graft_hf_keys *keys)
{
    static const char name[] = "tokenizer.ggml.add_space_prefix";
    const graft_json *setting = graft_json_get(vocab->settings, "add_prefix_space");
    if (vocab->model->architecture->no_space_prefix) {
        return strcmp(vocab->kind, "llama") == 0 ? graft_hf_key_bool(keys, name, false) : GRAFT_OK;
    }
    if (vocab->model->architecture->interleaved && graft_json_is(setting, GRAFT_JSON_BOOL)) {
        return graft_hf_key_bool(keys, name, graft_json_bool(setting));
    }
    if (vocab->scores_of_merges && !graft_hf__prepends_space(vocab->tokenizer)) {
        return graft_hf_key_bool(keys, name, false); /* the runtime would */
    }
    return GRAFT_OK;
}

/* Ids that files of certain sizes have by convention: Code Llama's, and none of the small
 * Granites and SmolLMs begins texts with BOS. */
static graft_status conventions(const graft_hf_vocab *vocab, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    if (vocab->model->architecture->interleaved && vocab->n == 32016) {
        GRAFT_TRY(graft_hf_key_u32(keys, "tokenizer.ggml.prefix_token_id", 32007));
        GRAFT_TRY(graft_hf_key_u32(keys, "tokenizer.ggml.suffix_token_id", 32008));
        GRAFT_TRY(graft_hf_key_u32(keys, "tokenizer.ggml.middle_token_id", 32009));
        GRAFT_TRY(graft_hf_key_u32(keys, "tokenizer.ggml.eot_token_id", 32010));
    }
done:
    return status;
}

graft_status graft_hf_vocab_keys(const graft_hf_vocab *vocab, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hf_key_text(keys, "tokenizer.ggml.model", vocab->kind));
    GRAFT_TRY(graft_hf_key_text(keys, "tokenizer.ggml.pre", vocab->pre));
    GRAFT_TRY(graft_hf_key_strings(keys, "tokenizer.ggml.tokens", vocab->texts, vocab->n));
    if (vocab->scores != NULL) {
        GRAFT_TRY(graft_hf_key_f32s(keys, "tokenizer.ggml.scores", vocab->scores, vocab->n));
    }
    GRAFT_TRY(graft_hf_key_i32s(keys, "tokenizer.ggml.token_type", vocab->types, vocab->n));
    if (vocab->n_merges > 0) {
        GRAFT_TRY(graft_hf_key_strings(keys, "tokenizer.ggml.merges", vocab->merges,
                                       vocab->n_merges));
    }
    GRAFT_TRY(graft_hf__special_keys(vocab, keys));
    GRAFT_TRY(space_key(vocab, keys));
    GRAFT_TRY(conventions(vocab, keys));
    GRAFT_TRY(graft_hf__template_keys(vocab, keys));
done:
    return status;
}
