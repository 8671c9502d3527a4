/* run/training.h - the parts of a training job, shared by its files. */
#ifndef GRAFT_RUN_TRAINING_H
#define GRAFT_RUN_TRAINING_H

#include "eval/selection.h"
#include "io/files.h"
#include "run/general.h"
#include "run/runlog.h"
#include "train/checkpoint.h"
#include "train/journal.h"

/* Examples that are not trained, on which the loss tells what is forgotten. */
typedef struct graft_held {
    graft_corpus corpus;
    double before, last, after; /* loss per token: of the base, measured last, of what is exported; 0:
                                 * not measured */
    uint64_t last_step;         /* when `last` was measured */
    size_t n_tokens;            /* that it is over */
} graft_held;

enum { GRAFT_MOMENT_BYTES = 64 };

typedef struct graft_training {
    graft_config *config;
    const graft_hooks *hooks;
    graft_lock *lock;
    graft_runlog *log;
    graft_session session;
    graft_corpus train, eval;
    graft_held replay;  /* what is held back of it; the rest is in `train` */
    graft_held general; /* perplexity_dataset */
    graft_trainer trainer;
    graft_journal *journal;
    graft_text identity;
    char base_hash[65];
    char *checkpoints; /* folder */
    graft_eval_report before, after; /* n == 0: not measured; while training, after: of the adapter that
                                      * would be exported now */
    graft_selection selection;
    graft_best best;
    uint64_t measured_every; /* steps between measurements while training */
    bool scores_between;     /* is the evaluation data part of them? */
    bool stopped_early;
    uint64_t chosen_step;    /* what is exported is the adapter of this step; 0: of the last one */
    double begin;      /* clock when training proper began */
    uint64_t begin_step;
    double last_save;
    double seconds;    /* that the steps of this process took */
    uint64_t tokens, saved_tokens; /* of the examples of these steps; not computed, being shared */
    double last_loss;
} graft_training;

void graft_training_init(graft_training *t, graft_config *config, const graft_hooks *hooks);
void graft_training_close(graft_training *t);
/* Reads and splits the data, opens the base, tokenises, makes the adapter and the trainer. */
graft_status graft_training_prepare(graft_training *t);
/* Continues from a checkpoint if there is one and the settings allow it. */
graft_status graft_training_resume(graft_training *t);
/* Steps until done; on GRAFT_E_INTERRUPTED a checkpoint has been saved. */
graft_status graft_training_steps(graft_training *t);
/* Reads `replay` into the training data, which are read, and holds some of it back. */
graft_status graft_training_read_replay(graft_training *t);
/* Says how much of each dataset an epoch has, unless it is all of everything. */
void graft_training_log_mixture(const graft_training *t);

/* --- what is forgotten (forgetting.c) --- */

/* Measures the losses on replay and general text, if there are such and it was not done at this step; into
 * the journal too. */
graft_status graft_training_measure_held(graft_training *t, const graft_journal_place *place);
/* The losses before the first step: measured, or in a run that continues read from the journal. */
graft_status graft_training_begin_held(graft_training *t);
/* Appends a line for each of which both losses are known. */
graft_status graft_training_format_held(const graft_training *t, graft_text *out);
/* Adds {"replay_loss_before", ...} likewise. */
graft_status graft_training_set_held(const graft_training *t, graft_json *object);

/* --- scores (evaluations.c, evaluation_plan.c) --- */

/* "epoch 2" or "step 40", with another sign instead of the space for files. */
void graft_training_name_moment(char out[GRAFT_MOMENT_BYTES], const graft_training *t,
                                uint64_t step, char between);

/* What can be said before the base is open: reads metric_for_best_model, and says if nothing in the
 * evaluation data, which are read, would ever have that score. */
graft_status graft_training_check_metric(graft_training *t);
/* Once the trainer is there: when it is measured, and what scores are of. */
graft_status graft_training_plan_evaluations(graft_training *t);
/* How often the evaluation data are scored in a run that is not stopped early. */
uint64_t graft_training_n_evaluations(const graft_training *t);
/* The score before training belongs to step 0: a run that continues reads what it wrote then. */
graft_status graft_training_evaluate_before(graft_training *t);
/* Between two steps: measures if it is time to and it was not done, and decides whether to stop early.
 * *measured: there is something new that a checkpoint should have. */
graft_status graft_training_pause(graft_training *t, bool *measured);
/* After the last step: scores it if others were scored, and makes the best adapter the one there is. */
graft_status graft_training_choose(graft_training *t);
/* The score of what is exported: known already, or measured now. */
graft_status graft_training_evaluate_after(graft_training *t);
/* Appends which adapter is the best one, and why training stopped early if it did. */
graft_status graft_training_format_best(const graft_training *t, graft_text *out);
/* Appends why, without the end of the line. */
graft_status graft_training_format_early_stop(const graft_training *t, graft_text *out);
/* Adds {"best_step", ...}. */
graft_status graft_training_set_best(const graft_training *t, graft_json *object);

/* Writes a checkpoint. */
graft_status graft_training_save(graft_training *t);

/* Writes config.yaml and chat_template.jinja into the run folder. */
graft_status graft_training_save_config(graft_training *t);
/* Writes the artefacts that `export` names: those that hold merged weights, or the others. */
graft_status graft_training_export(graft_training *t, bool merges);
/* Appends "prefix sharing saved 120 of 900 tokens (13.3 %)"; nothing if it is off or no step ran. */
graft_status graft_training_format_saved(const graft_training *t, graft_text *out);
/* The text or JSON object for stdout. */
graft_status graft_training_summary(graft_training *t, bool json, graft_text *out);

/* Scores the session as it stands on a corpus: one reply per assistant turn and the loss per
 * trained token. `phase` is for the progress line. */
graft_status graft_score_corpus(graft_eval_report *out, graft_session *session,
                                graft_corpus *corpus, const graft_hooks *hooks,
                                const char *phase);

#endif
