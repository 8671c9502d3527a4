/* lint_calls.c - calls against what is declared, and against what answers them. */
#include <string.h>

#include <graft/text.h>

#include "core/map.h"
#include "data/draft.h"
#include "data/lint.h"

static const graft_json *function_of(const graft_json *holder)
{
    return graft_json_get(holder, "function");
}

static const char *name_of(const graft_json *holder, size_t *n)
{
    return graft_json_string(graft_json_get(function_of(holder), "name"), n);
}

/* names: of tools to their places in the list. */
static graft_status map_tools(graft_map *names, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        size_t n;
        const char *name = name_of(graft_json_at(tools, i), &n);
        GRAFT_TRY(graft_map_set(names, name, n, i, NULL));
    }
done:
    return status;
}

/* Calls visit(out, tools, names, message, call number, call) for each call. */
typedef graft_status visit_call(graft_findings *out, const graft_json *tools,
                                const graft_map *names, size_t message, size_t number,
                                const graft_json *call);

static graft_status each_call(graft_findings *out, const graft_conversation *c, visit_call *visit)
{
    graft_status status = GRAFT_OK;
    graft_map names;
    graft_map_init(&names);
    GRAFT_TRY(map_tools(&names, c->tools));
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *calls = graft_json_get(graft_json_at(c->messages, k), "tool_calls");
        for (size_t i = 0; i < graft_json_length(calls); i++) {
            GRAFT_TRY(visit(out, c->tools, &names, k + 1, i + 1, graft_json_at(calls, i)));
        }
    }
done:
    graft_map_clear(&names);
    return status;
}

/* --- declared? --- */

static graft_status visit_name(graft_findings *out, const graft_json *tools,
                               const graft_map *names, size_t message, size_t number,
                               const graft_json *call)
{
    enum { COMPARED = 64 };
    const char *known[COMPARED], *nearest;
    size_t n, n_known = 0;
    const char *name = name_of(call, &n);
    if (graft_map_find(names, name, n, NULL)) {
        return GRAFT_OK;
    }
    if (names->n == 0) {
        return graft_findings_add(out, &graft_lint_undeclared_tool,
                                  "message %zu: call %zu: \"%s\" is called, but the example "
                                  "declares no tools: add its declaration to \"tools\"", message,
                                  number, graft_draft__quoted(name));
    }
    for (; n_known < COMPARED && n_known < graft_json_length(tools); n_known++) {
        known[n_known] = name_of(graft_json_at(tools, n_known), NULL);
    }
    nearest = n <= 100 ? graft_text_nearest(name, known, n_known) : NULL;
    return graft_findings_add(out, &graft_lint_undeclared_tool,
                              "message %zu: call %zu: \"%s\" is not among the declared tools%s%s%s:"
                              " declare it, or correct the name", message, number,
                              graft_draft__quoted(name), nearest ? " (did you mean \"" : "",
                              nearest ? graft_draft__quoted(nearest) : "", nearest ? "\"?)" : "");
}

static graft_status check_declared(graft_findings *out, const graft_conversation *c)
{
    return each_call(out, c, visit_name);
}

const graft_lint graft_lint_undeclared_tool = {
    .name = "undeclared_tool",
    .what = "calls a tool that it does not declare",
    .check = check_declared,
};

/* --- arguments --- */

/* Tells the first thing that does not fit. */
static graft_status tell_misfit(graft_findings *out, const graft_schema *schema,
                                const graft_json *arguments, const char *where)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    status = graft_schema_explain(&text, schema, out->scratch, arguments, "", 1);
    if (status == GRAFT_E_DATA) { /* the schema has no end */
        text.len = 0;
        status = graft_text_append_z(&text, graft_error_message());
    }
    GRAFT_TRY(status);
    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.data[--text.len] = 0;
    }
    GRAFT_TRY(graft_findings_add(out, &graft_lint_bad_arguments,
                                 "%s: %.300s: correct the call, or the declaration", where,
                                 graft_text_z(&text)));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status visit_arguments(graft_findings *out, const graft_json *tools,
                                    const graft_map *names, size_t message, size_t number,
                                    const graft_json *call)
{
    graft_status status = GRAFT_OK;
    size_t n;
    uint64_t place;
    bool fits = true;
    const graft_schema *schema = NULL;
    const char *name = name_of(call, &n);
    const graft_json *arguments = graft_json_get(function_of(call), "arguments");
    graft_text where;
    (void)tools;
    graft_text_init(&where);
    if (graft_map_find(names, name, n, &place)) {
        GRAFT_TRY(graft_declared_get(&schema, out->declared, (size_t)place));
    }
    if (!schema) {
        goto done;
    }
    status = graft_schema_check(&fits, schema, out->scratch, arguments);
    if (status == GRAFT_OK && fits) {
        goto done;
    }
    GRAFT_TRY(status == GRAFT_E_DATA ? GRAFT_OK : status);
    GRAFT_TRY(graft_text_appendf(&where, "message %zu: call %zu of \"%s\"", message, number,
                                 graft_draft__quoted(name)));
    GRAFT_TRY(tell_misfit(out, schema, arguments, graft_text_z(&where)));
done:
    graft_text_clear(&where);
    return status;
}

static graft_status check_arguments(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_declared_begin(out->declared, c->tools));
    GRAFT_TRY(each_call(out, c, visit_arguments));
done:
    return status;
}

const graft_lint graft_lint_bad_arguments = {
    .name = "bad_arguments",
    .what = "calls with arguments that do not fit the declaration",
    .check = check_arguments,
};

/* --- answered? --- */

/* Names the first call of message k that no tool message before the next turn answers. */
static graft_status check_answers(graft_findings *out, const graft_conversation *c, size_t k,
                                  const graft_json *calls)
{
    graft_status status = GRAFT_OK;
    graft_map answered;
    size_t n, end = k + 1;
    graft_map_init(&answered);
    for (; end < c->n_turns && c->turns[end].role == GRAFT_ROLE_TOOL; end++) {
        const char *id = graft_json_string(
            graft_json_get(graft_json_at(c->messages, end), "tool_call_id"), &n);
        GRAFT_TRY(graft_map_set(&answered, id, n, 0, NULL));
    }
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *call = graft_json_at(calls, i);
        const char *id = graft_json_string(graft_json_get(call, "id"), &n);
        if (!graft_map_find(&answered, id, n, NULL)) {
            GRAFT_TRY(graft_findings_add(
                out, &graft_lint_unanswered_call,
                "message %zu: call %zu of \"%s\" has no result before message %zu: add the tool "
                "message, or end the example with the call", k + 1, i + 1,
                graft_draft__quoted(name_of(call, NULL)), end + 1));
        }
    }
done:
    graft_map_clear(&answered);
    return status;
}

static graft_status check_unanswered(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    for (size_t k = 0; k + 1 < c->n_turns; k++) {
        const graft_json *calls = graft_json_get(graft_json_at(c->messages, k), "tool_calls");
        if (graft_json_length(calls)) {
            GRAFT_TRY(check_answers(out, c, k, calls));
        }
    }
done:
    return status;
}

const graft_lint graft_lint_unanswered_call = {
    .name = "unanswered_call",
    .what = "goes on after a call without its result",
    .check = check_unanswered,
};
