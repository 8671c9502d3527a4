/* tokenizer/categories.h - code points as one byte each, for the patterns of pre-tokenisers.
 *
 * The runtime (llama.cpp src/unicode.cpp) does not match its patterns against text but against a
 * copy of it in which every character is one byte: ASCII stays, all white space beyond it is a
 * vertical tab, and what is left is its general category. So are graft's patterns. */
#ifndef GRAFT_TOKENIZER_CATEGORIES_H
#define GRAFT_TOKENIZER_CATEGORIES_H

#include <stddef.h>
#include <stdint.h>

#define GRAFT_N_CODEPOINTS ((size_t)0x110000)

enum {
    GRAFT_CLASS_SPACE = 0x0b,
    GRAFT_CLASS_OTHER = 0xd0,
    GRAFT_CLASS_NUMBER,
    GRAFT_CLASS_LETTER,
    GRAFT_CLASS_PUNCTUATION,
    GRAFT_CLASS_MARK,
    GRAFT_CLASS_SYMBOL,
    GRAFT_CLASS_SET = 0xe0, /* the first set of a pattern, see pretokenizers.h; others follow */
};

/* Sets classes[c] for every code point c. */
void graft_classes_fill(uint8_t classes[GRAFT_N_CODEPOINTS]);

#endif
