#include "run/machine.h"

#include "core/threads.h"

graft_status graft_machine_prepare(graft_cpu_level *level, bool *half, const graft_config *config)
{
    graft_status status;
    graft_threads_set((int)config->threads);
    if (config->cpu == NULL) {
        status = graft_cpu_choose(level);
    } else {
        status = graft_cpu_parse(level, config->cpu);
        status = status == GRAFT_OK ? status : graft_fail_prefix("cpu");
    }
    if (status == GRAFT_OK) {
        *half = config->compute == GRAFT_COMPUTE_BF16 ||
                (config->compute != GRAFT_COMPUTE_F32 && graft_kernels_prefer_half(*level));
    }
    return status;
}
