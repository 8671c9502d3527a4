#include "run/machine.h"

#include "core/threads.h"

graft_status graft_machine_prepare(graft_cpu_level *level, const graft_config *config)
{
    graft_threads_set((int)config->threads);
    if (config->cpu == NULL) {
        return graft_cpu_choose(level);
    }
    graft_status status = graft_cpu_parse(level, config->cpu);
    return status == GRAFT_OK ? status : graft_fail_prefix("cpu");
}
