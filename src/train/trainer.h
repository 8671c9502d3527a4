/* train/trainer.h - the steps of a training run: passes, gradients, optimiser.
 *
 * A trainer's state is the adapter, the optimiser's moments, the number of steps done, what the watch
 * remembers of them (train/watch.h), how many steps there will be if that was planned anew (train/pace.h), and
 * notes. Everything else is a function of the configuration and that number, so a resumed run continues with the same bits. */
#ifndef GRAFT_TRAIN_TRAINER_H
#define GRAFT_TRAIN_TRAINER_H

#include "adapter/adapter.h"
#include "config/config.h"
#include "core/sensors.h"
#include "data/example.h"
#include "data/mix.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "train/notes.h"
#include "train/plan.h"
#include "train/watch.h"

/* The unit of batch_size: one line of the dataset, which may give several samples. */
typedef struct graft_unit {
    const graft_example *samples;
    size_t n_samples;
    size_t part; /* of the mixture: index of its entry in `dataset`; behind the last one: replay */
} graft_unit;

/* What became of a step. All but the first: nothing was changed, unless it says so. */
typedef enum graft_step_outcome {
    GRAFT_STEP_APPLIED,
    GRAFT_STEP_BAD_LOSS,     /* it is not finite */
    GRAFT_STEP_BAD_GRADIENT, /* likewise, or too large to be squared */
    GRAFT_STEP_SPIKE,        /* loss_spike: skip */
    GRAFT_STEP_RUINED,       /* the update made parameters that are not finite: they are lost */
} graft_step_outcome;

enum { GRAFT_SUSPECTS = 8, GRAFT_WHERE_BYTES = 256 };

typedef struct graft_step_report {
    uint64_t step;        /* 1-based */
    double epoch;         /* after the step */
    double loss;          /* per unit of weight, over the step */
    double grad_norm;     /* before clipping; 0: there is none */
    double learning_rate; /* with the factor */
    double factor;        /* of the learning rate, see graft_watch */
    size_t tokens, trained_tokens, saved_tokens;
    double seconds;
    graft_step_outcome outcome;
    char where[GRAFT_WHERE_BYTES]; /* what was not finite first; "" if the step was applied */
    const graft_example *suspects[GRAFT_SUSPECTS]; /* examples whose loss is not finite, the first ones */
    size_t n_suspects;    /* 0: unknown */
    bool spike;           /* the loss lies above band.limit */
    graft_loss_band band; /* of the losses before it */
    bool diverges;        /* said once: the level of the losses has risen from one to the other */
    double level_from, level;
    bool disagreed;       /* a pass that was computed twice had other bits; a third time decided */
    graft_heat heat;       /* of the machine after the step; not the trainer's work */
    double paused_seconds; /* that the run rested before the step, not part of `seconds` */
} graft_step_report;

/* The speed of the latest steps, of about the last ten minutes or ten steps. */
typedef struct graft_pace_speed {
    double tokens, seconds, squares; /* squares: of seconds, by token; older steps weigh less */
    double fresh_tokens, fresh_seconds; /* of steps that do not add up to a second yet: not part of them */
} graft_pace_speed;

/* What a run with a time limit knows of its speed (train/pace.h). */
typedef struct graft_pace_memory {
    bool planned;              /* n_steps followed from the time there was */
    double spent;              /* seconds of the run so far */
    double tokens_per_second;  /* of its steps, with all that stands between them; 0: unknown */
    double evaluation_seconds; /* of its last evaluation; 0: unknown */
    bool of_adapter;           /* that was of its own adapter, not of the base */
    graft_pace_speed speed;    /* what tokens_per_second is of; nothing: unknown */
} graft_pace_memory;

