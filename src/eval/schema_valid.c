/* schema_valid: every call names a declared tool, and its arguments fit what the tool declares:
 * required ones present, none unknown, types and values as the schema says. */
#include "eval/metrics.h"
#include "schema/schema.h"

static graft_status fits(bool *out, const graft_json *parameters, const graft_json *arguments)
{
    graft_status status = GRAFT_OK;
    graft_schema *schema = NULL;
    graft_schema_scratch *scratch = NULL;
    *out = graft_arguments_known(parameters, arguments);
    if (!*out) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_schema_compile(&schema, parameters, GRAFT_SCHEMA_2020_12));
    GRAFT_TRY(graft_schema_scratch_new(&scratch));
    status = graft_schema_check(out, schema, scratch, arguments);
    if (status == GRAFT_E_DATA) { /* nothing fits a schema that does not end */
        *out = false;
        status = GRAFT_OK;
    }
done:
    graft_schema_scratch_free(scratch);
    graft_schema_free(schema);
    return status;
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
