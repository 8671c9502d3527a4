#include "schema/schema.h"

graft_status graft_schema_fits(bool *fits, const graft_json *json, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_schema *schema = NULL;
    graft_schema_scratch *scratch = NULL;
    *fits = false;
    GRAFT_TRY(graft_schema_compile(&schema, json, GRAFT_SCHEMA_2020_12));
    GRAFT_TRY(graft_schema_scratch_new(&scratch));
    status = graft_schema_check(fits, schema, scratch, value);
    if (status == GRAFT_E_DATA) { /* nothing fits a schema that does not end */
        *fits = false;
        status = GRAFT_OK;
    }
done:
    graft_schema_scratch_free(scratch);
    graft_schema_free(schema);
    return status;
}
