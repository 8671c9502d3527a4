/* exact: name and arguments of all calls are those expected, in any order. */
#include <string.h>

#include "eval/metrics.h"

static bool can_stand(const void *context, size_t i, size_t k)
{
    const graft_judged *judged = context;
    return strcmp(graft_judged_name(judged, i), judged->expected->calls[k].name) == 0 &&
           graft_judged_match(judged, i, k);
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    return graft_judged_pair(out, judged, can_stand);
}

const graft_metric graft_metric_exact = {
    .name = "exact",
    .help = "name and arguments of all calls are those expected",
    .judge = judge,
};
