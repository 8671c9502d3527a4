/* required_arguments: every call names a declared tool and has all arguments that the tool
 * requires. */
#include "eval/metrics.h"

static graft_status has_required(bool *out, const graft_json *parameters,
                                 const graft_json *arguments)
{
    const graft_json *required = graft_json_get(parameters, "required");
    *out = true;
    for (size_t i = 0; i < graft_json_length(required); i++) {
        const char *name = graft_json_string(graft_json_at(required, i), NULL);
        *out = *out && (name == NULL || graft_json_has(arguments, name));
    }
    return GRAFT_OK;
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    return graft_judged_fit(out, judged, has_required);
}

const graft_metric graft_metric_required_arguments = {
    .name = "required_arguments",
    .help = "no call lacks a required argument",
    .judge = judge,
};
