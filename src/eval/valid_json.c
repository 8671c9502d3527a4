/* valid_json: a call was made where one is expected, and every call is JSON with a name and an
 * object of arguments. */
#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    *out = graft_judged_calls(judged, false);
    return GRAFT_OK;
}

const graft_metric graft_metric_valid_json = {
    .name = "valid_json",
    .help = "every call is JSON with a name and arguments",
    .judge = judge,
};
