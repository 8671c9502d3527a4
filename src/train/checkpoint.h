/* train/checkpoint.h - the state of a run on disk: adapter, moments, step, and what it belongs to.
 *
 * Not saved, because they are functions of (seed, step): data order, dropout, initialisation. A
 * checkpoint names the run it belongs to by lines "what: value" (base hash, data hash, settings that
 * change the mathematics); resuming with another run is refused with the line that differs. */
#ifndef GRAFT_TRAIN_CHECKPOINT_H
#define GRAFT_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* The identity lines of a run; base_hash and data_hash are hex. */
graft_status graft_run_identity(graft_text *out, const graft_trainer *trainer,
                                const char *base_hash, const char *data_hash);

/* Writes <folder>/step-N.h5 atomically, then deletes the oldest beyond `keep` (>= 2). */
graft_status graft_checkpoint_save(const graft_trainer *trainer, const char *identity,
                                   const char *folder, size_t keep);

/* Loads a checkpoint into the trainer. GRAFT_E_CHECKPOINT if it is damaged or of another run. */
graft_status graft_checkpoint_load(graft_trainer *trainer, const char *identity,
                                   const char *path);

/* The path of the newest step-N.h5 in the folder; NULL if there is none. Caller frees. */
graft_status graft_checkpoint_newest(char **out, const char *folder);

#endif
