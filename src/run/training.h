/* run/training.h - the parts of a training job, shared by its files. */
#ifndef GRAFT_RUN_TRAINING_H
#define GRAFT_RUN_TRAINING_H

#include "eval/gates.h"
#include "eval/selection.h"
#include "io/files.h"
#include "run/base_file.h"
#include "run/general.h"
#include "run/rate.h"
#include "run/runlog.h"
#include "run/unwritten.h"
#include "train/base_watch.h"
#include "train/checkpoint.h"
#include "train/journal.h"
#include "train/pace.h"

/* Examples that are not trained, on which the loss tells what is forgotten. */
typedef struct graft_held {
    graft_corpus corpus;
    double before, last, after; /* loss per token: of the base, measured last, of what is exported; 0:
                                 * not measured */
    uint64_t last_step;         /* when `last` was measured */
    size_t n_tokens;            /* that it is over */
    char digest[65];            /* of the corpus */
} graft_held;

enum { GRAFT_MOMENT_BYTES = 64 };

/* Of a run that must be done by some time; what a checkpoint keeps of it is in the trainer. */
typedef struct graft_pacing {
    double begin;        /* clock when the job began */
    double finish_by;    /* moment (seconds since 1970); 0: none */
    double max_seconds;  /* that the run may take in all; 0: any */
    double spent_before; /* of them by earlier processes */
    double *first_epoch; /* tokens of its first i steps */
    bool knows_merges;
    double merge_seconds, merged_bytes; /* of models that are merged at the end: beside writing them; theirs */
    double border;               /* clock after the last step, evaluations since then taken out */
    double wall_seen, clock_seen; /* both clocks when they were last compared */
} graft_pacing;

/* How warm the machine is, and what was waited for it to cool down. */
typedef struct graft_warmth {
    graft_sensors *sensors;
    graft_heat heat; /* read last */
    double rested;   /* seconds in all */
    double rest;     /* before the next step */
    bool lost;       /* the temperature can no longer be read: said */
} graft_warmth;

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
    graft_base_watch base_watch;
    graft_journal *journal;
    size_t n_examples; /* units of `train`, which is given back before models are merged */
    graft_text identity;
    char base_hash[65];
    char *base_path; /* the first of its files: what servers are given */
    graft_base base;
    char *checkpoints; /* folder */
    char *begun_from;  /* the checkpoint that this process went on from; NULL: none */
    bool had_result;   /* it is the last one of a run that ended in this folder */
    bool has_saved;    /* this process wrote a checkpoint: those in the folder are of this run */
    graft_eval_report before, after; /* n == 0: not measured; while training, after: of the adapter that
                                      * would be exported now */
    graft_selection selection;
    graft_best best;
    bool scores_between;     /* is the evaluation data part of them? */
    bool stopped_early;
    uint64_t chosen_step;    /* what is exported is the adapter of this step; 0: of the last one */
    double begin;      /* clock when training proper began */
    uint64_t begin_step;
    double last_save;    /* clock of the last attempt */
    bool save_failed;    /* it was in vain: tried again soon */
    bool unsaved;        /* steps were done that no checkpoint has */
    uint64_t saved_step; /* of the newest one */
    graft_unwritten unwritten; /* files for which there was no room */
    graft_json *unexported; /* {item of `export`: why it is missing}; NULL: nothing is */
    graft_status unexported_status; /* of the first of them */
    graft_rate rate;
    double seconds;    /* that the steps of this process took */
    uint64_t tokens, saved_tokens; /* of the examples of these steps; not computed, being shared */
    double last_loss;
    graft_pacing pacing;
    graft_warmth warmth;
} graft_training;

void graft_training_init(graft_training *t, graft_config *config, const graft_hooks *hooks);
void graft_training_close(graft_training *t);
/* Reads and splits the data, opens the base, tokenises, makes the adapter and the trainer. */
graft_status graft_training_prepare(graft_training *t);
/* Continues from a checkpoint if there is one and the settings allow it. */
graft_status graft_training_resume(graft_training *t);
/* Whether the run can continue from what is there, and where it would; fails as graft_training_resume would. */
graft_status graft_training_look_resume(const graft_training *t);
/* Appends the date that the templates of the run to be continued tell (train/identity.h); nothing if there is no
 * such run, or they tell none. */
graft_status graft_training_recall_date(const graft_training *t, graft_text *out);
/* "the same command continues", for whoever stops the run now; or what else does. */
const char *graft_training_way_on(const graft_training *t);
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
/* The losses before the first step: measured, or in a run that continues read from the journal. If
 * that has none of the same text, they stay unknown, and that is said. */
graft_status graft_training_begin_held(graft_training *t);
/* Appends a line for each of which both losses are known. */
graft_status graft_training_format_held(const graft_training *t, graft_text *out);
/* Adds {"replay_loss_before", ...}: those that are known. */
graft_status graft_training_set_held(const graft_training *t, graft_json *object);

