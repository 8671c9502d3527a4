/* train/journal.h - metrics.jsonl: one JSON object per step and per evaluation. */
#ifndef GRAFT_TRAIN_JOURNAL_H
#define GRAFT_TRAIN_JOURNAL_H

#include "io/json.h"
#include "train/trainer.h"

typedef struct graft_journal graft_journal;

/* Opens <folder>/metrics.jsonl. What is done again is dropped: records of steps and plans after `step`, those of
 * other kinds after step `evaluated` (what was measured since then belongs to no checkpoint), and those
 * of the end of a run. step 0 starts an empty file. After rollbacks records say as "rollbacks" how many were
 * before them (0 is not written); what stands there from before the last of `rollbacks` stays. */
graft_status graft_journal_open(graft_journal **out, const char *folder, uint64_t step,
                                uint64_t evaluated, uint64_t rollbacks);
/* Tries again to write what is missing. GRAFT_E_DISK if it cannot, saying how many records. */
graft_status graft_journal_finish(graft_journal *journal);
/* The same; what cannot be written then is lost. */
void graft_journal_close(graft_journal *journal);
/* Makes the records durable: to be called before a checkpoint that belongs to them is written. */
graft_status graft_journal_sync(graft_journal *journal);

/* Begins the name of an event that a rollback undid: "undone_step". */
#define GRAFT_JOURNAL_UNDONE "undone_"

/* The run went back to `step`, its rollback of that number: what was recorded of later steps stays, as
 * undone. If the file cannot be written, that is said, and it is not marked. */
graft_status graft_journal_rewind(graft_journal *journal, uint64_t step, uint64_t rollbacks);

/* A file that cannot be written ends no run: the functions below warn once, keep the record and write it
 * when there is room again. */

/* Any record {"event", "step", ...} of what happened in a step. */
graft_status graft_journal_record(graft_journal *journal, graft_json *record);

/* A file that cannot be written ends no run: the functions below warn once, keep the record and write it
 * when there is room again. */
graft_status graft_journal_step(graft_journal *journal, const graft_step_report *report);

/* What a record is about that is not of a step. */
typedef struct graft_journal_place {
    const char *when;  /* "before", "epoch", "step" or "after" */
    uint64_t step;     /* how many steps were done */
    double epoch;
    uint64_t of_step;  /* the adapter is that of an earlier step; 0: of this one */
} graft_journal_place;

/* `scores` is borrowed; loss is per trained token (NaN: not measured). */
graft_status graft_journal_eval(graft_journal *journal, const graft_journal_place *place,
                                graft_json *scores, double loss);
/* {"event": "replay", "replay_loss"} and the like: the loss per token on examples that are not
 * trained, and its exponential. Losses on text of another digest (SHA-256, as hex) do not
 * compare. */
graft_status graft_journal_loss(graft_journal *journal, const graft_journal_place *place,
                                const char *event, double loss, size_t n_tokens,
                                const char *digest);
/* {"event": "best"} or {"event": "early_stop"}: which adapter is the best one by `metric`. */
graft_status graft_journal_best(graft_journal *journal, const graft_journal_place *place,
                                const char *event, const char *metric, uint64_t best_step,
                                double value);
/* {"event": "unexported"}: an artefact that `export` names was not written, and why. */
graft_status graft_journal_unexported(graft_journal *journal, const graft_journal_place *place,
                                      const char *artefact, const char *message);

/* How many steps there is time for. */
typedef struct graft_journal_pace {
    uint64_t steps, of; /* planned now; what the settings ask for */
    double tokens_per_second, evaluation_seconds, seconds_left;
    double finishes_at; /* seconds since 1970 */
} graft_journal_pace;
/* {"event": "plan"}; place->when is why. */
graft_status graft_journal_plan(graft_journal *journal, const graft_journal_place *place,
                                const graft_journal_pace *pace);

#endif
