/* plan.h - what a training job will cost, told before it starts. */
#ifndef GRAFT_PLAN_H
#define GRAFT_PLAN_H

#include <graft/job.h>

/* Makes the checks and preparations of graft_train, and instead of training tells in *out what it
 * would be: lengths of the examples, steps and passes, memory, disk space, and (with measure, by running a few
 * of the passes) time. With json an object {"lengths", "steps", "evaluations", "memory", "disk", "time"}; time is null
 * without measure. With a time limit (finish_by, max_hours) and measure also how many steps there is time for
 * ("limit"). Writes nothing but token_cache; needs base_model and dataset, but no output_dir: if it is set, it is
 * looked at, and whether there is room.
 * Fails as graft_train would, with GRAFT_E_MEMORY if a pass does not fit; *out is then NULL, or
 * tells the lengths if they are known. */
GRAFT_API graft_status graft_train_plan(graft_config *config, const graft_hooks *hooks,
                                        int measure, int json, char **out);

#endif
