/* reader_xlam.c - {query, answers, tools}: one question and the calls that answer it.
 *
 * answers and tools are lists or their JSON text; parameters are flat, with Python types.
 * Liu et al., "APIGen: Automated Pipeline for Generating Verifiable and Diverse Function-Calling
 * Datasets", 2024. */
#include "chat/python_literal.h"
#include "data/schema.h"

static bool matches(const graft_json *record)
{
    return graft_json_has(record, "query") && graft_json_has(record, "answers");
}

/* The list that a key holds, as it is or as text. */
static graft_status read_list(graft_json **out, const graft_json *record, const char *key)
{
    graft_status status = GRAFT_OK;
    const graft_json *value = graft_json_get(record, key);
    graft_piece text = graft_piece_of(value);
    *out = NULL;
    if (graft_json_is(value, GRAFT_JSON_STRING)) {
        if (graft_python_or_json(out, text.at, text.n) != GRAFT_OK) {
            return graft_fail_prefix("%s is not JSON", key);
        }
    } else {
        *out = graft_json_retain((graft_json *)(uintptr_t)value);
    }
    if (!graft_json_is(*out, GRAFT_JSON_ARRAY)) {
        graft_json_free(*out);
        *out = NULL;
        status = graft_fail(GRAFT_E_DATA, "%s is no list", key);
    }
    return status;
}

static graft_status add_tool(graft_json *tools, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *parameters = NULL;
    if (graft_json_has(in, "function")) { /* OpenAI's form */
        return graft_json_push(tools, graft_json_retain((graft_json *)(uintptr_t)in));
    }
    const graft_json *written = graft_json_get(in, "parameters");
    const graft_json *required = graft_json_get(in, "required");
    if (written && !graft_json_is(written, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_DATA, "parameters are %s",
                          graft_json_type_name(graft_json_get_type(written)));
    }
    if (written) {
        GRAFT_TRY(graft_schema__flat(&parameters, written, required));
    }
    graft_json *tool = graft_json_new_object();
    graft_json_iter it = graft_json_iter_begin(in);
    status = graft_json_push(tools, tool);
    while (status == GRAFT_OK && graft_json_iter_next(&it)) {
        graft_json *value = it.value;
        if (value == written && parameters) {
            value = parameters;
        }
        if (!(value == required && required)) {
            status = graft_reader__set_shared(tool, it.key, value);
        }
    }
done:
    graft_json_free(parameters);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    graft_json *answers = NULL, *tools = NULL;
    const graft_json *query = graft_json_get(record, "query");
    (void)state;
    if (!graft_json_is(query, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "query is not a text");
    }
    GRAFT_TRY(read_list(&answers, record, "answers"));
    if (!graft_json_length(answers)) {
        status = graft_fail(GRAFT_E_DATA,
                            "answers is an empty list: there is no reply to train on");
        goto done;
    }
    out->messages = graft_json_new_array();
    GRAFT_TRY(graft_reader__add_text(out->messages, "user", query));
    for (size_t i = 0; i < graft_json_length(answers); i++) {
        GRAFT_TRY(graft_build__call(out->messages, graft_json_at(answers, i)));
    }
    if (graft_json_get(record, "tools")) {
        GRAFT_TRY(read_list(&tools, record, "tools"));
        out->tools = graft_json_new_array();
    }
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        if (add_tool(out->tools, graft_json_at(tools, i)) != GRAFT_OK) {
            status = graft_fail_prefix("tool %zu", i + 1);
            goto done;
        }
    }
done:
    graft_json_free(answers);
    graft_json_free(tools);
    return status;
}

const graft_reader graft_reader_xlam = {
    .name = "xlam",
    .shape = "{query, answers, tools}",
    .matches = matches,
    .convert = convert,
};
