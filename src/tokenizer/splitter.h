/* tokenizer/splitter.h - cuts text into words by a sequence of cuts.
 *
 * What is compiled is constant and may be used by many threads; each takes a state of its own. */
#ifndef GRAFT_TOKENIZER_SPLITTER_H
#define GRAFT_TOKENIZER_SPLITTER_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Characters that a cut tells from others of their category: they have the class `class`,
 * GRAFT_CLASS_SET or above, in what it sees. Of two that overlap the later one counts. White space
 * belongs to none. A list ends with class 0. */
typedef struct graft_code_set {
    uint8_t class;
    uint32_t first, last;
} graft_code_set;

/* The border behind `from` in text[0..n), from < n, or n. *run_end is for its own use; 0 at the
 * begin of a text. */
typedef size_t graft_cut_function(const uint8_t *text, size_t n, size_t from, size_t *run_end);

/* One cut of a text in which every character is one byte (categories.h): a pattern (PCRE2 over
 * bytes), or a function where a pattern would take long on long runs. */
typedef struct graft_cut {
    const char *pattern;
    const graft_code_set *sets; /* NULL: none */
    graft_cut_function *cut;
} graft_cut;

typedef struct graft_splitter graft_splitter;
typedef struct graft_split_state graft_split_state;

/* Compiles cuts[0..n), n >= 1. They are trusted (rows of pretokenizers.c). */
graft_status graft_splitter_new(graft_splitter **out, const graft_cut *cuts, size_t n);
void graft_splitter_free(graft_splitter *splitter);

graft_status graft_split_state_new(graft_split_state **out);
void graft_split_state_free(graft_split_state *state);

/* Takes one word, text[start..end), start < end. */
typedef graft_status graft_split_word(void *context, size_t start, size_t end);

/* Hands the words of text[0..n) to `word`, in order and without gaps. The text must be sound, see
 * sound.h; n < UINT32_MAX. Linear in n for the cuts there are; PCRE2's limits on matching turn
 * anything else into GRAFT_E_DATA. */
graft_status graft_splitter_run(const graft_splitter *splitter, graft_split_state *state,
                                const char *text, size_t n, graft_split_word *word, void *context);

#endif
