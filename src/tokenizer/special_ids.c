/* Special ids of a vocabulary: from keys, from names, and the runtime's defaults. */
#include <string.h>
#include <strings.h>

#include "tokenizer/names.h"
#include "tokenizer/vocabulary_internal.h"

#define NO_TOKEN UINT32_MAX /* what converters write for "there is none" */

static int32_t find_name(const graft_vocabulary__reader *reader, const char *name)
{
    return graft_vocabulary__find(reader, name, strlen(name));
}

/* Sets *id to what the key says. Like the runtime, leaves the default if the key says "none". */
static graft_status read_id(graft_vocabulary__reader *reader, const char *key, int32_t *id)
{
    uint64_t value = NO_TOKEN;
    graft_status status = graft_gguf_want_u64(reader->file, key, 0, UINT32_MAX, &value);
    if (status != GRAFT_OK) {
        return status;
    }
    if (value != NO_TOKEN) {
        if (value >= reader->vocabulary->n) {
            return graft_fail(GRAFT_E_MODEL, "%s: %s is %llu, but there are %zu tokens",
                              graft_gguf_path(reader->file), key, (unsigned long long)value,
                              reader->vocabulary->n);
        }
        *id = (int32_t)value;
    }
    return GRAFT_OK;
}

/* A fill-in-the-middle token: a key's, or the first known name's, which then counts as a control
 * token. Some end a generation, too. */
static graft_status read_fim(graft_vocabulary__reader *reader, const graft_fim_role *role)
{
    graft_status status = GRAFT_OK;
    int32_t id = -1;
    for (size_t i = 0; i < GRAFT_FIM_KEYS && role->keys[i] != NULL; i++) {
        GRAFT_TRY(read_id(reader, role->keys[i], &id));
    }
    for (size_t i = 0; id < 0 && role->names[i] != NULL; i++) {
        id = find_name(reader, role->names[i]);
        if (id >= 0) {
            reader->vocabulary->tokens[id].kind |= GRAFT_TOKEN_CONTROL;
        }
    }
    if (id >= 0 && role->ends_generation) {
        reader->vocabulary->tokens[id].kind |= GRAFT_TOKEN_EOG;
    }
done:
    return status;
}

static bool ends_generation(const graft_vocabulary__reader *reader, const char *name)
{
    int32_t id = find_name(reader, name);
    return id >= 0 && (reader->vocabulary->tokens[id].kind & GRAFT_TOKEN_EOG) != 0;
}

static void mark(const graft_vocabulary__reader *reader, int32_t id, uint32_t bits)
{
    if (id >= 0) {
        reader->vocabulary->tokens[id].kind |= bits;
    }
}

/* The runtime has no control tokens of these names, so that it shows them, and finds them in any
 * text. They are marks of a format all the same: here only templates write them. */
#define SHOWN (GRAFT_TOKEN_USER_DEFINED | GRAFT_TOKEN_CONTROL)

/* The two families in which a token of that name does not end a generation. */
static void apply_exceptions(const graft_vocabulary__reader *reader)
{
    bool call = ends_generation(reader, "<|call|>") || ends_generation(reader, "<|calls|>");
    bool harmony = call && (ends_generation(reader, "<|return|>") ||
                            ends_generation(reader, "<|flush|>"));
    if (harmony && ends_generation(reader, "<|end|>")) {
        reader->vocabulary->tokens[find_name(reader, "<|end|>")].kind = SHOWN;
    }
    if ((ends_generation(reader, "<|tool_response>") || ends_generation(reader, "<|plamo:eos|>")) &&
        ends_generation(reader, "</s>")) {
        reader->vocabulary->tokens[find_name(reader, "</s>")].kind = GRAFT_TOKEN_NORMAL;
    }
}

/* The runtime's defaults for files that name none. */
static int32_t default_id(const graft_vocabulary *vocabulary, int32_t id)
{
    return id >= 0 && (size_t)id < vocabulary->n ? id : -1;
}

/* What is put before and behind a text. */
static graft_status read_flags(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    const graft_pretokenizer *pre = vocabulary->pre;
    const char *path = graft_gguf_path(reader->file);
    vocabulary->add_bos = pre != NULL ? pre->add_bos : vocabulary->model->add_bos;
    vocabulary->space_prefix = vocabulary->model->space_prefix;
    GRAFT_TRY(graft_gguf_want_bool(reader->file, GRAFT_VOCABULARY_KEY("add_bos_token"),
                                   &vocabulary->add_bos));
    GRAFT_TRY(graft_gguf_want_bool(reader->file, GRAFT_VOCABULARY_KEY("add_eos_token"),
                                   &vocabulary->add_eos));
    if (vocabulary->model->scored) {
        GRAFT_TRY(graft_gguf_want_bool(reader->file, GRAFT_VOCABULARY_KEY("add_space_prefix"),
                                       &vocabulary->space_prefix));
        graft_vocabulary__hash(&reader->hash, &(uint8_t){vocabulary->space_prefix}, 1);
    }
    vocabulary->add_bos = vocabulary->add_bos || (pre != NULL && pre->insists_on_bos);
    if (vocabulary->add_bos && vocabulary->bos < 0) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: a BOS token is to be added, but there is none",
                             path));
    }
    if (vocabulary->add_eos && vocabulary->eos < 0) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: an EOS token is to be added, but there is none",
                             path));
    }
