/* tokenizer/pretokenizers.h - how text is cut into words before byte pairs are merged.
 *
 * One row per family; `tokenizer.ggml.pre` names it. The patterns are applied one after the other:
 * the first cuts the text into its matches and what lies between them, the next cuts each of
 * those pieces again without seeing its neighbours, and so on (llama.cpp's unicode_regex_split).
 * Adding a pre-tokeniser is adding a row. */
#ifndef GRAFT_TOKENIZER_PRETOKENIZERS_H
#define GRAFT_TOKENIZER_PRETOKENIZERS_H

#include <stdbool.h>
#include <stddef.h>

#define GRAFT_PRETOKENIZER_MAX_NAMES 20
#define GRAFT_PRETOKENIZER_MAX_PATTERNS 5

typedef struct graft_pretokenizer {
    const char *names[GRAFT_PRETOKENIZER_MAX_NAMES];       /* values of tokenizer.ggml.pre */
    const char *patterns[GRAFT_PRETOKENIZER_MAX_PATTERNS]; /* PCRE2, Unicode; NULL ends the list */
    bool ignore_merges; /* a word that is a token is taken whole, merges or not */
    bool add_bos;       /* unless tokenizer.ggml.add_bos_token says otherwise */
} graft_pretokenizer;

extern const graft_pretokenizer graft_pretokenizers[];
extern const size_t graft_n_pretokenizers;

/* The row that has the name; NULL if there is none. */
const graft_pretokenizer *graft_pretokenizer_find(const char *name, size_t n);

#endif
