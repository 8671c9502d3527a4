/* chat/dialect_calls.c - tool calls written as JSON, as all dialects here have them inside. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

/* Parses JSON that may be broken: *out is NULL then, and only memory is a failure. */
static graft_status try_parse(graft_json **out, const char *text, size_t n)
{
    graft_status status = graft_json_parse(out, text, n);
    return status == GRAFT_E_DATA ? GRAFT_OK : status;
}

/* The arguments as an object with a reference of its own, or NULL. */
static graft_status read_arguments(graft_json **out, const graft_json *call)
{
    graft_json *arguments = graft_json_get(call, "arguments");
    *out = NULL;
    if (arguments == NULL) {
        arguments = graft_json_get(call, "parameters");
    }
    if (graft_json_is(arguments, GRAFT_JSON_STRING)) {
        size_t n;
        const char *text = graft_json_string(arguments, &n);
        graft_status status = try_parse(out, text, n);
        if (!graft_json_is(*out, GRAFT_JSON_OBJECT)) {
            graft_json_free(*out);
            *out = NULL;
        }
        return status;
    }
    *out = graft_json_is(arguments, GRAFT_JSON_OBJECT) ? graft_json_retain(arguments) : NULL;
    return GRAFT_OK;
}

static graft_status add_call(graft_json *calls, const graft_json *call, bool *understood)
{
    graft_status status = GRAFT_OK;
    const graft_json *name = graft_json_get(call, "name");
    graft_json *arguments = NULL, *clean = NULL;
    GRAFT_TRY(read_arguments(&arguments, call));
    *understood = graft_json_is(name, GRAFT_JSON_STRING) && arguments != NULL;
    if (!*understood) {
        goto done;
    }
    clean = graft_json_new_object();
    if (clean == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: a tool call");
        goto done;
    }
    GRAFT_TRY(graft_json_set_string(clean, "name", graft_json_string(name, NULL)));
    GRAFT_TRY(graft_json_set(clean, "arguments", graft_json_retain(arguments)));
    status = graft_json_push(calls, clean);
    clean = NULL;
done:
    graft_json_free(arguments);
    graft_json_free(clean);
    return status;
}

graft_status graft_dialect__read_calls(graft_json *calls, const char *text, size_t n,
                                       bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    *understood = false;
    GRAFT_TRY(try_parse(&value, text, n));
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        status = add_call(calls, value, understood);
    } else if (graft_json_is(value, GRAFT_JSON_ARRAY) && graft_json_length(value) > 0) {
        bool all = true;
        for (size_t i = 0; i < graft_json_length(value); i++) {
            GRAFT_TRY(add_call(calls, graft_json_at(value, i), understood));
            all &= *understood;
        }
        *understood = all;
    }
done:
    graft_json_free(value);
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

graft_status graft_dialect__add_content(graft_text *content, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    while (n > 0 && is_space(*text)) {
        text++;
        n--;
    }
    while (n > 0 && is_space(text[n - 1])) {
        n--;
    }
    if (n > 0 && content->len > 0) {
        GRAFT_TRY(graft_text_append_char(content, '\n'));
    }
    status = graft_text_append(content, text, n);
done:
    return status;
}
