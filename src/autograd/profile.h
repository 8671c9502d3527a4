/* autograd/profile.h - where the time of a pass goes: a few clock readings per op, always on. */
#ifndef GRAFT_AUTOGRAD_PROFILE_H
#define GRAFT_AUTOGRAD_PROFILE_H

#include "core/clock.h"

typedef enum graft_part {
    GRAFT_PART_FEED,          /* norms and gated units */
    GRAFT_PART_EXPAND,        /* frozen maps with the low-rank part, forward */
    GRAFT_PART_REDUCE,        /* x A^T */
    GRAFT_PART_FEED_BACK,     /* norms and gated units, backward; rounding */
    GRAFT_PART_INPUT_GRAD,    /* frozen maps with the low-rank part, backward */
    GRAFT_PART_REDUCE_GRAD,   /* dy B */
    GRAFT_PART_FACTOR_GRAD,   /* gradients of A and B */
    GRAFT_PART_ROPE,
    GRAFT_PART_ATTENTION,
    GRAFT_PART_ATTENTION_BACK,
    GRAFT_PART_HEAD,          /* both directions */
    GRAFT_PART_OTHER,         /* embedding, gathering */
    GRAFT_N_PARTS
} graft_part;

extern const char *const graft_part_names[GRAFT_N_PARTS];

typedef struct graft_part_figures {
    double seconds, flop;
} graft_part_figures;

typedef struct graft_profile {
    graft_part_figures parts[GRAFT_N_PARTS];
} graft_profile;

/* Adds what has passed since `begin`. */
static inline void graft_profile_add(graft_profile *profile, graft_part part, double begin,
                                     double flop)
{
    profile->parts[part].seconds += graft_clock_seconds() - begin;
    profile->parts[part].flop += flop;
}

#endif
