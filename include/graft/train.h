/* train.h - the main job: check, evaluate, train, evaluate, export. */
#ifndef GRAFT_TRAIN_H
#define GRAFT_TRAIN_H

#include <graft/job.h>

/* Runs a training job as the configuration says. What it writes lies in output_dir (README, "A
 * run folder"). *out (may be NULL): what was trained and the before/after table, where everything
 * lies and how to serve it; with json an object instead. It is set on GRAFT_OK, and on
 * GRAFT_E_INTERRUPTED with how to resume. Needs base_model, dataset, output_dir.
 * With evaluation data the adapter is scored between steps too, and the best one is exported.
 * Continues from the newest checkpoint in output_dir unless resume_from_checkpoint says otherwise. */
GRAFT_API graft_status graft_train(graft_config *config, const graft_hooks *hooks, int json,
                                   char **out);

#endif
