/* no_loop: the reply did not repeat itself until it was cut. */
#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    *out = judged->looped ? GRAFT_VERDICT_NO : GRAFT_VERDICT_YES;
    return GRAFT_OK;
}

const graft_metric graft_metric_no_loop = {
    .name = "no_loop",
    .help = "the reply does not repeat itself without end",
    .judge = judge,
};