/* --- scores (evaluations.c, evaluation_plan.c) --- */

/* "epoch 2" or "step 40", with another sign instead of the space for files. Within an epoch, where
 * a run may be out of time, it is the step: the epoch may still be ended, with other scores. */
void graft_training_name_moment(char out[GRAFT_MOMENT_BYTES], const graft_training *t,
                                uint64_t step, char between);

/* The scores that `require` names; GRAFT_E_CONFIG if nothing would have them. */
graft_status graft_training_read_gates(graft_gates *gates, const graft_config *config);
/* What can be said before the base is open: reads metric_for_best_model, and says if nothing in the
 * evaluation data, which are read, would ever have that score. */
graft_status graft_training_check_metric(graft_training *t);
/* Once the trainer is there: when it is measured, and what scores are of. What would fail at the first
 * evaluation fails now: a prompt that is too long, items none of which has the score that decides. */
graft_status graft_training_plan_evaluations(graft_training *t);
/* Steps between measurements in a run of as many steps as it is to have now. */
uint64_t graft_training_interval(const graft_training *t);
/* Is anything measured between steps: the evaluation data, what is held of replay, general text? */
bool graft_training_measures_between(const graft_training *t);
/* How often the evaluation data are scored in a run that is not stopped early. */
uint64_t graft_training_n_evaluations(const graft_training *t);
/* How many replies each of them asks for, at most. */
uint64_t graft_training_n_items(const graft_training *t);
/* The score before training belongs to step 0: a run that continues reads what it wrote then, or
 * scores that adapter anew if the file is missing. */
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

/* --- what an earlier run left in the folder (earlier.c) --- */

/* Before anything is written. */
graft_status graft_training_look_at_result(graft_training *t);
/* Before the first step, and in a run that continues without evaluation data. */
graft_status graft_training_remove_scores(const graft_training *t);
/* Both after the last step, unless there was none to do: nothing scores this result; nothing of this run
 * exports such an artefact. */
graft_status graft_training_remove_last_score(const graft_training *t);
graft_status graft_training_remove_artefacts(const graft_training *t);

/* --- time (pacing.c, pacing_costs.c) --- */

/* When the job begins: what its time limits mean. GRAFT_E_CONFIG if finish_by is past and there is nothing to
 * continue. */
graft_status graft_training_begin_pace(graft_training *t);
/* Before anything is evaluated: measures speed. GRAFT_E_CONFIG if there is no time for one step. */
graft_status graft_training_check_pace(graft_training *t);
/* What is measured of the base, unless the run continues: graft_training_begin_held and
 * graft_training_evaluate_before. */
graft_status graft_training_measure_before(graft_training *t);
/* Before the first step, after that: measures what is not known yet and plans how
 * many steps there are. GRAFT_E_CONFIG, with the figures, if there is no time for one. */
graft_status graft_training_plan_pace(graft_training *t);
/* After each step: plans anew if need be. */
graft_status graft_training_keep_pace(graft_training *t, const graft_step_report *report);
/* An evaluation took so long; `of_adapter`: of an adapter that was trained. */
void graft_training_evaluated(graft_training *t, double seconds, bool of_adapter);

bool graft_training_is_limited(const graft_training *t);
/* Until the nearer of the limits. */
double graft_training_seconds_left(const graft_training *t);
/* What is known now; speed must be. */
void graft_training_pace_costs(graft_pace_costs *out, const graft_training *t);
/* What it takes to merge models at the end, once speed is known. */
graft_status graft_training_measure_merges(graft_training *t);
/* Counts the tokens of the first epoch, and runs some passes if speed is not known. */
graft_status graft_training_measure_speed(graft_training *t);
/* The same, and evaluates a part of the data if it is not known how long that takes. */
graft_status graft_training_measure_pace(graft_training *t);
/* When all will be done, in seconds since 1970; 0 without a limit. */
double graft_training_finishes_at(const graft_training *t);
/* There is no time any more: the run ends with the steps it has. */
graft_status graft_training_end_now(graft_training *t);
/* Appends "finish_by 07:00: 412 of 900 steps (1.4 of 3 epochs), done about 06:40". */
graft_status graft_training_format_pace(const graft_training *t, const graft_pace_costs *costs,
                                        uint64_t n_steps, graft_text *out);
/* GRAFT_E_CONFIG with what a step, an evaluation and the end would take. */
graft_status graft_training_fail_pace(const graft_training *t, const graft_pace_costs *costs);
/* The system's clock, or the hooks'. */
double graft_training_wall(const graft_training *t);

/* --- heat (warmth.c) --- */

