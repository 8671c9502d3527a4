/* Checks values for test_schema.py. Lines of JSON from stdin, one line of JSON out for each:
 *
 * {"schema", "draft": 7 | 2020, "values": [...]} ->
 * {"fits": [true | false | null (the schema has no end)], "findings": [[LINE...]],
 *  "remarks": [LINE...]} */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

static int complain(void)
{
    fprintf(stderr, "%s (%s)\n", graft_error_message(), graft_error_place());
    return 1;
}

/* The lines of a text as a JSON array of strings. */
static graft_status lines_of(graft_json **out, const graft_text *text)
{
    graft_status status = GRAFT_OK;
    graft_json *lines = graft_json_new_array();
    for (size_t at = 0; at < text->len;) {
        size_t n = strcspn(text->data + at, "\n");
        GRAFT_TRY(graft_json_push(lines, graft_json_new_string(text->data + at, n)));
        at += n + 1;
    }
    *out = lines;
    lines = NULL;
done:
    graft_json_free(lines);
    return status;
}

static graft_status check(graft_json *fits, graft_json *findings, const graft_schema *schema,
                          graft_schema_scratch *scratch, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_json *lines;
    bool fit;
    graft_text_init(&text);
    status = graft_schema_check(&fit, schema, scratch, value);
    if (status == GRAFT_E_DATA) {
        GRAFT_TRY(graft_json_push(fits, NULL));
        GRAFT_TRY(graft_json_push(findings, NULL));
        goto done;
    }
    GRAFT_TRY(graft_json_push(fits, graft_json_new_bool(fit)));
    GRAFT_TRY(graft_schema_explain(&text, schema, scratch, value, "", 100));
    GRAFT_TRY(lines_of(&lines, &text));
    GRAFT_TRY(graft_json_push(findings, lines));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status answer(graft_json *out, const graft_json *line, graft_schema_scratch *scratch)
{
    graft_status status = GRAFT_OK;
    graft_schema *schema = NULL;
    graft_json *fits = graft_json_new_array(), *findings = graft_json_new_array(),
               *remarks = graft_json_new_array();
    const graft_json *values = graft_json_get(line, "values");
    graft_schema_draft draft = graft_json_int(graft_json_get(line, "draft")) == 7
                                   ? GRAFT_SCHEMA_7
                                   : GRAFT_SCHEMA_2020_12;
    GRAFT_TRY(graft_json_set(out, "fits", fits));
    GRAFT_TRY(graft_json_set(out, "findings", findings));
    GRAFT_TRY(graft_json_set(out, "remarks", remarks));
    GRAFT_TRY(graft_schema_compile(&schema, graft_json_get(line, "schema"), draft));
    for (size_t i = 0; graft_schema_remark(schema, i) != NULL; i++) {
        const char *text = graft_schema_remark(schema, i);
        GRAFT_TRY(graft_json_push(remarks, graft_json_new_string(text, strlen(text))));
    }
    for (size_t i = 0; i < graft_json_length(values); i++) {
        GRAFT_TRY(check(fits, findings, schema, scratch, graft_json_at(values, i)));
    }
done:
    graft_schema_free(schema);
    return status;
}

static int take(const char *text, size_t n, graft_schema_scratch *scratch)
{
    graft_json *line = NULL, *out = graft_json_new_object();
    graft_text written;
    graft_text_init(&written);
    int failed = graft_json_parse(&line, text, n) != GRAFT_OK ||
                 answer(out, line, scratch) != GRAFT_OK ||
                 graft_json_write(&written, out, GRAFT_JSON_COMPACT) != GRAFT_OK;
    if (failed) {
        complain();
    } else {
        puts(graft_text_z(&written));
    }
    graft_text_clear(&written);
    graft_json_free(out);
    graft_json_free(line);
    return failed;
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    graft_schema_scratch *scratch;
    int failed = graft_schema_scratch_new(&scratch) != GRAFT_OK;
    while (!failed && (n = getline(&line, &capacity, stdin)) > 0) {
        failed = take(line, (size_t)n, scratch);
    }
    graft_schema_scratch_free(scratch);
    free(line);
    return failed;
}
