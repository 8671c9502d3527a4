/* convert/vocab_bpe.c - tokenizer.json of a byte-level BPE. */
#include <string.h>

#include "convert/vocab.h"
#include "core/memory.h"

static const char file[] = "tokenizer.json";

/* Special tokens that are words of the vocabulary and not added ones: transformers adds them. */
static void mark_specials(graft_hf_vocab *vocab)
{
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = graft_hf__token_text(graft_json_get(vocab->settings, names[i]));
        int64_t id = text != NULL ? graft_hf__find_token(vocab, text, strlen(text)) : -1;
        if (id >= 0 && vocab->types[id] == GRAFT_HF_NORMAL) {
            vocab->types[id] = GRAFT_HF_CONTROL;
        }
    }
}

static graft_status read_words(graft_hf_vocab *vocab, const graft_json *words)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_is(words, GRAFT_JSON_OBJECT) || graft_json_length(words) == 0) {
        return graft_hf__vocab_fail(vocab, file, "model.vocab is not an object of words");
    }
    for (graft_json_iter it = graft_json_iter_begin(words); graft_json_iter_next(&it);) {
        if (!graft_json_is(it.value, GRAFT_JSON_INT)) {
            return graft_hf__vocab_fail(vocab, file, "model.vocab: the id of \"%.80s\" is not an "
                                        "integer", it.key);
        }
        GRAFT_TRY(graft_hf__vocab_set(vocab, file, graft_json_int(it.value), it.key,
                                      strlen(it.key), GRAFT_HF_NORMAL));
    }
done:
    return status;
}

static graft_status read_added(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    const graft_json *added = graft_json_get(vocab->tokenizer, "added_tokens");
    for (size_t i = 0; i < graft_json_length(added); i++) {
        const graft_json *token = graft_json_at(added, i), *id = graft_json_get(token, "id");
        if (!graft_json_is(id, GRAFT_JSON_INT)) {
            return graft_hf__vocab_fail(vocab, file, "added_tokens: entry %zu has no id", i);
        }
        GRAFT_TRY(graft_hf__add_token(vocab, file, graft_json_int(id), token));
    }
done:
    return status;
}

graft_status graft_hf__read_bpe(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    const graft_json *model = graft_json_get(vocab->tokenizer, "model");
    const char *type = graft_json_string(graft_json_get(model, "type"), NULL);
    /* files of the first versions say no type */
    if (type == NULL ? !graft_json_has(model, "merges") : strcmp(type, "BPE") != 0) {
        return graft_hf__vocab_fail(vocab, file, "a model of type \"%.40s\" is not supported "
                                    "(known: BPE)", type != NULL ? type : "");
    }
    vocab->kind = "gpt2";
    GRAFT_TRY(graft_hf__vocab_reserve(vocab, false));
    GRAFT_TRY(read_words(vocab, graft_json_get(model, "vocab")));
    GRAFT_TRY(read_added(vocab));
    GRAFT_TRY(graft_hf__apply_settings(vocab, 0));
    mark_specials(vocab);
    GRAFT_TRY(graft_hf__read_merges(vocab));
done:
    return status;
}

/* "left right", or ["left", "right"]; spaces inside become what byte-level vocabularies write for
 * them. */
static graft_status read_merge(graft_hf_vocab *vocab, const graft_json *merge, size_t i,
                               graft_gguf_string *out)
{
    graft_status status = GRAFT_OK;
    size_t n = 0, len[2] = {0, 0};
    const char *text = graft_json_string(merge, &n);
    char *copy = NULL;
    if (text != NULL) {
        GRAFT_TRY(graft_arena_alloc(&vocab->arena, &copy, n + 1, 1));
        memcpy(copy, text, n + 1);
        *out = (graft_gguf_string){copy, n};
        return GRAFT_OK;
    }
    const char *parts[2] = {graft_json_string(graft_json_at(merge, 0), &len[0]),
                            graft_json_string(graft_json_at(merge, 1), &len[1])};
    if (graft_json_length(merge) != 2 || parts[0] == NULL || parts[1] == NULL) {
        return graft_hf__vocab_fail(vocab, file, "model.merges: entry %zu is not two tokens", i);
    }
    GRAFT_TRY(graft_arena_alloc(&vocab->arena, &copy, 2 * (len[0] + len[1]) + 2, 1));
    for (int part = 0; part < 2; part++) {
        for (size_t k = 0; k < len[part]; k++) {
            if (parts[part][k] == ' ') {
                copy[n++] = '\xc4';
                copy[n++] = '\xa0';
            } else {
                copy[n++] = parts[part][k];
            }
        }
        copy[n++] = part == 0 ? ' ' : '\0';
    }
    *out = (graft_gguf_string){copy, n - 1};
done:
    return status;
}

graft_status graft_hf__read_merges(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    const graft_json *merges = graft_json_get(graft_json_get(vocab->tokenizer, "model"), "merges");
    size_t n = graft_json_length(merges);
    if (!graft_json_is(merges, GRAFT_JSON_ARRAY)) {
        return graft_hf__vocab_fail(vocab, file, "model.merges is not a list");
    }
    GRAFT_TRY(graft_arena_calloc(&vocab->arena, &vocab->merges, n, sizeof *vocab->merges));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(read_merge(vocab, graft_json_at(merges, i), i, &vocab->merges[i]));
    }
    vocab->n_merges = n;
done:
    return status;
}