/* GRAFT_E_CONFIG if max_temperature is set and no temperature can be read. */
graft_status graft_training_open_sensors(graft_training *t);
/* Before a step: waits while the processor is too hot, says so once. GRAFT_E_INTERRUPTED if the hooks ask to
 * stop, which they are asked in any case. */
graft_status graft_training_rest(graft_training *t);
/* After a step: what the sensors say, and the rest before it, into its report. */
void graft_training_feel(graft_training *t, graft_step_report *report);
/* Appends a line if it rested. */
graft_status graft_training_format_rest(const graft_training *t, graft_text *out);

/* --- bad numbers (watching.c) --- */

/* After a step: says and records what was odd about it; checks a part of the base; if too many steps in
 * a row were not applied, returns to an earlier state, or fails with GRAFT_E_NUMERICS. GRAFT_E_MODEL if
 * the base has changed. */
graft_status graft_training_watch(graft_training *t, const graft_step_report *report);
/* What to do after a measurement between steps that ended so: if numbers were not finite, which an adapter can
 * make of its own, the same as after too many bad steps. */
graft_status graft_training_watch_measured(graft_training *t, graft_status measured);
/* After the last step, before anything is exported: GRAFT_E_NUMERICS if no step was applied. */
graft_status graft_training_watch_end(const graft_training *t);
/* Appends a line for what there was of it; nothing if all was well. */
graft_status graft_training_format_watch(const graft_training *t, graft_text *out);
/* Adds {"skipped_steps", "rollbacks", "diverged"}. */
graft_status graft_training_set_watch(const graft_training *t, graft_json *object);

/* Writes a checkpoint, and files that could not be written before. GRAFT_E_DISK and GRAFT_E_MEMORY, of which a
 * warning is given, cost this checkpoint and not the run; GRAFT_E_MODEL if the base is not what it was. */
graft_status graft_training_save(graft_training *t);
/* The run ends with a failure (the last one of this thread): if there is something sound that no
 * checkpoint has, it is saved. Fails again, saying so. */
graft_status graft_training_rescue(graft_training *t, graft_status failed);

/* Writes config.yaml and chat_template.jinja into the run folder. */
graft_status graft_training_save_config(graft_training *t);
/* Writes the artefacts that `export` names and that hold no weights of the base. One that cannot be made of this
 * fine-tune is said and left out. */
graft_status graft_training_export(graft_training *t);
/* Writes those that hold merged weights, of the adapter that lies in the run folder by now, as `graft export` would:
 * the same bytes. What only steps need is given back before, so that it does not stand beside what this needs.
 * GRAFT_E_INTERRUPTED if the hooks ask to stop; what else goes wrong is said, and the artefact left out. */
graft_status graft_training_merge(graft_training *t);
/* Is it an artefact that merged models can be made of? */
struct graft_exporter;
bool graft_training_is_merged_from(const struct graft_exporter *exporter);
/* Once everything is written: fails with what was left out. */
graft_status graft_training_check_exports(const graft_training *t);
/* Appends "prefix sharing saved 120 of 900 tokens (13.3 %)"; nothing if it is off or no step ran. */
graft_status graft_training_format_saved(const graft_training *t, graft_text *out);
/* The text or JSON object for stdout. */
graft_status graft_training_summary(graft_training *t, bool json, graft_text *out);

/* Scores the session as it stands on a corpus: one reply per assistant turn and the loss per
 * trained token. `phase` is for the progress line. */
graft_status graft_score_corpus(graft_eval_report *out, graft_session *session,
                                graft_corpus *corpus, const graft_hooks *hooks,
                                const char *phase);
/* Told of every item that this would ask for: a turn of a conversation. */
typedef graft_status graft_visit_item(void *context, const graft_conversation *conversation, size_t turn);
/* Fails as it would before the first reply: GRAFT_E_DATA if a prompt is as long as the model's context. */
graft_status graft_score_look(graft_session *session, graft_corpus *corpus, graft_visit_item *visit,
                              void *context);
/* The same as graft_score_corpus with replies that another program gave to the same prompts, from a file of lines {"index", "turn",
 * "ids": [...]}, one for each item: they are cut and judged as graft's own. No loss. */
graft_status graft_score_replies(graft_eval_report *out, graft_session *session,
                                 graft_corpus *corpus, const char *path);
/* Emits what is asked: a line {"index", "turn", "max_new_tokens", "prompt": [ids]} for each item. */
graft_status graft_score_prompts(graft_session *session, graft_corpus *corpus,
                                 const graft_hooks *hooks);
/* How many turns are asked for, and how many there are without eval_samples. */
graft_status graft_score_count(size_t *n, size_t *n_all, graft_session *session,
                               graft_corpus *corpus);
/* Says so, if some are left out. */
graft_status graft_score_log_count(graft_session *session, graft_corpus *corpus);

#endif
