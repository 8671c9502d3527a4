/* known_arguments: every call names a declared tool and has no argument that the tool does not
 * know. */
#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    graft_judged_fit(out, judged, graft_arguments_known);
    return GRAFT_OK;
}

const graft_metric graft_metric_known_arguments = {
    .name = "known_arguments",
    .help = "no call has an argument its tool does not know",
    .judge = judge,
};
