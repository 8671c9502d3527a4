/* tokenizer/pretokenizers.h - how text is cut into words before byte pairs are merged.
 *
 * One row per family; `tokenizer.ggml.pre` names it. The cuts are made one after the other: the
 * first cuts the text into its matches and what lies between them, the next cuts each of those
 * pieces again without seeing its neighbours, and so on (llama.cpp's unicode_regex_split).
 * Adding a pre-tokeniser is adding a row. */
#ifndef GRAFT_TOKENIZER_PRETOKENIZERS_H
#define GRAFT_TOKENIZER_PRETOKENIZERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"
#include "core/strings.h"
#include "tokenizer/splitter.h"

#define GRAFT_PRETOKENIZER_MAX_NAMES 20
#define GRAFT_PRETOKENIZER_MAX_CUTS 6

typedef struct graft_pretokenizer {
    const char *names[GRAFT_PRETOKENIZER_MAX_NAMES]; /* values of tokenizer.ggml.pre */
    graft_cut cuts[GRAFT_PRETOKENIZER_MAX_CUTS];     /* an empty one ends the list */
    bool ignore_merges;  /* a word that is a token is taken whole, merges or not */
    bool add_bos;        /* unless tokenizer.ggml.add_bos_token says otherwise */
    bool insists_on_bos; /* whatever that key says */
    bool no_bos;         /* no default for the BOS token */
    bool no_merges;      /* tokenizer.ggml.merges may be missing */
    bool characters;     /* what is merged are characters, with spaces written as U+2581; bytes that
                            no token has are tokens <0xXX> */
    bool whole_lines;    /* of those, a run of newlines that is a token is taken whole */
} graft_pretokenizer;

extern const graft_pretokenizer graft_pretokenizers[];
extern const size_t graft_n_pretokenizers;

/* The row that has the name; NULL if there is none. */
const graft_pretokenizer *graft_pretokenizer_find(const char *name, size_t n);
size_t graft_pretokenizer_n_cuts(const graft_pretokenizer *pre);
/* Appends " gpt-2 phi-2 ...": all names there are. */
graft_status graft_pretokenizers_list(graft_text *out);

#endif
