/* tokenizer/splitter.h - cuts text into words by a sequence of patterns.
 *
 * The compiled patterns are constant and may be used by many threads; each takes a state of its
 * own. */
#ifndef GRAFT_TOKENIZER_SPLITTER_H
#define GRAFT_TOKENIZER_SPLITTER_H

#include <stddef.h>

#include "core/status.h"

typedef struct graft_splitter graft_splitter;
typedef struct graft_split_state graft_split_state;

/* Compiles patterns[0..n). They are trusted (rows of pretokenizers.c). */
graft_status graft_splitter_new(graft_splitter **out, const char *const *patterns, size_t n);
void graft_splitter_free(graft_splitter *splitter);

graft_status graft_split_state_new(graft_split_state **out);
void graft_split_state_free(graft_split_state *state);

/* Takes one word, text[start..end), start < end. */
typedef graft_status graft_split_word(void *context, size_t start, size_t end);

/* Hands the words of text[0..n) to `word`, in order and without gaps. The text must be valid UTF-8.
 * Linear in n for the patterns there are; PCRE2's limits on matching turn anything else into
 * GRAFT_E_DATA. */
graft_status graft_splitter_run(const graft_splitter *splitter, graft_split_state *state,
                                const char *text, size_t n, graft_split_word *word, void *context);

#endif
