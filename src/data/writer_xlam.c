/* writer_xlam.c - {query, answers, tools}: one question, its calls, flat parameters.
 *
 * Parameters are written flat, with Python types, where that reads back as the same schema; else
 * the schema stands there. */
#include <string.h>

#include "data/record.h"
#include "data/schema.h"

static bool is_required(const graft_json *parameters, const char *name)
{
    const graft_json *list = graft_json_get(parameters, "required");
    for (size_t i = 0; i < graft_json_length(list); i++) {
        const char *one = graft_json_string(graft_json_at(list, i), NULL);
        if (one && strcmp(one, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *python_type(const char *type)
{
    static const char *const known[][2] = {{"string", "str"},   {"integer", "int"},
                                           {"number", "float"}, {"boolean", "bool"},
                                           {"array", "list"},   {"object", "dict"}};
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i][0], type) == 0) {
            return known[i][1];
        }
    }
    return NULL;
}

/* "str, optional" in place of the type. */
static graft_status flat_parameter(graft_json **out, const graft_json *schema, bool required)
{
    graft_status status = GRAFT_OK;
    graft_json *flat = graft_json_new_object();
    const char *type = python_type(graft_json_string(graft_json_get(schema, "type"), NULL));
    char text[32];
    size_t n = type ? strlen(type) : 0;
    memcpy(text, type ? type : "", n + 1);
    memcpy(text + n, required ? "" : ", optional", required ? 1 : sizeof ", optional");
    if (type) {
        GRAFT_TRY(graft_json_set_string(flat, "type", text));
    }
    graft_json_iter it = graft_json_iter_begin(schema);
    while (graft_json_iter_next(&it)) {
        if (!type || strcmp(it.key, "type") != 0) {
            GRAFT_TRY(graft_reader__set_shared(flat, it.key, it.value));
        }
    }
    *out = flat;
    flat = NULL;
done:
    graft_json_free(flat);
    return status;
}

static graft_status same_text(const graft_json *a, const graft_json *b, bool *same)
{
    graft_status status = GRAFT_OK;
    graft_text x, y;
    graft_text_init(&x);
    graft_text_init(&y);
    GRAFT_TRY(graft_json_write(&x, a, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_json_write(&y, b, GRAFT_JSON_COMPACT));
    *same = strcmp(graft_text_z(&x), graft_text_z(&y)) == 0;
done:
    graft_text_clear(&x);
    graft_text_clear(&y);
    return status;
}

static graft_status write_parameters(graft_json **out, const graft_json *parameters)
{
    graft_status status = GRAFT_OK;
    graft_json *flat = graft_json_new_object(), *again = NULL;
    bool same = false;
    graft_json_iter it = graft_json_iter_begin(graft_json_get(parameters, "properties"));
    while (graft_json_iter_next(&it)) {
        graft_json *one = NULL;
        GRAFT_TRY(flat_parameter(&one, it.value, is_required(parameters, it.key)));
        GRAFT_TRY(graft_json_set(flat, it.key, one));
    }
    GRAFT_TRY(graft_schema__flat(&again, flat, NULL));
    GRAFT_TRY(same_text(again, parameters, &same));
    *out = graft_json_retain(same ? flat : (graft_json *)(uintptr_t)parameters);
done:
    graft_json_free(again);
    graft_json_free(flat);
    return status;
}

static graft_status add_tool(graft_json *tools, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    const graft_json *function = graft_json_get(in, "function");
    graft_json *tool = graft_json_new_object();
    if (graft_json_length(in) != 2) { /* more than type and function */
        GRAFT_TRY(graft_json_push(tools, graft_json_retain((graft_json *)(uintptr_t)in)));
        goto done;
    }
    graft_json_iter it = graft_json_iter_begin(function);
    while (graft_json_iter_next(&it)) {
        graft_json *value = NULL;
        if (strcmp(it.key, "parameters") == 0) {
            GRAFT_TRY(write_parameters(&value, it.value));
        } else {
            value = graft_json_retain(it.value);
        }
        GRAFT_TRY(graft_json_set(tool, it.key, value));
    }
    graft_json *taken = tool;
    tool = NULL;
    GRAFT_TRY(graft_json_push(tools, taken));
done:
    graft_json_free(tool);
    return status;
}

static graft_status set_tools(graft_json *record, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        GRAFT_TRY(add_tool(list, graft_json_at(tools, i)));
    }
    GRAFT_TRY(graft_record__set_as_string(record, "tools", list));
done:
    graft_json_free(list);
    return status;
}

static graft_status set_answers(graft_json *record, const graft_json *calls)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array(), *call = NULL;
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(graft_record__function(&call, graft_json_at(calls, i)));
        GRAFT_TRY(graft_json_push(list, call));
    }
    GRAFT_TRY(graft_record__set_as_string(record, "answers", list));
done:
    graft_json_free(list);
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    const graft_json *reply = graft_json_at(c->messages, 1);
    const graft_json *calls = graft_json_get(reply, "tool_calls");
    graft_json *record = NULL;
    if (c->n_turns != 2 || c->turns[0].role != GRAFT_ROLE_USER || !graft_json_length(calls)) {
        return graft_fail(GRAFT_E_DATA, "it holds one question and its calls, and nothing else");
    }
    record = graft_json_new_object();
    GRAFT_TRY(graft_reader__set_shared(record, "query",
                                       graft_json_get(graft_json_at(c->messages, 0), "content")));
    GRAFT_TRY(set_answers(record, calls));
    if (c->tools) {
        GRAFT_TRY(set_tools(record, c->tools));
    }
    *out = record;
    record = NULL;
done:
    graft_json_free(record);
    return status;
}

const graft_record_writer graft_writer_xlam = {"xlam", &graft_reader_xlam, write};
