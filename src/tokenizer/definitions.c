/* tokenizer/definitions.c - pre-tokenisers as tokenizer.json files write them. */
#include "tokenizer/definitions.h"

#include <string.h>

#define WORDS GRAFT_PRE_WORDS
#define DIGIT GRAFT_PRE_DIGIT
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


const graft_pre_definition graft_pre_definitions[] = {
    {{WORDS}, GRAFT_PRE_ANY, "gpt-2"},
    {{DIGIT, WORDS}, GRAFT_PRE_ANY, "smollm"},
    {{MODERN("\\p{L}", "\\p{N}{1,3}", "\\p{L}")}, GRAFT_PRE_IGNORED, "llama-bpe"},
    {{MODERN("\\p{L}", "\\p{N}{1,3}", "\\p{L}")}, GRAFT_PRE_OBEYED, "dbrx"},
    {{MODERN("\\p{L}", "\\p{N}", "\\p{L}")}, GRAFT_PRE_ANY, "qwen2"},
    {{MODERN("[\\p{L}\\p{M}]", "\\p{N}", "\\p{L}\\p{M}")}, GRAFT_PRE_ANY, "qwen35"},
    {{CASED(CONTRACTIONS "?", "\\p{N}{1,3}")}, GRAFT_PRE_ANY, "gpt-4o"},
    {{CASED("", "\\p{N}")}, GRAFT_PRE_ANY, "tekken"},
    {{NULL}, GRAFT_PRE_ANY, NULL},
};

const graft_pre_definition *graft_pre_definition_of(const graft_pretokenizer *pre)
{
    for (const graft_pre_definition *d = graft_pre_definitions; d->name != NULL; d++) {
        if (graft_pretokenizer_find(d->name, strlen(d->name)) == pre) {
            return d;
        }
    }
    return NULL;
}
