/* export/grammar_passages.h - passages of rendered text, and the expressions they become. Room-internal. */
#ifndef GRAFT_EXPORT_GRAMMAR_PASSAGES_H
#define GRAFT_EXPORT_GRAMMAR_PASSAGES_H

#include <stdbool.h>

#include "core/strings.h"

/* A part of a text, which must outlive it. */
typedef struct graft_passage {
    const char *at;
    size_t n;
} graft_passage;

/* Ids of the calls that probes make: any other may stand in their place. */
enum { GRAFT_PROBE_CALLS = 3 };
extern const char *const graft_probe_ids[GRAFT_PROBE_CALLS];

graft_passage graft_passage_whole(const graft_text *text);
/* Cuts the text at the first `what`; false if it has none. */
bool graft_passage_find(graft_passage *before, graft_passage *behind, graft_passage text, const char *what);
bool graft_passage_same(graft_passage a, graft_passage b);
/* What both begin with: a piece of the first. */
graft_passage graft_passage_common(graft_passage a, graft_passage b);
/* Without its first n bytes. */
graft_passage graft_passage_behind(graft_passage text, size_t n);
/* *out = the text. */
graft_status graft_passage_keep(graft_text *out, graft_passage text);
/* *out = an expression for two texts from the same place of two calls: where numbers differ stands any
 * number, and ids of calls are any. *ok becomes false if they differ otherwise. */
graft_status graft_passage_generalise(graft_text *out, graft_passage a, graft_passage b, bool *ok);
/* The same for one text. */
graft_status graft_passage_express(graft_text *out, graft_passage text);

#endif
