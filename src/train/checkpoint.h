/* train/checkpoint.h - the state of a run on disk: adapter, moments, step, the best adapter so far, and
 * what it belongs to.
 *
 * Not saved, because they are functions of (seed, step): data order, dropout, initialisation.
 *
 * The file is HDF5 behind 512 bytes of header with a digest (io/hdf5.h), so h5py opens it. All arrays
 * are one-dimensional:
 *
 *   run/format       u64 [1]  2: what this comment says
 *   run/step         u64 [1]  steps done
 *   run/passes       u64 [2]  how steps are cut: graft_plan.usual_tokens and .max_tokens_per_pass
 *   run/identity     text     lines "what: value" (train/identity.h)
 *   run/notes        text     lines "name: number" (train/notes.h)
 *   run/watch        u64 [72] how steps are judged (train/watch.h)
 *   adapter/maps     text     lines "NAME RANK N_IN N_OUT A B": map NAME of the base has its A [RANK, N_IN]
 *                             in the arrays below from index A on, its B [N_OUT, RANK] from index B on
 *   adapter/params   f32 [n]  all A and B
 *   optimizer/m, /v  f32 [n]  the moments of AdamW
 *   best/basis       text     what the scores are of
 *   best/state       u64 [14] is there a best adapter, its step; evaluations so far, stale ones, the step
 *                             of the last, n; then twice value and loss (bits of a double), hits, of:
 *                             of the best adapter and of the last evaluation
 *   best/params      f32 [n]  of the best adapter, if there is one
 *
 * text is an array of uint8; numbers are little endian. */
#ifndef GRAFT_TRAIN_CHECKPOINT_H
#define GRAFT_TRAIN_CHECKPOINT_H

#include "io/hdf5.h"
#include "train/best.h"
#include "train/identity.h"
#include "train/trainer.h"

/* Writes <folder>/step-N.h5 atomically, then deletes the oldest beyond `keep` (>= 2) that no rollback may need
 * (train/watch.h), and those of later steps, which a run that is at step N did not write. Each
 * holds the best adapter, which no deletion can lose. GRAFT_E_NUMERICS, with nothing written,
 * if a number is not finite, naming it. */
graft_status graft_checkpoint_save(const graft_trainer *trainer, const graft_best *best,
                                   const char *identity, const char *folder, size_t keep);

/* --- reading --- */

/* An open checkpoint that is sound. */
typedef struct graft_checkpoint {
    char *path;
    graft_h5 *image;
    uint64_t step;
    uint64_t passes[2];
    size_t n_params;
    graft_text identity, maps;
    graft_notes notes;
    graft_watch watch;
} graft_checkpoint;

/* GRAFT_E_CHECKPOINT, with the file and what is wrong: damaged, of another version, arrays that are
 * missing or do not fit together, numbers that are not finite. GRAFT_E_DISK if it cannot be read. */
graft_status graft_checkpoint_open(graft_checkpoint *out, const char *path);
void graft_checkpoint_close(graft_checkpoint *checkpoint);

/* Loads it into the trainer, and into *best, of which `basis` is set, what it holds of it; if that is on
 * another basis, it is left out and a warning says so. GRAFT_E_CHECKPOINT if the adapter has other maps, or
 * the run fewer steps. */
graft_status graft_checkpoint_take(const graft_checkpoint *checkpoint, graft_trainer *trainer,
                                   graft_best *best);

/* Opens one and takes it. GRAFT_E_CHECKPOINT naming each difference if it is of another run. */
graft_status graft_checkpoint_load(graft_trainer *trainer, graft_best *best, const char *identity,
                                   const char *path);

/* The failure for a checkpoint of another run; `differences` are those of train/identity.h. */
graft_status graft_checkpoint_refuse(const char *path, const char *differences);

/* The step of the best adapter in a checkpoint; false if it holds none. */
bool graft_checkpoint_best_step(const graft_h5 *image, uint64_t *step);

/* --- folders of them --- */

/* Steps of the files step-N.h5 in a folder, largest first; none if there is no such folder. The caller
 * frees *out. */
graft_status graft_checkpoint_steps(uint64_t **out, size_t *n, const char *folder);
/* FOLDER/step-N.h5. Caller frees. */
graft_status graft_checkpoint_path(char **out, const char *folder, uint64_t step);
/* The path of the newest step-N.h5 in the folder; NULL if there is none. Caller frees. */
graft_status graft_checkpoint_newest(char **out, const char *folder);
/* Deletes all of them but that of step `step`, the latest first, and says so: they are another run's. */
graft_status graft_checkpoint_keep_only(const char *folder, uint64_t step);
/* Deletes what graft_checkpoint_save says, and tells of later ones. */
graft_status graft_checkpoint__prune(const graft_trainer *trainer, const char *folder, size_t keep);

#endif
