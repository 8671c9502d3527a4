/* train/rollback.h - the way back to an anchor (train/watch.h) in a folder of checkpoints. */
#ifndef GRAFT_TRAIN_ROLLBACK_H
#define GRAFT_TRAIN_ROLLBACK_H

#include "train/checkpoint.h"

/* The run goes on from a checkpoint of another one, of that identity: anchors of that one serve as
 * well from now on. It is a note (train/notes.h), so this holds when the run is continued. */
graft_status graft_rollback_accept(graft_trainer *trainer, const char *identity);

/* Was another run ever accepted? Then the start of this one is no state to go back to: it is not where the
 * run began. */
bool graft_rollback_has_accepted(const graft_trainer *trainer);

/* Is it the one that was accepted last by the run with these notes? */
bool graft_rollback_accepts(const graft_notes *notes, const char *identity);

/* Loads the newest sound anchor that is of at most `step` steps, of this run or of the accepted
 * one; without such the checkpoint `start` (NULL: none), if `step` is not 0 or a run was accepted.
 * *found: there was one. Those that cannot be used are passed over, and that is said. What `best` held is forgotten, but
 * for its basis. */
graft_status graft_rollback_load(bool *found, graft_trainer *trainer, graft_best *best,
                                 const char *identity, const char *folder, const char *start,
                                 uint64_t step);

/* Deletes the checkpoints of more than `step` steps, the latest first: the run goes there anew. */
graft_status graft_rollback_forget(const char *folder, uint64_t step);

#endif
