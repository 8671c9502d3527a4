/* known_arguments: every call names a declared tool and has no argument that the tool does not
 * know. */
#include "eval/metrics.h"

static graft_status are_known(bool *out, const graft_json *parameters, const graft_json *arguments)
{
    *out = graft_arguments_known(parameters, arguments);
    return GRAFT_OK;
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    return graft_judged_fit(out, judged, are_known);
}

const graft_metric graft_metric_known_arguments = {
    .name = "known_arguments",
    .help = "no call has an argument its tool does not know",
    .judge = judge,
};
