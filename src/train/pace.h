/* train/pace.h - how many steps there is time for: functions of what was measured, and what of it is noted
 * for a run that continues.
 *
 * A run that has to be done by some time takes as many steps as leave time for the evaluations between
 * them, the one at the end, and writing the results, with a reserve; never more than the settings ask for. */
#ifndef GRAFT_TRAIN_PACE_H
#define GRAFT_TRAIN_PACE_H

#include "train/trainer.h"

/* One more step. Those that take less than a second are counted together: how milliseconds vary says nothing of
 * minutes. */
void graft_pace_measure(graft_pace_speed *speed, double tokens, double seconds);
/* How much the time per token differs from step to step, as a share of its mean; 0: unknown. */
double graft_pace_spread(const graft_pace_speed *speed);

typedef struct graft_pace_costs {
    uint64_t step, most;    /* steps done; those that the settings ask for */
    double seconds_left;
    double first_seconds; /* before the next step: an evaluation that is still to come */
    /* Steps: first_epoch[i] is the tokens of the first i steps (per_epoch + 1 of them). */
    const double *first_epoch;
    uint64_t per_epoch;
    double tokens_per_second;
    double spread; /* of it (graft_pace_spread): on a machine that others use, the reserve is larger */
    /* Evaluations: between steps, if `between`; of them the one at `step` is due unless `evaluated`. */
    bool between, evaluated;
    double eval_steps; /* as the setting: a count, a share of all steps, 0: each epoch */
    double evaluation_seconds;
    bool evaluates_end;
    bool of_base;         /* was measured of the base: replies of a trained model may be longer */
    double close_seconds; /* artefacts, reports */
} graft_pace_costs;

/* Steps between evaluations in a run of n_steps. */
uint64_t graft_pace_interval(double eval_steps, uint64_t per_epoch, uint64_t n_steps);

/* Seconds from now until all is done if the run ends after n steps (at least those done). `reserve`: how
 * much of the reserve is added, 0 to 1. */
double graft_pace_seconds(const graft_pace_costs *costs, uint64_t n, double reserve);

/* The most steps, of those that the settings ask for, that leave the whole reserve; costs->step if
 * there is no time for another one. */
uint64_t graft_pace_fit(const graft_pace_costs *costs);

/* What a run that was to end after n steps does now: it ends earlier if half of the reserve is gone, and
 * later if there is time for a tenth more of the steps left (at least two, and two seconds) or for all. */
uint64_t graft_pace_decide(const graft_pace_costs *costs, uint64_t n);

/* Notes the plan of a run that has one (train/notes.h), so that it is part of checkpoints: how many steps, the
 * course of the learning rate, what was measured (but for steps that do not add up to a second yet). */
graft_status graft_pace_note(graft_trainer *trainer);
/* Takes over the plan from the notes of a checkpoint at `step`; without one nothing changes.
 * GRAFT_E_CHECKPOINT if it makes no sense. */
graft_status graft_pace_recall(graft_trainer *trainer, const graft_notes *notes, uint64_t step,
                               const char *path);

#endif
