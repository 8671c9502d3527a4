/* lint_calls.c - calls against what is declared, and against what answers them. */
#include <string.h>

#include <graft/text.h>

#include "core/map.h"
#include "data/draft.h"
#include "data/lint.h"
#include "schema/schema.h"

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

/* The first required name that is missing; NULL if none is. */
static const char *missing_name(const graft_json *schema, const graft_json *arguments)
{
    const graft_json *required = graft_json_get(schema, "required");
    for (size_t i = 0; i < graft_json_length(required); i++) {
        const char *name = graft_json_string(graft_json_at(required, i), NULL);
        if (name && !graft_json_has(arguments, name)) {
            return name;
        }
    }
    return NULL;
}

static const char *unknown_name(const graft_json *schema, const graft_json *arguments)
{
    const graft_json *more = graft_json_get(schema, "additionalProperties");
    const graft_json *properties = graft_json_get(schema, "properties");
    if (!graft_json_is(more, GRAFT_JSON_BOOL) || graft_json_bool(more)) {
        return NULL;
    }
    for (graft_json_iter it = graft_json_iter_begin(arguments); graft_json_iter_next(&it);) {
        if (!graft_json_has(properties, it.key)) {
            return it.key;
        }
    }
    return NULL;
}

/* The first argument that does not fit its own declaration; NULL if that is not the reason, or if
 * declarations refer to others, which only the whole schema can resolve. */
static graft_status misfit_name(const char **out, const graft_json *schema,
                                const graft_json *arguments)
{
    graft_status status = GRAFT_OK;
    const graft_json *properties = graft_json_get(schema, "properties");
    graft_json_iter it = graft_json_iter_begin(arguments);
    *out = NULL;
    while (!*out && graft_json_iter_next(&it)) {
        bool fits = true;
        if (graft_json_has(properties, it.key)) {
            GRAFT_TRY(graft_schema_fits(&fits, graft_json_get(properties, it.key), it.value));
        }
        *out = fits ? NULL : it.key;
    }
done:
    return status;
}

static graft_status tell_misfit(graft_findings *out, const char *where, const char *name,
                                const graft_json *value, const graft_json *declared)
{
    graft_status status = GRAFT_OK;
    graft_text given, wanted;
    graft_text_init(&given);
    graft_text_init(&wanted);
    GRAFT_TRY(graft_json_write(&given, value, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_json_write(&wanted, declared, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_findings_add(out, &graft_lint_bad_arguments,
                                 "%s: argument \"%s\" is %.60s%s, which does not fit its "
                                 "declaration %.120s%s: correct one of them", where,
                                 graft_draft__quoted(name), graft_text_z(&given),
                                 given.len > 60 ? "..." : "", graft_text_z(&wanted),
                                 wanted.len > 120 ? "..." : ""));
done:
    graft_text_clear(&given);
    graft_text_clear(&wanted);
    return status;
}

static graft_status visit_arguments(graft_findings *out, const graft_json *tools,
                                    const graft_map *names, size_t message, size_t number,
                                    const graft_json *call)
{
    graft_status status = GRAFT_OK;
    size_t n;
    uint64_t place;
    const char *name = name_of(call, &n), *about, *misfit = NULL;
    const graft_json *arguments = graft_json_get(function_of(call), "arguments"), *schema = NULL;
    graft_text where;
    graft_text_init(&where);
    if (graft_map_find(names, name, n, &place)) {
        schema = graft_json_get(function_of(graft_json_at(tools, (size_t)place)), "parameters");
    }
    bool fits = true;
    if (schema) {
        GRAFT_TRY(graft_schema_fits(&fits, schema, arguments));
    }
    if (fits) {
        goto done;
    }
    GRAFT_TRY(misfit_name(&misfit, schema, arguments));
    GRAFT_TRY(graft_text_appendf(&where, "message %zu: call %zu of \"%s\"", message, number,
                                 graft_draft__quoted(name)));
    if ((about = missing_name(schema, arguments))) {
        GRAFT_TRY(graft_findings_add(out, &graft_lint_bad_arguments,
                                     "%s: required argument \"%s\" is missing: add it, or declare "
                                     "it optional", graft_text_z(&where),
                                     graft_draft__quoted(about)));
    } else if ((about = unknown_name(schema, arguments))) {
        GRAFT_TRY(graft_findings_add(out, &graft_lint_bad_arguments,
                                     "%s: argument \"%s\" is not declared: declare it, or take it "
                                     "out", graft_text_z(&where), graft_draft__quoted(about)));
    } else if (misfit) {
        GRAFT_TRY(tell_misfit(out, graft_text_z(&where), misfit, graft_json_get(arguments, misfit),
                              graft_json_get(graft_json_get(schema, "properties"), misfit)));
    } else {
        GRAFT_TRY(graft_findings_add(out, &graft_lint_bad_arguments,
                                     "%s: the arguments do not fit the declared parameters: "
                                     "correct one of them", graft_text_z(&where)));
    }
done:
    graft_text_clear(&where);
    return status;
}

static graft_status check_arguments(graft_findings *out, const graft_conversation *c)
{
    return each_call(out, c, visit_arguments);
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
