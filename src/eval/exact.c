/* exact: name and arguments of all calls are those expected, in any order. */
#include <string.h>

#include "eval/metrics.h"

static bool can_stand(const void *context, size_t i, size_t k)
{
    const graft_judged *judged = context;
    const graft_expected_call *expected = &judged->expected->calls[k];
    return strcmp(graft_judged_name(judged, i), expected->name) == 0 &&
           graft_arguments_match(graft_judged_arguments(judged, i), expected);
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
