/* run/preflight.h - is everything all right to start? Said before minutes or hours are spent. */
#ifndef GRAFT_RUN_PREFLIGHT_H
#define GRAFT_RUN_PREFLIGHT_H

#include "run/training.h"

/* Makes output_dir and its folder of checkpoints, and sees that files can be made in both. Takes the
 * folder's lock, and removes what a run that was killed has left half written. GRAFT_E_CONFIG: another
 * run is using it, or init_adapter lies where it writes; GRAFT_E_DISK: no folder, no permission, no room. */
graft_status graft_preflight_folder(graft_training *t);

/* The same without changing anything, for who only wants to know: could the folder be made and written to? Is
 * content with no folder being named. */
graft_status graft_preflight_look(graft_training *t);

/* What a run writes in its folder, in bytes. */
typedef struct graft_space_figures {
    uint64_t n_checkpoints, checkpoint; /* at a time: those that are kept and the one being written; each */
    uint64_t n_artefacts, artefacts;    /* `export`; all together */
    uint64_t other;                     /* scores, logs, report */
    uint64_t all;
    bool knows_free;
    uint64_t free;                      /* where the folder is or would be */
} graft_space_figures;

/* Once the run knows at which step it begins. Under a time limit, evaluations between steps count only when it
 * has been planned (graft_training_plan_pace). GRAFT_E_MODEL if an artefact cannot be made of this base. */
graft_status graft_preflight_count(graft_space_figures *out, const graft_training *t);
/* Is there room for it? GRAFT_E_DISK with the sum. */
graft_status graft_preflight_space(const graft_training *t, const graft_space_figures *figures);

#endif
