/* reader_seal_tools.c - {query, calling: [{api, parameters, responses}]}, and the same as a prompt
 * with `api_list = [...]` and `task_instruction = "..."` that is answered by a Python list.
 *
 * The names that results will have ("responses", API_call_0) stay where arguments use them and are
 * left out otherwise. The plain form declares no tools.
 * Wu et al., "Seal-Tools: Self-Instruct Tool Learning Dataset for Agent Tuning", 2024. */
#include <string.h>

#include "chat/python_literal.h"
#include "data/schema.h"

#define LIST "api_list = "
#define TASK "\ntask_instruction = \""

static graft_piece prompt_of(const graft_json *record)
{
    const graft_json *first = graft_json_at(graft_json_get(record, "conversations"), 0);
    return graft_piece_of(graft_json_get(first, "value"));
}

static bool matches(const graft_json *record)
{
    graft_piece prompt = prompt_of(record);
    return graft_json_has(graft_json_at(graft_json_get(record, "calling"), 0), "api") ||
           (graft_piece_find(prompt, LIST) < prompt.n && graft_piece_find(prompt, TASK) < prompt.n);
}

static graft_status add_calls(graft_json *messages, const graft_json *calling)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_is(calling, GRAFT_JSON_ARRAY) || !graft_json_length(calling)) {
        return graft_fail(GRAFT_E_DATA, "the answer is no list of calls");
    }
    for (size_t i = 0; i < graft_json_length(calling); i++) {
        const graft_json *call = graft_json_at(calling, i);
        graft_piece name = graft_piece_of(graft_json_get(call, "api"));
        if (!name.n) {
            return graft_fail(GRAFT_E_DATA, "call %zu has no api", i + 1);
        }
        GRAFT_TRY(graft_build__named_call(messages, name,
                                          graft_json_retain(graft_json_get(call, "parameters"))));
    }
done:
    return status;
}

static graft_status add_tools(graft_json *tools, const graft_json *list)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(list); i++) {
        const graft_json *api = graft_json_at(list, i);
        graft_piece name = graft_piece_of(graft_json_get(api, "api_name"));
        graft_json *parameters = NULL;
        if (!name.n) {
            return graft_fail(GRAFT_E_DATA, "api_list: entry %zu has no api_name", i + 1);
        }
        GRAFT_TRY(graft_schema__flat(&parameters, graft_json_get(api, "parameters"),
                                     graft_json_get(api, "required")));
        GRAFT_TRY(graft_build__tool(tools, name,
                                    graft_piece_of(graft_json_get(api, "api_description")),
                                    parameters));
    }
done:
    return status;
}

/* The prompt's tools and task. */
static graft_status read_prompt(graft_conversation *out, graft_piece prompt)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL;
    size_t at = graft_piece_find(prompt, LIST);
    graft_piece rest = graft_piece_from(prompt, at < prompt.n ? at + strlen(LIST) : at);
    if (graft_build__value(&list, &rest) != GRAFT_OK) {
        status = graft_fail_prefix("api_list");
        goto done;
    }
    out->tools = graft_json_new_array();
    GRAFT_TRY(add_tools(out->tools, list));
    at = graft_piece_find(rest, TASK);
    if (at == rest.n) {
        status = graft_fail(GRAFT_E_DATA, "the prompt has no task_instruction");
        goto done;
    }
    rest = graft_piece_from(rest, at + strlen(TASK));
    size_t end = graft_piece_find(rest, "\"\nOutput:");
    if (end == rest.n) {
        status = graft_fail(GRAFT_E_DATA, "the task_instruction is not closed by \"Output:\"");
        goto done;
    }
    GRAFT_TRY(graft_build__text(out->messages, "user", (graft_piece){rest.at, end}));
done:
    graft_json_free(list);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *items = graft_json_get(record, "conversations");
    graft_json *answer = NULL;
    (void)state;
    out->messages = graft_json_new_array();
    if (!items) {
        const graft_json *query = graft_json_get(record, "query");
        if (!graft_json_is(query, GRAFT_JSON_STRING)) {
            return graft_fail(GRAFT_E_DATA, "has no query");
        }
        GRAFT_TRY(graft_reader__add_text(out->messages, "user", query));
        return add_calls(out->messages, graft_json_get(record, "calling"));
    }
    if (graft_json_length(items) != 2) {
        return graft_fail(GRAFT_E_DATA, "conversations is not a prompt and its answer");
    }
    GRAFT_TRY(read_prompt(out, prompt_of(record)));
    graft_piece text = graft_piece_of(graft_json_get(graft_json_at(items, 1), "value"));
    if (graft_python_or_json(&answer, text.at, text.n) != GRAFT_OK) {
        status = graft_fail_prefix("the answer is no list of calls");
        goto done;
    }
    GRAFT_TRY(add_calls(out->messages, answer));
done:
    graft_json_free(answer);
    return status;
}

const graft_reader graft_reader_seal_tools = {
    .name = "seal-tools",
    .shape = "{query, calling: [{api, parameters, responses}]}",
    .matches = matches,
    .convert = convert,
};
