/* run/forecast.h - what a prepared training job will cost: the parts of graft_train_plan. */
#ifndef GRAFT_RUN_FORECAST_H
#define GRAFT_RUN_FORECAST_H

#include "run/preflight.h"
#include "run/training.h"

/* Lengths in tokens, of all examples; tokens of those that are trained on. */
typedef struct graft_length_figures {
    size_t n_examples, n_samples, n_tokens, n_trained;
    size_t shortest, median, p95, longest;
    size_t n_unfit;       /* do not fit the chat template; the lengths are those of the others */
    size_t limit, n_long; /* what an example may have, and how many have more */
    size_t n_cut, n_windows, n_lost; /* cut between turns, into so many; turns that do not fit */
} graft_length_figures;

/* Sums over the steps of the first epoch, or over all if there are fewer. */
typedef struct graft_step_figures {
    uint64_t n_steps, steps_per_epoch; /* of the whole run */
    size_t n_laid;                     /* steps summed over */
    size_t n_passes;
    size_t n_tokens, n_saved;          /* of the examples; not computed, being shared */
    size_t n_computed;                 /* rows of the passes */
    size_t n_largest;                  /* rows of the largest pass */
} graft_step_figures;

/* Bytes of resident memory. */
typedef struct graft_memory_figures {
    size_t base;        /* the mapped file */
    size_t adapter;     /* parameters, gradients, moments of the optimiser */
    size_t saving;      /* a checkpoint being written, the best adapter so far */
    size_t scratch;     /* logits and packed operands */
    size_t activations; /* of the largest pass */
    size_t other;       /* the program, vocabulary and data */
    size_t peak;        /* of all this */
    size_t n_tok, n_recomputed, n_layer; /* rows of the largest pass; layers in it */
} graft_memory_figures;

typedef struct graft_time_figures {
    size_t n_passes, n_computed; /* measured */
    double measured_seconds;
    double seconds;              /* of all steps of the run; the optimiser's own time left out */
    double tokens_per_second;    /* of the examples, shared ones included, as metrics.jsonl has it */
} graft_time_figures;

/* How often the evaluation data are scored, if nothing stops the run early. */
typedef struct graft_evaluation_figures {
    uint64_t n_evaluations; /* 0: never */
    uint64_t every;         /* steps between those while training; 0: there are none */
    size_t n_examples;
    size_t n_asked, n_turns; /* turns that are asked for, and all that could be */
} graft_evaluation_figures;

/* What a time limit leaves. */
typedef struct graft_limit_figures {
    uint64_t n_steps, most; /* there is time for; the settings ask for */
    double epochs, seconds_left, evaluation_seconds;
    double finishes_at; /* seconds since 1970 */
    char text[160];     /* all this for people */
} graft_limit_figures;

typedef struct graft_forecast {
    bool has_steps, has_space, has_time, has_limit; /* what is known: lengths always */
    graft_limit_figures limit;
    graft_evaluation_figures evaluations;
    graft_length_figures lengths;
    graft_step_figures steps;
    graft_memory_figures memory;
    graft_space_figures space;
    graft_time_figures time;
} graft_forecast;

/* The steps of the first epoch as the trainer lays them out. */
typedef struct graft_first_epoch {
    const graft_training *t;
    uint32_t *order;
    const graft_example **batch;
    size_t batch_capacity, n_steps;
    graft_step_layout *layout; /* of the step that was asked for last */
} graft_first_epoch;

graft_status graft_first_epoch_open(graft_first_epoch *epoch, const graft_training *t);
void graft_first_epoch_close(graft_first_epoch *epoch);
/* Lays out step i (below n_steps). */
graft_status graft_first_epoch_step(graft_first_epoch *epoch, size_t i);

/* Needs a corpus whose lengths are known. */
graft_status graft_forecast_lengths(graft_length_figures *out, const graft_corpus *corpus);
graft_status graft_forecast_steps(graft_step_figures *out, graft_first_epoch *epoch);
/* For passes up to n_tok rows. To be called before anything is computed: counts what is resident
 * now as `other`. */
void graft_forecast_memory(graft_memory_figures *out, const graft_training *t, size_t n_tok);
/* Runs a few passes and extrapolates to the steps of the run. GRAFT_E_NUMERICS if a loss is not
 * finite. */
graft_status graft_forecast_time(graft_time_figures *out, graft_training *t,
                                 graft_first_epoch *epoch, const graft_step_figures *steps);

/* How many steps there is time for, if there is a time limit. Takes the speed that was measured, and measures
 * an evaluation if the run has some. */
graft_status graft_forecast_limit(graft_limit_figures *out, graft_training *t,
                                  const graft_time_figures *time);

graft_status graft_forecast_text(graft_text *out, const graft_forecast *forecast,
                                 const graft_config *config);
graft_status graft_forecast_json(graft_text *out, const graft_forecast *forecast);

#endif
