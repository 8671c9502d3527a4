/* convert/special_ids.c - which tokens begin, end and pad texts, and which the runtime adds.
 *
 * What converters know (gguf-py's SpecialVocab): texts in tokenizer_config.json, looked up among
 * the added tokens of tokenizer.json; else ids in config.json; and the template of the
 * post-processor for what is put around a text. */
#include <stdio.h>
#include <string.h>

#include "convert/vocab.h"
#include "tokenizer/pretokenizers.h"

typedef enum special_kind { BOS, EOS, UNK, SEP, PAD, CLS, MASK, EOT, N_KINDS } special_kind;

static const struct {
    const char *name; /* in the folder: NAME_token, NAME_token_id, add_NAME_token */
    const char *key;  /* tokenizer.ggml.KEY_token_id */
} kinds[N_KINDS] = {{"bos", "bos"}, {"eos", "eos"}, {"unk", "unknown"}, {"sep", "seperator"},
                    {"pad", "padding"}, {"cls", "cls"}, {"mask", "mask"}, {"eot", "eot"}};

typedef struct specials {
    const char *texts[N_KINDS]; /* NULL: none */
    int64_t ids[N_KINDS];       /* -1: unknown */
    int add[N_KINDS];           /* -1: not said */
} specials;

static bool equal(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static const char *special_of(const graft_json *item)
{
    return graft_json_string(graft_json_get(graft_json_get(item, "SpecialToken"), "id"), NULL);
}

static bool is_sequence(const graft_json *item, const char *name)
{
    return equal(graft_json_string(graft_json_get(graft_json_get(item, "Sequence"), "id"), NULL),
                 name);
}

/* Between two texts: does a separator stand there? */
static void read_pair(specials *s, const graft_json *pair, const char *first, const char *last)
{
    size_t begin = 0, end = graft_json_length(pair);
    if (end == 0) {
        return;
    }
    begin += equal(special_of(graft_json_at(pair, 0)), first);
    end -= equal(special_of(graft_json_at(pair, end - 1)), last);
    if (end < begin + 3 || !is_sequence(graft_json_at(pair, begin), "A") ||
        !is_sequence(graft_json_at(pair, end - 1), "B")) {
        return;
    }
    const char *one = special_of(graft_json_at(pair, begin + 1));
    const char *two = end == begin + 4 ? special_of(graft_json_at(pair, begin + 2)) : NULL;
    s->add[SEP] = ((equal(one, s->texts[SEP]) || equal(one, s->texts[EOS])) && last == NULL) ||
                  equal(two, s->texts[SEP]) || equal(two, s->texts[EOS]);
    if (s->add[SEP] && s->texts[SEP] == NULL) {
        s->texts[SEP] = s->texts[EOS];
    }
}

/* One processor of type TemplateProcessing. */
static void read_template(specials *s, const graft_json *processor, bool has_settings)
{
    const graft_json *single = graft_json_get(processor, "single");
    size_t n = graft_json_length(single);
    const char *first = n > 1 ? special_of(graft_json_at(single, 0)) : NULL;
    const char *last = n > 1 ? special_of(graft_json_at(single, n - 1)) : NULL;
    if (first != NULL) {
        s->texts[BOS] = has_settings ? s->texts[BOS] : first;
        s->add[BOS] = equal(first, s->texts[BOS]) || equal(first, s->texts[CLS]);
    }
    if (last != NULL) {
        if (has_settings && !equal(last, s->texts[EOS])) {
            s->texts[EOT] = s->texts[EOS];
        }
        s->texts[EOS] = last;
        s->add[EOS] = 1;
    }
    read_pair(s, graft_json_get(processor, "pair"), first, last);
}

static void read_processors(specials *s, const graft_hf_vocab *vocab)
{
    const graft_json *post = graft_json_get(vocab->tokenizer, "post_processor");
    const graft_json *list = graft_json_get(post, "processors");
    for (size_t i = 0; i < (list != NULL ? graft_json_length(list) : 1); i++) {
        const graft_json *one = list != NULL ? graft_json_at(list, i) : post;
        if (equal(graft_json_string(graft_json_get(one, "type"), NULL), "TemplateProcessing")) {
            read_template(s, one, vocab->settings != NULL);
        }
    }
}

static void read_settings(specials *s, const graft_hf_vocab *vocab)
{
    const graft_json *added = graft_json_get(vocab->tokenizer, "added_tokens");
    for (int k = 0; k < N_KINDS; k++) {
        char name[32];
        snprintf(name, sizeof name, "add_%s_token", kinds[k].name);
        const graft_json *add = graft_json_get(vocab->settings, name);
        s->add[k] = graft_json_is(add, GRAFT_JSON_BOOL) ? graft_json_bool(add) : s->add[k];
        for (size_t i = 0; s->texts[k] != NULL && i < graft_json_length(added); i++) {
            const graft_json *token = graft_json_at(added, i);
            if (equal(graft_json_string(graft_json_get(token, "content"), NULL), s->texts[k])) {
                s->ids[k] = graft_json_int(graft_json_get(token, "id"));
                break;
            }
        }
    }
}

static void read_config(specials *s, const graft_hf_vocab *vocab)
{
    const graft_hf_config *config = &vocab->model->config;
    for (int k = 0; k < N_KINDS; k++) {
        char name[32];
        snprintf(name, sizeof name, "%s_token_id", kinds[k].name);
        const graft_json *id = graft_json_get(config->root, name);
        id = id != NULL ? id : graft_json_get(config->text, name);
        if (s->ids[k] < 0 && k != EOT && graft_json_is(id, GRAFT_JSON_INT)) {
            s->ids[k] = graft_json_int(id);
        }
    }
}

/* The runtime puts BOS in front unless it is told not to, for some kinds of vocabularies; where
 * nothing in the folder says so, neither does Hugging Face's tokenizer. */
static bool says_nothing_but_would_add(const specials *s, const graft_hf_vocab *vocab)
{
    const graft_pretokenizer *row = graft_pretokenizer_find(vocab->pre, strlen(vocab->pre));
    return s->add[BOS] < 0 && strcmp(vocab->kind, "gpt2") == 0 && row != NULL && row->add_bos;
}

graft_status graft_hf__special_keys(const graft_hf_vocab *vocab, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    specials s;
    char name[64];
    for (int k = 0; k < N_KINDS; k++) {
        snprintf(name, sizeof name, "%s_token", kinds[k].name);
        s.texts[k] = graft_hf__token_text(graft_json_get(vocab->settings, name));
        s.ids[k] = -1;
        s.add[k] = -1;
    }
    s.texts[EOT] = NULL;
    s.texts[BOS] = s.texts[BOS] != NULL ? s.texts[BOS] : s.texts[CLS];
    s.texts[EOS] = s.texts[EOS] != NULL ? s.texts[EOS] : s.texts[SEP];
    read_processors(&s, vocab);
    if (vocab->settings != NULL) {
        read_settings(&s, vocab);
    }
    read_config(&s, vocab);
    if ((vocab->model->architecture->interleaved && vocab->n == 49152) ||
        says_nothing_but_would_add(&s, vocab)) {
        s.add[BOS] = 0; /* the first: small Granites and SmolLMs, by convention of the converter */
    }
    for (int k = 0; k < N_KINDS; k++) {
        if (s.ids[k] >= 0 && (uint64_t)s.ids[k] < vocab->n) {
            snprintf(name, sizeof name, "tokenizer.ggml.%s_token_id", kinds[k].key);
            GRAFT_TRY(graft_hf_key_u32(keys, name, (uint64_t)s.ids[k]));
        }
        if (s.add[k] >= 0 && (k == BOS || k == EOS || k == SEP)) {
            snprintf(name, sizeof name, "tokenizer.ggml.add_%s_token", kinds[k].name);
            GRAFT_TRY(graft_hf_key_bool(keys, name, s.add[k] != 0));
        }
    }
done:
    return status;
}
