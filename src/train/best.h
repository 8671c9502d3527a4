/* train/best.h - the best adapter so far, by the scores of evaluations, and for how long it is unbeaten.
 *
 * What a score is of is not known here: the higher value is better. All of it is part of a checkpoint,
 * so a run that continues chooses the same adapter and stops at the same step. */
#ifndef GRAFT_TRAIN_BEST_H
#define GRAFT_TRAIN_BEST_H

#include "adapter/adapter.h"
#include "core/strings.h"

/* How well an adapter did. */
typedef struct graft_merit {
    double value;      /* the higher the better; NaN: not measured */
    double loss;       /* decides between equal values: the lower the better; NaN: unknown */
    uint64_t hits, of; /* what the value is the share of; 0 of 0: it is no share */
} graft_merit;

typedef struct graft_best {
    graft_text basis;        /* what was scored and how: scores on another basis do not compare */
    graft_real *params;      /* [n_params] of the best adapter; NULL: there is none yet */
    size_t n_params;
    uint64_t step;           /* after which it was that */
    graft_merit score;       /* its score */
    graft_merit last;        /* the score of the latest evaluation */
    uint64_t n_evaluations;  /* so far */
    uint64_t n_stale;        /* the latest of them, that were no better than the best */
    uint64_t evaluated;      /* the step after which something was measured last; 0: none */
} graft_best;

void graft_best_init(graft_best *best);
void graft_best_clear(graft_best *best);

/* Is a better than b? Of equal values the lower loss decides; a value that was not measured is never
 * better. */
bool graft_merit_is_better(const graft_merit *a, const graft_merit *b);

/* Counts an evaluation after `step`, and keeps a copy of the adapter's parameters if it is the first
 * one or better than the best. It ends a series of stale ones only if its value is higher than the
 * best by more than `threshold`. */
graft_status graft_best_offer(graft_best *best, const graft_adapter *adapter, uint64_t step,
                              const graft_merit *score, double threshold);

/* Copies the best parameters into the adapter; nothing happens if there are none. */
void graft_best_restore(const graft_best *best, graft_adapter *adapter);

#endif
