/* run/machine.h - the threads and the kernel level that a job's settings ask for. */
#ifndef GRAFT_RUN_MACHINE_H
#define GRAFT_RUN_MACHINE_H

#include "config/config.h"
#include "kernels/kernels.h"

/* Sets the number of threads (`threads`) and chooses the level: `cpu`, else GRAFT_CPU, else the
 * best one; and whether activations are bfloat16: `compute`, else if the level is faster with
 * it. GRAFT_E_CONFIG if there is no such level here. */
graft_status graft_machine_prepare(graft_cpu_level *level, bool *half, const graft_config *config);

#endif
