/* autograd/linears.h - room-internal: linear maps with their low-rank parts, what they keep for the way back.
 *
 * All maps that share an input are one op: one packing of it, the part of rank r summed in the same
 * registers, one sum of everything that flows back. */
#ifndef GRAFT_AUTOGRAD_LINEARS_H
#define GRAFT_AUTOGRAD_LINEARS_H

#include "autograd/feed.h"
#include "autograd/live_rows.h"
#include "autograd/magnitude.h"
#include "kernels/dropout.h"

/* A low-rank part while its op lives. */
typedef struct graft_low_rank_saved {
    graft_weight a, b;
    graft_act *h;      /* [n_tok, rank] = scale * dropped A^T */
    graft_act *g;      /* in backward [n_tok, rank] = scale * dy B */
    graft_act *z;      /* [n_tok, n_out], what comes out before magnitudes; NULL: there are none */
    graft_dropout mask;
} graft_low_rank_saved;

typedef struct graft_linears {
    graft_feed feed;
    graft_real *inv_rms;
    graft_linear maps[GRAFT_MAX_MAPS];
    graft_low_rank_saved parts[GRAFT_MAX_MAPS];
    graft_tensor *outs[GRAFT_MAX_MAPS], *residual;
    size_t n, n_tok, n_in;
    graft_real scale; /* of all outputs */
    bool drops;
} graft_linears;

size_t graft_linears__rank(const graft_linears *s, size_t i);

/* The first map with the same A. Maps that are rows of one matrix and adapted as one share what
 * depends on A alone: h, and the sum of what flows back to it. */
size_t graft_linears__owner(const graft_linears *s, size_t i);
bool graft_linears__owns(const graft_linears *s, size_t i); /* has a low-rank part, and is that map */
bool graft_linears__scales(const graft_linears *s, size_t i); /* has magnitudes */

/* Products, counted for this part of the profile. */
void graft_linears__run(graft_tape *tape, graft_part part, const graft_product *products, size_t n,
                        size_t n_tok);
double graft_linears__flop(const graft_product *products, size_t n, size_t n_tok);

/* *out = dropout(x) for map i, or x itself. */
graft_status graft_linears__drop(graft_tape *tape, const graft_act **out, const graft_linears *s,
                                 size_t i, const graft_act *x);

/* Whether any map has a low-rank part. */
bool graft_linears__adapted(const graft_linears *s);

graft_status graft_linears__backward(graft_tape *tape, void *saved);

#endif
