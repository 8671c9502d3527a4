/* arguments_exact: the arguments of all calls are those expected, whatever the names of the tools.
 */
#include "eval/metrics.h"

static bool can_stand(const void *context, size_t i, size_t k)
{
    return graft_judged_match(context, i, k);
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    return graft_judged_pair(out, judged, can_stand);
}

const graft_metric graft_metric_arguments_exact = {
    .name = "arguments_exact",
    .help = "the arguments of all calls are those expected",
    .judge = judge,
};
