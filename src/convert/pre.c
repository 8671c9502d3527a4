/* convert/pre.c - which pre-tokeniser a tokenizer.json describes.
 *
 * GGUF files name it (tokenizer.ggml.pre). Converters find the name by the ids that a vocabulary
 * gives a certain text, which knows published vocabularies only. Here the definition is read:
 * its steps as one line of text are looked up below. Where that very vocabulary has a name of
 * its own (fingerprint.c), and the same patterns, that one is taken. */
#include <string.h>

#include "convert/vocab.h"
#include "tokenizer/definitions.h"

static const char file[] = "tokenizer.json";

static const char *text_of(const graft_json *object, const char *name)
{
    return graft_json_string(graft_json_get(object, name), NULL);
}

/* One step of the pre-tokenizer, appended behind a line break; nothing for steps that cut
 * nothing. */
static graft_status append_step(graft_text *out, const graft_json *step)
{
    const char *type = text_of(step, "type");
    const char *separator = out->len > 0 ? "\n" : "";
    const char *unknown = type != NULL ? type : "without a type";
    if (type == NULL) {
        return graft_text_appendf(out, "%s<%s>", separator, unknown);
    }
    if (strcmp(type, "ByteLevel") == 0) {
        const graft_json *words = graft_json_get(step, "use_regex");
        bool cuts = words == NULL || graft_json_bool(words);
        bool prefix = graft_json_bool(graft_json_get(step, "add_prefix_space"));
        return graft_text_appendf(out, "%s%s%s", cuts || prefix ? separator : "",
                                  prefix ? "<space in front>" : "", cuts ? GRAFT_PRE_WORDS : "");
    }
    if (strcmp(type, "Digits") == 0) {
        bool single = graft_json_bool(graft_json_get(step, "individual_digits"));
        return graft_text_appendf(out, "%s%s", separator, single ? GRAFT_PRE_DIGIT : "<digits>");
    }
    const char *behavior = text_of(step, "behavior");
    const char *pattern = text_of(graft_json_get(step, "pattern"), "Regex");
    if (strcmp(type, "Split") == 0 && pattern != NULL && behavior != NULL) {
        /* what the pattern matches are the words; between them nothing is left, or it is kept */
        bool words = strcmp(behavior, "Isolated") == 0 ||
                     (strcmp(behavior, "Removed") == 0 &&
                      graft_json_bool(graft_json_get(step, "invert")));
        return graft_text_appendf(out, "%s%s%s", separator, words ? "" : "<another behavior>",
                                  pattern);
    }
    return graft_text_appendf(out, "%s<%s>", separator, unknown);
}

static graft_status describe(graft_text *out, const graft_json *tokenizer)
{
    graft_status status = GRAFT_OK;
    const graft_json *pre = graft_json_get(tokenizer, "pre_tokenizer");
    const graft_json *list = graft_json_get(pre, "pretokenizers");
    const graft_json *normalizer = graft_json_get(tokenizer, "normalizer");
    const char *type = text_of(normalizer, "type");
    if (normalizer != NULL && (type == NULL || strcmp(type, "NFC") != 0)) {
        const graft_json *parts = graft_json_get(normalizer, "normalizers");
        if (parts == NULL || graft_json_length(parts) > 0) {
            GRAFT_TRY(graft_text_appendf(out, "<normalizer %s>", type != NULL ? type : ""));
        }
    }
    for (size_t i = 0; i < graft_json_length(list); i++) {
        GRAFT_TRY(append_step(out, graft_json_at(list, i)));
    }
    if (list == NULL) {
        GRAFT_TRY(append_step(out, pre));
    }
done:
    return status;
}

static bool is_defined_by(const graft_pre_definition *d, const char *steps, graft_pre_merging merges)
{
    const char *const *patterns = d->patterns;
    size_t n = strlen(patterns[0]);
    if ((d->merges != GRAFT_PRE_ANY && d->merges != merges) ||
        strncmp(patterns[0], steps, n) != 0) {
        return false;
    }
    return patterns[1] == NULL ? steps[n] == '\0'
                               : steps[n] == '\n' && strcmp(steps + n + 1, patterns[1]) == 0;
}

static graft_status refuse(const graft_hf_vocab *vocab, const char *steps)
{
    graft_status status = GRAFT_OK;
    graft_text known;
    graft_text_init(&known);
    for (const graft_pre_definition *d = graft_pre_definitions; d->name != NULL; d++) {
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", known.len > 0 ? ", " : "", d->name));
    }
    status = graft_fail(GRAFT_E_MODEL, "%s/%s: the pre-tokeniser \"%.240s\" is unknown (known: %s; "
                        "--pre NAME says which it is)", vocab->folder, file, steps,
                        graft_text_z(&known));
done:
    graft_text_clear(&known);
    return status;
}

graft_status graft_hf__find_pre(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    graft_text steps;
    const char *known = NULL;
    const graft_json *model = graft_json_get(vocab->tokenizer, "model");
    graft_pre_merging merges = graft_json_bool(graft_json_get(model, "ignore_merges"))
                                   ? GRAFT_PRE_IGNORED : GRAFT_PRE_OBEYED;
    graft_text_init(&steps);
    GRAFT_TRY(describe(&steps, vocab->tokenizer));
    vocab->pre = NULL;
    for (const graft_pre_definition *d = graft_pre_definitions;
         d->name != NULL && vocab->pre == NULL; d++) {
        if (is_defined_by(d, graft_text_z(&steps), merges)) {
            vocab->pre = d->name;
            GRAFT_TRY(graft_hf__fingerprint(vocab, vocab->pre, d->patterns, &known));
        }
    }
    if (vocab->pre == NULL) {
        status = refuse(vocab, graft_text_z(&steps));
        goto done;
    }
    vocab->pre = known != NULL ? known : vocab->pre;
done:
    graft_text_clear(&steps);
    return status;
}
