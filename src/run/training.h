/* run/training.h - the parts of a training job, shared by its files. */
#ifndef GRAFT_RUN_TRAINING_H
#define GRAFT_RUN_TRAINING_H

#include "eval/report.h"
#include "io/files.h"
#include "run/corpus.h"
#include "run/runlog.h"
#include "train/checkpoint.h"
#include "train/journal.h"

typedef struct graft_training {
    graft_config *config;
    const graft_hooks *hooks;
    graft_lock *lock;
    graft_runlog *log;
    graft_session session;
    graft_corpus train, eval;
    graft_corpus replay; /* what is held back of it; the rest is in `train` */
    double replay_before, replay_after; /* loss on it; 0: not measured */
    graft_trainer trainer;
    graft_journal *journal;
    graft_text identity;
    char base_hash[65];
    char *checkpoints; /* folder */
    graft_eval_report before, after; /* n == 0: not measured */
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
/* *loss = per trained token of the held-back part of replay, if there is one; in the journal too. */
graft_status graft_training_measure_replay(graft_training *t, const char *when, double *loss);
/* The loss before the first step: measured, or in a run that continues read from the journal. */
graft_status graft_training_begin_replay(graft_training *t);
/* Appends a line with both losses if they are known. */
graft_status graft_training_format_replay(const graft_training *t, graft_text *out);
/* Writes config.yaml and chat_template.jinja into the run folder. */
graft_status graft_training_save_config(graft_training *t);
/* Writes the artefacts that `export` names. */
graft_status graft_training_export(graft_training *t);
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
