/* tool_name: the tools called are those expected, each as often as expected. */
#include <string.h>

#include "eval/metrics.h"

static bool can_stand(const void *context, size_t i, size_t k)
{
    const graft_judged *judged = context;
    return strcmp(graft_judged_name(judged, i), judged->expected->calls[k].name) == 0;
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    return graft_judged_pair(out, judged, can_stand);
}

const graft_metric graft_metric_tool_name = {
    .name = "tool_name",
    .help = "the tools called are those expected",
    .judge = judge,
};
