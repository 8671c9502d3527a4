/* Special ids of a vocabulary: from keys, from names, and the runtime's defaults. */
#include <string.h>

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

/* A fill-in-the-middle token that the runtime also stops at: the key's, or the first known name's,
 * which then counts as a control token. */
static graft_status read_fim(graft_vocabulary__reader *reader, const char *key,
                             const char *const *names)
{
    int32_t id = -1;
    graft_status status = read_id(reader, key, &id);
    for (size_t i = 0; status == GRAFT_OK && id < 0 && names[i] != NULL; i++) {
        id = find_name(reader, names[i]);
        if (id >= 0) {
            reader->vocabulary->tokens[id].kind |= GRAFT_TOKEN_CONTROL;
        }
    }
    if (id >= 0) {
        reader->vocabulary->tokens[id].kind |= GRAFT_TOKEN_EOG;
    }
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

/* The two families in which a token of that name does not end a generation. */
static void apply_exceptions(const graft_vocabulary__reader *reader)
{
    bool call = ends_generation(reader, "<|call|>") || ends_generation(reader, "<|calls|>");
    bool harmony = call && (ends_generation(reader, "<|return|>") ||
                            ends_generation(reader, "<|flush|>"));
    if (harmony && ends_generation(reader, "<|end|>")) {
        reader->vocabulary->tokens[find_name(reader, "<|end|>")].kind = GRAFT_TOKEN_USER_DEFINED;
    }
    if (ends_generation(reader, "<|tool_response>") && ends_generation(reader, "</s>")) {
        reader->vocabulary->tokens[find_name(reader, "</s>")].kind = GRAFT_TOKEN_NORMAL;
    }
}

graft_status graft_vocabulary__read_special(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    /* the runtime's defaults for files that name none */
    vocabulary->bos = vocabulary->eos = vocabulary->n > 11 ? 11 : -1;
    int32_t eot = -1, eom = -1;
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("bos_token_id"), &vocabulary->bos));
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("eos_token_id"), &vocabulary->eos));
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("eot_token_id"), &eot));
    GRAFT_TRY(read_id(reader, GRAFT_VOCABULARY_KEY("eom_token_id"), &eom));
    GRAFT_TRY(read_fim(reader, GRAFT_VOCABULARY_KEY("fim_pad_token_id"), graft_fim_pad_names));
    GRAFT_TRY(read_fim(reader, GRAFT_VOCABULARY_KEY("fim_rep_token_id"), graft_fim_rep_names));
    GRAFT_TRY(read_fim(reader, GRAFT_VOCABULARY_KEY("fim_sep_token_id"), graft_fim_sep_names));
    for (size_t i = 0; graft_eog_names[i] != NULL; i++) {
        mark(reader, find_name(reader, graft_eog_names[i]), GRAFT_TOKEN_EOG | GRAFT_TOKEN_CONTROL);
    }
    for (size_t i = 0; graft_shown_names[i] != NULL; i++) {
        int32_t id = find_name(reader, graft_shown_names[i]);
        if (id >= 0) {
            vocabulary->tokens[id].kind =
                GRAFT_TOKEN_USER_DEFINED | (vocabulary->tokens[id].kind & GRAFT_TOKEN_EOG);
        }
    }
    mark(reader, vocabulary->eos, GRAFT_TOKEN_EOG);
    mark(reader, eot, GRAFT_TOKEN_EOG);
    mark(reader, eom, GRAFT_TOKEN_EOG);
    apply_exceptions(reader);

    vocabulary->add_bos = vocabulary->pre->add_bos;
    GRAFT_TRY(graft_gguf_want_bool(reader->file, GRAFT_VOCABULARY_KEY("add_bos_token"),
                                   &vocabulary->add_bos));
    if (vocabulary->add_bos && vocabulary->bos < 0) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: a BOS token is to be added, but there is none",
                             graft_gguf_path(reader->file)));
    }
    int32_t ids[] = {vocabulary->bos, vocabulary->eos, eot, eom, vocabulary->add_bos};
    graft_vocabulary__hash(&reader->hash, ids, sizeof ids);
done:
    return status;
}

/* "phi3" or "phi-3", however it is capitalised */
static bool says_phi3(const graft_gguf_string *name)
{
    for (size_t i = 0; i + 3 < name->len; i++) {
        const char *at = name->data + i;
        size_t three = at[3] == '-' ? 4 : 3;
        if ((at[0] | 32) == 'p' && (at[1] | 32) == 'h' && (at[2] | 32) == 'i' &&
            i + three < name->len && at[three] == '3') {
            return true;
        }
    }
    return false;
}

/* Models of the Phi-3 line: special tokens take the white space behind them along, but for some. */
graft_status graft_vocabulary__mark_stripping(const graft_vocabulary__reader *reader)
{
    graft_gguf_string name = {NULL, 0};
    graft_status status = graft_gguf_want_string(reader->file, "general.name", &name);
    if (status != GRAFT_OK || !says_phi3(&name)) {
        return status;
    }
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
    return GRAFT_OK;
}