typedef struct graft_trainer {
    const graft_config *config;
    graft_model *model;
    graft_adapter *adapter;
    graft_compute *compute;
    const graft_unit *units;
    size_t n_units;
    graft_plan plan;
    const graft_optimizer *optimizer;
    const graft_schedule *schedule;
    graft_real *moments[2];
    uint64_t step, n_steps, steps_per_epoch;
    uint64_t n_asked; /* steps that the settings ask for: n_steps, or more than there is time for */
    graft_course course;
    graft_pace_memory pace;
    graft_step_layout *layout;
    graft_mix mix;
    uint32_t *order; /* the units of the epoch in ordered_epoch, mix.n_slots */
    uint32_t *slots; /* scratch: the same before they are ordered */
    const graft_example **firsts; /* scratch: the first sample of each slot */
    uint32_t *lengths; /* of each unit in tokens; NULL without a curriculum, and so are the keys */
    uint64_t *keys;    /* scratch */
    uint64_t ordered_epoch;
    const graft_example **batch; /* of the step that ran last */
    size_t n_batch, batch_capacity;
    graft_watch watch;
    size_t n_disagreed;  /* steps of this process in which a pass had other bits when repeated */
    bool base_is_finite; /* all weights of the base were looked at */
    graft_notes notes; /* what others decided while the run went on; part of checkpoints */
} graft_trainer;

/* Everything is borrowed and must outlive the trainer; units of one part follow one another. Plans memory (see graft_plan_make).
 * GRAFT_E_CONFIG if there is nothing to do. */
graft_status graft_trainer_init(graft_trainer *trainer, const graft_config *config,
                                graft_model *model, graft_adapter *adapter,
                                graft_compute *compute, const graft_unit *units, size_t n_units);
void graft_trainer_clear(graft_trainer *trainer);

/* Cuts steps as the part of the run before cut them, unless max_tokens_per_pass is set or an example is
 * longer than its passes: the sizes follow from the memory of the machine, and change the order of sums.
 * GRAFT_E_MEMORY if such passes do not fit here. */
graft_status graft_trainer_adopt_passes(graft_trainer *trainer, uint64_t usual_tokens,
                                        uint64_t max_tokens);

/* order[0..mix.n_slots) = the units of an epoch in order: a pure function of the settings, the units
 * and the epoch. Uses scratch of the trainer. */
void graft_trainer_order(const graft_trainer *trainer, uint32_t *order, uint32_t epoch);

/* The run ends after n_steps (above those done); the learning rate goes there without a jump. */
void graft_trainer_end_at(graft_trainer *trainer, uint64_t n_steps);

/* Runs the next step, and moves on to the one behind it even if this one is not applied: see
 * report->outcome. GRAFT_E_NUMERICS if the machine computes wrongly: a pass of a recheck had other
 * bits three times, or a second step had such a pass. GRAFT_E_MODEL if the loss is not finite because
 * the base has weights that are not, naming one. */
graft_status graft_trainer_step(graft_trainer *trainer, graft_step_report *report);

/* Back to step 0: no moments, and nothing remembered. The parameters are the caller's matter. */
void graft_trainer_rewind(graft_trainer *trainer);

/* Sum of weighted losses and of weights over examples, without training; logprobs as
 * graft_model_loss per example is not kept. */
graft_status graft_examples_loss(graft_model *model, graft_compute *compute,
                                 const graft_example *const *examples, size_t n,
                                 size_t max_tokens_per_pass, double *loss_sum, double *weight_sum);

/* Both ask between passes whether the job is to stop (core/interrupt.h). */

/* Told of each prediction, in how many examples it stands, and the log-probability of its target. */
typedef void graft_visit_logprob(void *context, const graft_prediction *prediction, size_t times,
                                 float logprob);
/* As graft_examples_loss; `visit` is told of every prediction. */
graft_status graft_examples_visit(graft_model *model, graft_compute *compute,
                                  const graft_example *const *examples, size_t n,
                                  size_t max_tokens_per_pass, double *loss_sum, double *weight_sum,
                                  graft_visit_logprob *visit, void *context);

/* Log-probability of each token of one example given those before it; out[0] is not written. */
graft_status graft_example_logprobs(graft_model *model, graft_compute *compute,
                                    const graft_example *example, float *out);

#endif
