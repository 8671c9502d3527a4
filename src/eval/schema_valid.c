/* schema_valid: every call names a declared tool, and its arguments fit what the tool declares:
 * required ones present, none unknown, types and values as the schema says. */
#include "eval/metrics.h"
#include "schema/schema.h"

static graft_status fits(bool *out, const graft_json *parameters, const graft_json *arguments)
{
    *out = graft_arguments_known(parameters, arguments);
    return *out ? graft_schema_fits(out, parameters, arguments) : GRAFT_OK;
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    return graft_judged_fit(out, judged, fits);
}

const graft_metric graft_metric_schema_valid = {
    .name = "schema_valid",
    .help = "every call fits the declaration of its tool",
    .judge = judge,
};
