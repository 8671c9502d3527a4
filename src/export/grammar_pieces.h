/* export/grammar_pieces.h - pieces of rendered text, and the expressions they become. Room-internal. */
#ifndef GRAFT_EXPORT_GRAMMAR_PIECES_H
#define GRAFT_EXPORT_GRAMMAR_PIECES_H

#include <stdbool.h>

#include "core/strings.h"

/* A part of a text, which must outlive it. */
typedef struct graft_piece {
    const char *at;
    size_t n;
} graft_piece;

/* Ids of the calls that probes make: any other may stand in their place. */
enum { GRAFT_PROBE_CALLS = 3 };
extern const char *const graft_probe_ids[GRAFT_PROBE_CALLS];

graft_piece graft_piece_whole(const graft_text *text);
/* Cuts the text at the first `what`; false if it has none. */
bool graft_piece_find(graft_piece *before, graft_piece *behind, graft_piece text, const char *what);
bool graft_piece_same(graft_piece a, graft_piece b);
/* What both begin with: a piece of the first. */
graft_piece graft_piece_common(graft_piece a, graft_piece b);
/* Without its first n bytes. */
graft_piece graft_piece_behind(graft_piece text, size_t n);
/* *out = the text. */
graft_status graft_piece_keep(graft_text *out, graft_piece text);
/* *out = an expression for two texts from the same place of two calls: where numbers differ stands any
 * number, and ids of calls are any. *ok becomes false if they differ otherwise. */
graft_status graft_piece_generalise(graft_text *out, graft_piece a, graft_piece b, bool *ok);
/* The same for one text. */
graft_status graft_piece_express(graft_text *out, graft_piece text);

#endif
