/* end_of_turn: the model ended its turn by itself. */
#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    *out = judged->ended ? GRAFT_VERDICT_YES : GRAFT_VERDICT_NO;
    return GRAFT_OK;
}

const graft_metric graft_metric_end_of_turn = {
    .name = "end_of_turn",
    .help = "the reply ends by itself",
    .judge = judge,
};
