/* calls.c - tool calls in canonical form, and the results that answer them. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/draft.h"

/* The number of an id that looks made up; 0 if it does not. */
static unsigned number_of(const graft_json *id)
{
    const char *text = graft_json_string(id, NULL);
    unsigned number = 0;
    if (!text || strncmp(text, "call", 4) != 0 || strlen(text) < 9 || strlen(text) > 12) {
        return 0;
    }
    for (text += 4; *text; text++) {
        if (*text < '0' || *text > '9') {
            return 0;
        }
        number = 10 * number + (unsigned)(*text - '0');
    }
    return number;
}

unsigned graft_draft__made_before(const graft_json *loose)
{
    unsigned most = 0;
    for (size_t i = 0; i < graft_json_length(loose); i++) {
        const graft_json *calls = graft_json_get(graft_json_at(loose, i), "tool_calls");
        for (size_t k = 0; k < graft_json_length(calls); k++) {
            unsigned number = number_of(graft_json_get(graft_json_at(calls, k), "id"));
            most = number > most ? number : most;
        }
    }
    return most;
}

/* The id of a call: the data's own, or a made-up one of nine letters and digits (the only form
 * that every known template accepts). */
static graft_status add_id(graft_draft *d, graft_json *out, const graft_json *in, bool *given)
{
    const graft_json *id = graft_json_get(in, "id");
    *given = graft_json_is(id, GRAFT_JSON_STRING) && graft_json_string(id, NULL)[0];
    if (*given) {
        return graft_reader__set_shared(out, "id", id);
    }
    if (id && !graft_json_is(id, GRAFT_JSON_STRING)) {
        return graft_draft__bad("id", id);
    }
    char text[32];
    snprintf(text, sizeof text, "call%05u", ++d->made);
    return graft_json_set_string(out, "id", text);
}

/* Adds arguments as an object; in the data they are an object, its JSON text, or nothing. */
static graft_status add_arguments(graft_json *function, const graft_json *in)
{
    const graft_json *value = graft_json_get(in, "arguments");
    graft_json *parsed = NULL;
    size_t n = 0;
    const char *text = graft_json_string(value, &n);
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return graft_reader__set_shared(function, "arguments", value);
    }
    if (value && !text) {
        return graft_draft__bad("arguments", value);
    }
    if (n == 0) {
        return graft_json_set(function, "arguments", graft_json_new_object());
    }
    if (graft_json_parse(&parsed, text, n) != GRAFT_OK) {
        return graft_fail_prefix("arguments are not JSON");
    }
    if (!graft_json_is(parsed, GRAFT_JSON_OBJECT)) {
        graft_status status = graft_fail(GRAFT_E_DATA, "arguments are %s, not an object",
                                         graft_json_type_name(graft_json_get_type(parsed)));
        graft_json_free(parsed);
        return status;
    }
    return graft_json_set(function, "arguments", parsed);
}

/* in: {"id", "type", "function": {"name", "arguments"}}, or the function alone. */
static graft_status add_call(graft_draft *d, graft_json *calls, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *out = graft_json_new_object(), *function = graft_json_new_object(), *taken;
    const graft_json *source = graft_json_has(in, "function") ? graft_json_get(in, "function") : in;
    const graft_json *name = graft_json_get(source, "name");
    bool given = false;
    if (!graft_json_is(source, GRAFT_JSON_OBJECT) || !graft_json_is(name, GRAFT_JSON_STRING) ||
        !graft_json_string(name, NULL)[0]) {
        status = graft_fail(GRAFT_E_DATA, "has no function name");
        goto done;
    }
    GRAFT_TRY(add_id(d, out, in, &given));
    GRAFT_TRY(graft_json_set_string(out, "type", "function"));
    GRAFT_TRY(graft_reader__set_shared(function, "name", name));
    if (add_arguments(function, source) != GRAFT_OK) {
        status = graft_fail_prefix("\"%s\"", graft_draft__quoted(graft_json_string(name, NULL)));
        goto done;
    }
    taken = function;
    function = NULL;
    GRAFT_TRY(graft_json_set(out, "function", taken));
    GRAFT_TRY(graft_reserve(&d->calls, &d->calls_capacity, d->n_calls + 1, sizeof *d->calls));
    d->calls[d->n_calls++] = (graft_draft_call){graft_json_string(graft_json_get(out, "id"), NULL),
                                    graft_json_string(name, NULL), false, given};
    taken = out;
    out = NULL;
    GRAFT_TRY(graft_json_push(calls, taken));
done:
    graft_json_free(function);
    graft_json_free(out);
    return status;
}

graft_status graft_draft__read_calls(graft_draft *d, graft_json **out, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    const graft_json *list = graft_json_get(message, "tool_calls");
    const graft_json *single = graft_json_get(message, "function_call");
    graft_json *calls = NULL;
    *out = NULL;
    if (list && !graft_json_is(list, GRAFT_JSON_ARRAY)) {
        return graft_draft__bad("tool_calls", list);
    }
    size_t n = graft_json_length(list);
    if (single && n) {
        return graft_fail(GRAFT_E_DATA, "both tool_calls and function_call are set");
    }
    if (!single && !n) {
        return GRAFT_OK;
    }
    calls = graft_json_new_array();
    for (size_t i = 0; i < (single ? 1 : n); i++) {
        if (add_call(d, calls, single ? single : graft_json_at(list, i)) != GRAFT_OK) {
            status = graft_fail_prefix("call %zu", i + 1);
            goto done;
        }
    }
    *out = calls;
    calls = NULL;
done:
    graft_json_free(calls);
    return status;
}

/* The call that a tool message without an id answers: the first open one of its name, or of all. */
static graft_draft_call *open_call(graft_draft *d, const graft_json *name)
{
    const char *wanted = graft_json_string(name, NULL);
    for (size_t i = 0; i < d->n_calls; i++) {
        if (!d->calls[i].answered && (!wanted || strcmp(d->calls[i].name, wanted) == 0)) {
            return &d->calls[i];
        }
    }
    return NULL;
}

static graft_draft_call *call_with_id(graft_draft *d, const char *id)
{
    graft_draft_call *found = NULL;
    for (size_t i = 0; i < d->n_calls; i++) { /* the latest: ids may return in later turns */
        if (strcmp(d->calls[i].id, id) == 0 && (!found || !d->calls[i].answered)) {
            found = &d->calls[i];
        }
    }
    return found;
}

graft_status graft_draft__link_result(graft_draft *d, graft_json *out, const graft_json *message)
{
    const graft_json *id = graft_json_get(message, "tool_call_id");
    const char *text = graft_json_string(id, NULL);
    graft_draft_call *answered;
    if (id && !text) {
        return graft_draft__bad("tool_call_id", id);
    }
    if (text && text[0]) {
        answered = call_with_id(d, text);
        if (!answered) {
            return graft_fail(GRAFT_E_DATA, "tool_call_id \"%s\" names no call before it",
                              graft_draft__quoted(text));
        }
        if (answered->answered) {
            return graft_fail(GRAFT_E_DATA, "tool_call_id \"%s\" is answered a second time",
                              graft_draft__quoted(text));
        }
    } else {
        answered = open_call(d, graft_json_get(message, "name"));
        if (!answered) {
            return graft_fail(GRAFT_E_DATA, "role \"tool\" without a call before it");
        }
        if (answered->given) {
            return graft_fail(GRAFT_E_DATA, "role \"tool\" without tool_call_id");
        }
    }
    answered->answered = true;
    return graft_json_set_string(out, "tool_call_id", answered->id);
}
