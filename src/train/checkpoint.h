/* train/checkpoint.h - the state of a run on disk: adapter, moments, step, the best adapter so far, and
 * what it belongs to.
 *
 * Not saved, because they are functions of (seed, step): data order, dropout, initialisation. A
 * checkpoint names the run it belongs to by lines "what: value" (base hash, data hash, settings that
 * change the mathematics); resuming with another run is refused with the line that differs. */
#ifndef GRAFT_TRAIN_CHECKPOINT_H
#define GRAFT_TRAIN_CHECKPOINT_H

#include "io/hdf5.h"
#include "train/best.h"
#include "train/trainer.h"

/* The identity lines of a run; base_hash and data_hash are hex. */
graft_status graft_run_identity(graft_text *out, const graft_trainer *trainer,
                                const char *base_hash, const char *data_hash);

/* Writes <folder>/step-N.h5 atomically, then deletes the oldest beyond `keep` (>= 2) but those that a
 * rollback may need (graft_watch_needs). Each holds the best adapter, which no deletion can lose.
 * GRAFT_E_NUMERICS, with nothing written, if a value is not finite, naming it. */
graft_status graft_checkpoint_save(const graft_trainer *trainer, const graft_best *best,
                                   const char *identity, const char *folder, size_t keep);

/* Loads a checkpoint into the trainer, and into *best, of which `basis` is set, what it holds of it; if
 * that is on another basis, it is left out and a warning says so. GRAFT_E_CHECKPOINT if the file is
 * damaged, of another run, or has values that are not finite. */
graft_status graft_checkpoint_load(graft_trainer *trainer, graft_best *best, const char *identity,
                                   const char *path);

/* The path of the newest valid checkpoint of at most `step` steps that is an anchor (train/watch.h); NULL
 * if there is none, that is the start. Checkpoints that cannot be read are said and passed over. */
graft_status graft_checkpoint_anchor(char **out, const char *folder, const graft_config *config,
                                     uint64_t step);

/* Deletes the checkpoints after `step` steps: a run that rolled back never came there. The latest one goes first. */
graft_status graft_checkpoint_forget(const char *folder, uint64_t step);

/* The step of the best adapter in a checkpoint; false if it holds none. */
bool graft_checkpoint_best_step(const graft_h5 *image, uint64_t *step);

/* The path of the newest step-N.h5 in the folder; NULL if there is none. Caller frees. */
graft_status graft_checkpoint_newest(char **out, const char *folder);

#endif
