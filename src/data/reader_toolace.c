/* reader_toolace.c - {system, conversations: [{from, value}]}: tools in the system text, calls as
 * Python: [get_time(zone="UTC"), add(a=1, b=2)].
 *
 * An assistant's text that is not such a list is what it says. The tool's list of results, one
 * {"name", "results"} per call, answers the calls before it. Instructions about the form are taken
 * out of the system text. Liu et al., "ToolACE: Winning the Points of LLM Function Calling". */
#include <string.h>

#include "chat/python_literal.h"
#include "data/schema.h"

static const char *const instructions[] = {
    "You are an expert in composing functions. You are given a question and a set of possible "
    "functions.",
    "Based on the question, you will need to make one or more function/tool calls to achieve the "
    "purpose.",
    "If none of the functions can be used, point it out.",
    "If none of the function can be used, point it out.",
    "If the given question lacks the parameters required by the function, also point it out.",
    "You should only return the function call in tools call sections.",
    "Here is a list of functions in JSON format that you can invoke:",
    "Should you decide to return the function call(s).",
    "Put it in the format of [func1(params_name=params_value, params_name2=params_value2...), "
    "func2(params)]",
    "NO other text MUST be included.",
    NULL};

/* Where the list of tools begins in the text; text.n if it has none. */
static size_t tools_at(graft_piece text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] != '[') {
            continue;
        }
        graft_piece rest = graft_piece_skip(graft_piece_from(text, i + 1));
        if (rest.n && *rest.at == '{') {
            rest = graft_piece_skip(graft_piece_from(rest, 1));
            if (graft_piece_begins(rest, "\"name\"") || graft_piece_begins(rest, "'name'") ||
                graft_piece_begins(rest, "\"type\"") ||
                graft_piece_begins(rest, "\"description\"")) {
                return i;
            }
        }
    }
    return text.n;
}

static bool matches(const graft_json *record)
{
    graft_piece system = graft_piece_of(graft_json_get(record, "system"));
    return graft_json_has(graft_json_at(graft_json_get(record, "conversations"), 0), "from") &&
           !graft_json_has(record, "tools") &&
           (tools_at(system) < system.n ||
            graft_piece_begins(system, "You are an expert in composing functions"));
}

static graft_status add_tools(graft_conversation *out, const graft_json *list)
{
    graft_status status = GRAFT_OK;
    graft_json *tool = NULL;
    if (!graft_json_is(list, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "the tools in the system text are no list");
    }
    out->tools = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(list); i++) {
        GRAFT_TRY(graft_schema__json(&tool, graft_json_at(list, i)));
        GRAFT_TRY(graft_json_push(out->tools, tool));
    }
done:
    return status;
}

static graft_status add_system(graft_conversation *out, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL;
    graft_text own;
    size_t at = tools_at(text);
    graft_piece rest = graft_piece_from(text, at);
    graft_text_init(&own);
    if (rest.n) {
        if (graft_build__value(&list, &rest) != GRAFT_OK) {
            status = graft_fail_prefix("the tools in the system text");
            goto done;
        }
        GRAFT_TRY(add_tools(out, list));
        rest = graft_piece_trim(rest);
        rest = graft_piece_from(rest, rest.n && *rest.at == '.');
    }
    GRAFT_TRY(graft_build__without(&own, (graft_piece){text.at, at}, instructions));
    GRAFT_TRY(graft_build__without(&own, rest, instructions));
    GRAFT_TRY(graft_build__system(out->messages, (graft_piece){graft_text_z(&own), own.len}));
done:
    graft_json_free(list);
    graft_text_clear(&own);
    return status;
}

static graft_status add_assistant(graft_json *messages, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *calls = graft_json_new_array();
    graft_piece trimmed = graft_piece_trim(text);
    bool understood = false;
    if (trimmed.n && *trimmed.at == '[') {
        GRAFT_TRY(graft_python_calls(calls, trimmed.at, trimmed.n, &understood));
    }
    if (!understood) {
        GRAFT_TRY(graft_build__text(messages, "assistant", text));
        goto done;
    }
    GRAFT_TRY(graft_reader__add_text(messages, "assistant", NULL));
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(graft_build__call(messages, graft_json_at(calls, i)));
    }
done:
    graft_json_free(calls);
    return status;
}

/* How many calls the assistant's message that ends `messages` makes. */
static size_t calls_before(const graft_json *messages)
{
    size_t n = graft_json_length(messages);
    return n ? graft_json_length(graft_json_get(graft_json_at(messages, n - 1), "tool_calls")) : 0;
}

/* One text answers one call; a list with a result per call is taken apart. */
static graft_status add_results(graft_json *messages, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL;
    graft_text content;
    size_t n = calls_before(messages);
    graft_text_init(&content);
    if (n <= 1) {
        return graft_build__result(messages, (graft_piece){"", 0}, text);
    }
    status = graft_python_or_json(&list, text.at, text.n);
    if (status == GRAFT_E_DATA || (status == GRAFT_OK && graft_json_length(list) != n)) {
        status = graft_fail(GRAFT_E_DATA, "the tool's text is no list of %zu results, one for each "
                            "call before it", n);
    }
    for (size_t i = 0; status == GRAFT_OK && i < n; i++) {
        content.len = 0;
        GRAFT_TRY(graft_build__as_text(&content, graft_json_at(list, i)));
        GRAFT_TRY(graft_build__result(messages, (graft_piece){"", 0},
                                      (graft_piece){graft_text_z(&content), content.len}));
    }
done:
    graft_json_free(list);
    graft_text_clear(&content);
    return status;
}

static graft_status add_turn(graft_json *messages, const graft_json *item)
{
    const graft_json *value = graft_json_get(item, "value");
    const char *from = graft_piece_of(graft_json_get(item, "from")).at;
    if (!graft_json_is(value, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "has no text");
    }
    if (strcmp(from, "user") == 0 || strcmp(from, "human") == 0) {
        return graft_build__text(messages, "user", graft_piece_of(value));
    }
    if (strcmp(from, "assistant") == 0 || strcmp(from, "gpt") == 0) {
        return add_assistant(messages, graft_piece_of(value));
    }
    if (strcmp(from, "tool") == 0 || strcmp(from, "observation") == 0) {
        return add_results(messages, graft_piece_of(value));
    }
    return graft_fail(GRAFT_E_DATA, "unknown \"from\" (known: user, assistant, tool)");
}

static graft_status add_item(graft_json *messages, const graft_json *item)
{
    graft_status status = GRAFT_OK;
    size_t before = graft_json_length(messages);
    GRAFT_TRY(add_turn(messages, item));
    GRAFT_TRY(graft_build__beside(messages, before, item));
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *items = graft_json_get(record, "conversations");
    (void)state;
    if (!graft_json_is(items, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "has no conversations");
    }
    out->messages = graft_json_new_array();
    GRAFT_TRY(add_system(out, graft_piece_of(graft_json_get(record, "system"))));
    for (size_t i = 0; i < graft_json_length(items); i++) {
        if (add_item(out->messages, graft_json_at(items, i)) != GRAFT_OK) {
            status = graft_fail_prefix("conversations item %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_toolace = {
    .name = "toolace",
    .shape = "{system, conversations: [{from, value}]} with calls as [f(a=1)]",
    .matches = matches,
    .marked = true,
    .convert = convert,
};
