/* Any JSON [schema, value]: it compiles under both drafts, and what does not fit is explained. */
#include <string.h>

#include "schema/schema.h"
#include "support/fuzz.h"

static graft_schema_scratch *scratch;

static void check(const graft_json *json, const graft_json *value, graft_schema_draft draft)
{
    graft_schema *schema;
    graft_text text;
    bool fits;
    graft_text_init(&text);
    fuzz_check(graft_schema_compile(&schema, json, draft) == GRAFT_OK);
    for (size_t i = 0; graft_schema_remark(schema, i) != NULL; i++) {
        fuzz_check(strchr(graft_schema_remark(schema, i), '\n') == NULL);
    }
    graft_status status = graft_schema_check(&fits, schema, scratch, value);
    fuzz_check(status == GRAFT_OK || (status == GRAFT_E_DATA && !fits));
    if (status == GRAFT_OK &&
        graft_schema_explain(&text, schema, scratch, value, "", 1) == GRAFT_OK) {
        fuzz_check(fits == (text.len == 0));
        fuzz_check(text.len == 0 || strchr(text.data, '\n') == text.data + text.len - 1);
    }
    graft_text_clear(&text);
    graft_schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_json *json;
    if (scratch == NULL) {
        fuzz_check(graft_schema_scratch_new(&scratch) == GRAFT_OK);
    }
    if (graft_json_parse(&json, (const char *)data, n) != GRAFT_OK) {
        return 0;
    }
    const graft_json *schema = graft_json_is(json, GRAFT_JSON_ARRAY) ? graft_json_at(json, 0) : json;
    check(schema, graft_json_at(json, 1), GRAFT_SCHEMA_2020_12);
    check(schema, graft_json_at(json, 1), GRAFT_SCHEMA_7);
    graft_json_free(json);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\"type\":", "\"enum\":[", "\"const\":", "\"minimum\":", "\"multipleOf\":0.01", "\"minLength\":2",
        "\"pattern\":\"^(a+)+$\"", "\"items\":", "\"prefixItems\":[", "\"contains\":", "\"properties\":{\"a\":",
        "\"patternProperties\":{\"^a\":", "\"additionalProperties\":false", "\"propertyNames\":",
        "\"required\":[\"a\"]", "\"allOf\":[", "\"anyOf\":[", "\"oneOf\":[", "\"not\":", "\"if\":", "\"then\":",
        "\"$ref\":\"#\"", "\"$ref\":\"#/$defs/a\"", "\"$dynamicRef\":\"#a\"", "\"$dynamicAnchor\":\"a\"",
        "\"$id\":\"a/../b\"", "\"$defs\":{\"a\":", "\"unevaluatedProperties\":false",
        "\"unevaluatedItems\":false", "\"uniqueItems\":true", "\"dependencies\":{\"a\":[\"b\"]}", "{", "}",
        "[", "]", ",", ":", "true", "false", "null", "1", "1.5", "\"a\"", NULL};
    int failed = fuzz_tests("schema_check", LLVMFuzzerTestOneInput, words);
    graft_schema_scratch_free(scratch);
    return failed;
}
#endif
