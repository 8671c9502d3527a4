/* train/rollback.h - the way back to an anchor (train/watch.h) in a folder of checkpoints. */
#ifndef GRAFT_TRAIN_ROLLBACK_H
#define GRAFT_TRAIN_ROLLBACK_H

#include "train/checkpoint.h"

/* Loads the newest sound anchor of this run that is of at most `step` steps; *found: there was one.
 * Those that cannot be used are passed over, and that is said. What `best` held is forgotten, but
 * for its basis. */
graft_status graft_rollback_load(bool *found, graft_trainer *trainer, graft_best *best,
                                 const char *identity, const char *folder, uint64_t step);

/* Deletes the checkpoints of more than `step` steps, the latest first: the run goes there anew. */
graft_status graft_rollback_forget(const char *folder, uint64_t step);

#endif
