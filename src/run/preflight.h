/* run/preflight.h - is everything all right to start? Said before minutes or hours are spent. */
#ifndef GRAFT_RUN_PREFLIGHT_H
#define GRAFT_RUN_PREFLIGHT_H

#include "run/training.h"

/* Makes output_dir and its folder of checkpoints, and sees that files can be made in both. Takes the
 * folder's lock, and removes what a run that was killed has left half written. GRAFT_E_CONFIG: another
 * run is using it; GRAFT_E_DISK: no folder, no permission, no room. */
graft_status graft_preflight_folder(graft_training *t);

/* Once the run is planned and knows at which step it begins: is there room for the checkpoints that are
 * kept and the one being written, for artefacts and scores? GRAFT_E_DISK with the sum. */
graft_status graft_preflight_space(const graft_training *t);

#endif
