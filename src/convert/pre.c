/* convert/pre.c - which pre-tokeniser a tokenizer.json describes.
 *
 * GGUF files name it (tokenizer.ggml.pre). Converters find the name by the ids that a vocabulary
 * gives a certain text, which knows published vocabularies only. Here the definition is read:
 * its steps as one line of text are looked up below. Where that very vocabulary has a name of
 * its own (fingerprint.c), and the same patterns, that one is taken. */
#include <string.h>

#include "convert/vocab.h"
/* Patterns as tokenizer files write them; the first two are those that steps stand for. */
#define WORDS "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define DIGIT "\\p{N}"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TAIL "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define MODERN(letter, number, rest)                                                         \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?" letter "+|" number                              \
        "| ?[^\\s" rest "\\p{N}]+[\\r\\n]*|" TAIL
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(contractions, number)                                                          \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" contractions                                \
    "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" contractions                               \
    "|" number "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" TAIL

typedef enum merging { ANY, OBEYED, IGNORED } merging; /* of words that are tokens */

/* A definition: patterns, one cut after the other, and the name. The first that fits is taken. */
static const struct {
    const char *patterns[2];
    merging merges;
    const char *name;
} definitions[] = {
    {{WORDS}, ANY, "gpt-2"},
    {{DIGIT, WORDS}, ANY, "smollm"},
    {{MODERN("\\p{L}", "\\p{N}{1,3}", "\\p{L}")}, IGNORED, "llama-bpe"},
    {{MODERN("\\p{L}", "\\p{N}{1,3}", "\\p{L}")}, OBEYED, "dbrx"},
    {{MODERN("\\p{L}", "\\p{N}", "\\p{L}")}, ANY, "qwen2"},
    {{MODERN("[\\p{L}\\p{M}]", "\\p{N}", "\\p{L}\\p{M}")}, ANY, "qwen35"},
    {{CASED(CONTRACTIONS "?", "\\p{N}{1,3}")}, ANY, "gpt-4o"},
    {{CASED("", "\\p{N}")}, ANY, "tekken"},
};

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
                                  prefix ? "<space in front>" : "", cuts ? WORDS : "");
    }
    if (strcmp(type, "Digits") == 0) {
        bool single = graft_json_bool(graft_json_get(step, "individual_digits"));
        return graft_text_appendf(out, "%s%s", separator, single ? DIGIT : "<digits>");
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

static bool is_defined_by(size_t i, const char *steps, merging merges)
{
    const char *const *patterns = definitions[i].patterns;
    size_t n = strlen(patterns[0]);
    if ((definitions[i].merges != ANY && definitions[i].merges != merges) ||
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
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++) {
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", i > 0 ? ", " : "", definitions[i].name));
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
    merging merges = graft_json_bool(graft_json_get(model, "ignore_merges")) ? IGNORED : OBEYED;
    graft_text_init(&steps);
    GRAFT_TRY(describe(&steps, vocab->tokenizer));
    vocab->pre = NULL;
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions && vocab->pre == NULL; i++) {
        if (is_defined_by(i, graft_text_z(&steps), merges)) {
            vocab->pre = definitions[i].name;
            GRAFT_TRY(graft_hf__fingerprint(vocab, vocab->pre, definitions[i].patterns, &known));
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
