/* train/journal.h - metrics.jsonl: one JSON object per step and per evaluation. */
#ifndef GRAFT_TRAIN_JOURNAL_H
#define GRAFT_TRAIN_JOURNAL_H

#include "io/json.h"
#include "train/trainer.h"

typedef struct graft_journal graft_journal;

/* Opens <folder>/metrics.jsonl. Records of steps after `step` are dropped: they belong to work that
 * was lost after the checkpoint and is done again. step 0 starts an empty file. */
graft_status graft_journal_open(graft_journal **out, const char *folder, uint64_t step);
void graft_journal_close(graft_journal *journal);

graft_status graft_journal_step(graft_journal *journal, const graft_step_report *report);
/* `scores` is borrowed. */
graft_status graft_journal_eval(graft_journal *journal, const char *when, uint64_t step,
                                double epoch, graft_json *scores);
/* {"event": "replay"}: the loss per trained token on what is held back of replay. */
graft_status graft_journal_replay(graft_journal *journal, const char *when, uint64_t step,
                                  double epoch, double loss, size_t n_tokens);

#endif