done:
    return status;
}

graft_status graft_vocabulary__read_special(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    vocabulary->bos = default_id(vocabulary, vocabulary->model->bos);
    vocabulary->eos = default_id(vocabulary, vocabulary->model->eos);
    if (vocabulary->pre != NULL && vocabulary->pre->no_bos) {
        vocabulary->bos = -1;
    }
    int32_t eot = -1, eom = -1;
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("bos_token_id"), &vocabulary->bos));
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("eos_token_id"), &vocabulary->eos));
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("eot_token_id"), &eot));
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("eom_token_id"), &eom));
    for (size_t i = 0; i < graft_n_fim_roles; i++) {
        GRAFT_TRY(read_fim(reader, &graft_fim_roles[i]));
    }
    for (size_t i = 0; graft_eog_names[i] != NULL; i++) {
        mark(reader, find_name(reader, graft_eog_names[i]), GRAFT_TOKEN_EOG | GRAFT_TOKEN_CONTROL);
    }
    for (size_t i = 0; graft_shown_names[i] != NULL; i++) {
        int32_t id = find_name(reader, graft_shown_names[i]);
        if (id >= 0) {
            vocabulary->tokens[id].kind = SHOWN | (vocabulary->tokens[id].kind & GRAFT_TOKEN_EOG);
        }
    }
    mark(reader, vocabulary->eos, GRAFT_TOKEN_EOG);
    mark(reader, eot, GRAFT_TOKEN_EOG);
    mark(reader, eom, GRAFT_TOKEN_EOG);
    apply_exceptions(reader);

    GRAFT_TRY(read_flags(reader));
    int32_t ids[] = {vocabulary->bos, vocabulary->eos, eot, eom, vocabulary->add_bos};
    graft_vocabulary__hash(&reader->hash, ids, sizeof ids);
done:
    return status;
}

/* Does `text` hold `part`, both in any case? */
static bool holds(const graft_gguf_string *text, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= text->len; i++) {
        if (strncasecmp(text->data + i, part, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool holds_any(const graft_gguf_string *text, const char *const *parts)
{
    while (*parts != NULL && !holds(text, *parts)) {
        parts++;
    }
    return *parts != NULL;
}

/* Models of the Phi-3 line: special tokens take the white space behind them along, but for some. */
static void strip_phi3(const graft_vocabulary__reader *reader)
{
    const graft_vocabulary *vocabulary = reader->vocabulary;
    const uint32_t special = GRAFT_TOKEN_CONTROL | GRAFT_TOKEN_USER_DEFINED | GRAFT_TOKEN_UNKNOWN;
    for (size_t i = 0; i < vocabulary->n; i++) {
        if (vocabulary->tokens[i].kind & special) {
            vocabulary->tokens[i].kind |= GRAFT_TOKEN_RSTRIP;
        }
    }
    static const char *const kept[] = {"<unk>", "<s>", "<|endoftext|>"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        int32_t id = find_name(reader, kept[i]);
        if (id >= 0) {
            vocabulary->tokens[id].kind &= ~(uint32_t)GRAFT_TOKEN_RSTRIP;
        }
    }
}

graft_name_rule graft_vocabulary_name_rule(const char *name, size_t n)
{
    static const char *const phi3[] = {"phi-3", "phi3", NULL};
    static const char *const modern_bert[] = {"modern-bert", NULL};
    const graft_gguf_string text = {name, n};
    return holds_any(&text, phi3)          ? GRAFT_NAME_PHI3
           : holds_any(&text, modern_bert) ? GRAFT_NAME_MODERN_BERT : GRAFT_NAME_PLAIN;
}

/* Files do not say which special tokens strip; the runtime goes by the names of models. */
graft_status graft_vocabulary__mark_stripping(const graft_vocabulary__reader *reader)
{
    static const char *const masked_pre[] = {"jina-v2-de", "jina-v2-es", "jina-v2-code", NULL};
    static const char *const masked_arch[] = {"nomic-bert-moe", "jina-bert-v3", NULL};
    graft_status status = GRAFT_OK;
    graft_gguf_string name = {NULL, 0}, pre = {NULL, 0}, arch = {NULL, 0};
    GRAFT_TRY(graft_gguf_want_string(reader->file, "general.name", &name));
    GRAFT_TRY(graft_gguf_want_string(reader->file, GRAFT_VOCABULARY_KEY("pre"), &pre));
    GRAFT_TRY(graft_gguf_want_string(reader->file, "general.architecture", &arch));
    graft_name_rule rule = graft_vocabulary_name_rule(name.data, name.len);
    if (holds_any(&pre, masked_pre) || holds_any(&arch, masked_arch)) {
        mark(reader, find_name(reader, "<mask>"), GRAFT_TOKEN_LSTRIP);
    } else if (rule == GRAFT_NAME_PHI3) {
        strip_phi3(reader);
    } else if (rule == GRAFT_NAME_MODERN_BERT) {
        mark(reader, find_name(reader, "[MASK]"), GRAFT_TOKEN_LSTRIP);
    }
done:
    return status;
}
