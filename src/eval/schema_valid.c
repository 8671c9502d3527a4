/* schema_valid: every call names a declared tool, and its arguments fit what the tool declares:
 * required ones present, none unknown, types and values as the schema says. */
#include "eval/metrics.h"
#include "eval/schema.h"

static bool fits(const graft_json *parameters, const graft_json *arguments)
{
    return graft_arguments_known(parameters, arguments) &&
           graft_schema_accepts(parameters, arguments);
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    graft_judged_fit(out, judged, fits);
    return GRAFT_OK;
}

const graft_metric graft_metric_schema_valid = {
    .name = "schema_valid",
    .help = "every call fits the declaration of its tool",
    .judge = judge,
};
