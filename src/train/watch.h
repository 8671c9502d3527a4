/* train/watch.h - what a run remembers to judge its steps: bad ones, spikes, divergence, rollbacks.
 *
 * All of it is state like the moments: a function of the settings and the steps done, and part of
 * every checkpoint. So a run that is interrupted judges, skips and rolls back as if it had not been.
 *
 * A step is bad if its loss or gradient is not finite. It is not applied: parameters and moments
 * stay, and the run goes on with the next batch. After max_bad_steps of them in a row the
 * run returns to a checkpoint from before they began and goes on with half the learning rate. Only
 * checkpoints at fixed steps (anchors) serve for that, since when the others are written depends on
 * the clock. After GRAFT_MAX_ROLLBACKS rollbacks it gives up. */
#ifndef GRAFT_TRAIN_WATCH_H
#define GRAFT_TRAIN_WATCH_H

#include "config/config.h"
#include "io/hdf5.h"

enum {
    GRAFT_WATCH_WINDOW = 64, /* recent losses that a loss is compared with */
    GRAFT_WATCH_LEAST = 16,  /* before so many nothing is called a spike */
    GRAFT_WATCH_LEVEL = 8,   /* losses whose median is the level that a run has reached */
    GRAFT_MAX_ROLLBACKS = 3,
};

typedef struct graft_watch {
    double factor;         /* of the learning rate: 1, halved by each rollback */
    uint64_t n_rollbacks;
    uint64_t n_bad;        /* steps that were not applied, in a row, up to now */
    uint64_t n_skipped;    /* steps up to now that were not applied */
    uint64_t n_losses;     /* of applied steps; the latest lie in losses[(n - 1) % WINDOW] */
    double losses[GRAFT_WATCH_WINDOW];
    double first;          /* the first of them */
    double lowest;         /* level so far; infinite before there is one */
    bool diverged;         /* it was said */
} graft_watch;

void graft_watch_init(graft_watch *watch);

/* What the recent losses are like. */
typedef struct graft_loss_band {
    double median, limit; /* a loss above the limit is a spike; infinite while little is known */
} graft_loss_band;

/* The limit is the median and eight times the spread, which is the median distance from it, made comparable
 * with a standard deviation, or what the upper tail has, whichever is larger (and at least 5 % of
 * the median): losses of small batches have long tails. */
graft_loss_band graft_watch_band(const graft_watch *watch);

/* An applied step of that loss. True, once, when the level shows that training diverges: the median of
 * the latest losses is more than twice the lowest one so far, or twice the first loss, and by more
 * than 1. *from: what it is compared with; *level: what it is. */
bool graft_watch_take(graft_watch *watch, double loss, double *from, double *level);

/* A step that was not applied. */
void graft_watch_skip(graft_watch *watch);

/* Is it time to go back, and is there still one rollback left? */
bool graft_watch_is_stuck(const graft_watch *watch, const graft_config *config);
bool graft_watch_may_roll_back(const graft_watch *watch);

/* Steps between anchors: the first multiple of save_steps from 10 on, or 50; 0: no checkpoints are
 * written while training. */
uint64_t graft_watch_anchor_steps(const graft_config *config);
/* Is step one? */
bool graft_watch_is_anchor(const graft_config *config, uint64_t step);
/* The anchor that a rollback after `step` steps returns to: the latest at least eight steps before the
 * bad ones in a row; 0: the start. */
uint64_t graft_watch_target(const graft_watch *watch, const graft_config *config, uint64_t step);
/* May a rollback need the checkpoint of step `saved`, now after `step` steps, or a second one? */
bool graft_watch_needs(const graft_watch *watch, const graft_config *config, uint64_t step,
                       uint64_t saved);

/* After the state of the target was restored into *watch: the rollback that `before` led to. */
void graft_watch_roll_back(graft_watch *watch, const graft_watch *before);

/* The record of a checkpoint. Getting: GRAFT_E_CHECKPOINT if it is missing, or cannot be
 * true after `step` steps. */
graft_status graft_watch_put(const graft_watch *watch, graft_h5_writer *image);
graft_status graft_watch_get(graft_watch *watch, const graft_h5 *image, const char *path,
                             uint64_t step);

#endif
