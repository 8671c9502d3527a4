/* no_call: no call is made, nor tried, where none is expected. */
#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    bool none = graft_json_length(judged->calls) == 0 && judged->broken == 0;
    *out = judged->expected->n > 0 ? GRAFT_VERDICT_NONE
           : none                  ? GRAFT_VERDICT_YES
                                   : GRAFT_VERDICT_NO;
    return GRAFT_OK;
}

const graft_metric graft_metric_no_call = {
    .name = "no_call",
    .help = "no call where none is expected",
    .judge = judge,
};
