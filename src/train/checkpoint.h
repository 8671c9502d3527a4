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

/* Writes <folder>/step-N.h5 atomically, then deletes the oldest beyond `keep` (>= 2). Each holds the
 * best adapter, which no deletion can lose. */
graft_status graft_checkpoint_save(const graft_trainer *trainer, const graft_best *best,
                                   const char *identity, const char *folder, size_t keep);

/* Loads a checkpoint into the trainer, and into *best, of which `basis` is set, what it holds of it; if
 * that is on another basis, it is left out and a warning says so. GRAFT_E_CHECKPOINT if the file is
 * damaged or of another run. */
graft_status graft_checkpoint_load(graft_trainer *trainer, graft_best *best, const char *identity,
                                   const char *path);

/* The step of the best adapter in a checkpoint; false if it holds none. */
bool graft_checkpoint_best_step(const graft_h5 *image, uint64_t *step);

/* The path of the newest step-N.h5 in the folder; NULL if there is none. Caller frees. */
graft_status graft_checkpoint_newest(char **out, const char *folder);

#endif
