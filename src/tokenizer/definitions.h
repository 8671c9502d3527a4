/* tokenizer/definitions.h - pre-tokenisers as tokenizer.json files write them.
 *
 * The rows of pretokenizers.c are patterns over classes of characters; here are the patterns over
 * characters that they stand for, as far as published files are known: to recognise such a file, and to
 * write one. */
#ifndef GRAFT_TOKENIZER_DEFINITIONS_H
#define GRAFT_TOKENIZER_DEFINITIONS_H

#include <stddef.h>

#include "tokenizer/pretokenizers.h"

/* What the steps ByteLevel (with use_regex) and Digits (individual_digits) stand for. */
#define GRAFT_PRE_WORDS                                                                          \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define GRAFT_PRE_DIGIT "\\p{N}"

/* Of words that are tokens: are merges obeyed or ignored (ignore_merges)? */
typedef enum graft_pre_merging { GRAFT_PRE_ANY, GRAFT_PRE_OBEYED, GRAFT_PRE_IGNORED } graft_pre_merging;

/* Patterns, one cut after the other. Of several that fit the first is meant. */
typedef struct graft_pre_definition {
    const char *patterns[2]; /* the second may be NULL */
    graft_pre_merging merges;
    const char *name;        /* a value of tokenizer.ggml.pre */
} graft_pre_definition;
extern const graft_pre_definition graft_pre_definitions[]; /* ends with name NULL */

/* How files would define the pre-tokeniser; NULL if that is not known. */
const graft_pre_definition *graft_pre_definition_of(const graft_pretokenizer *pre);

#endif
