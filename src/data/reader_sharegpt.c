/* reader_sharegpt.c - {conversations: [{from, value}], tools}, from: human, gpt, function_call, ...
 *
 * tools is a list or its JSON text. A function_call is {"name", "arguments"} or a list of these;
 * it joins the assistant's message before it, so that text and calls of one turn stay together. */
#include <string.h>

#include "data/build.h"

static bool matches(const graft_json *record)
{
    return graft_json_has(graft_json_at(graft_json_get(record, "conversations"), 0), "from");
}

static const char *role_of(const char *from)
{
    static const char *const known[][2] = {
        {"human", "user"},          {"user", "user"},         {"gpt", "assistant"},
        {"assistant", "assistant"}, {"chatgpt", "assistant"}, {"model", "assistant"},
        {"system", "system"},       {"observation", "tool"},  {"tool", "tool"},
        {"function_response", "tool"}, {"function_call", "function_call"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i][0], from) == 0) {
            return known[i][1];
        }
    }
    return NULL;
}

/* Parses the value of a function_call into a list of calls. */
static graft_status parse_calls(graft_json **out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_json *parsed = NULL, *list = NULL;
    size_t n;
    const char *text = graft_json_string(value, &n);
    *out = NULL;
    if (text) {
        if (graft_json_parse(&parsed, text, n) != GRAFT_OK) {
            return graft_fail_prefix("function_call is not JSON");
        }
    } else {
        parsed = graft_json_retain((graft_json *)(uintptr_t)value);
    }
    if (graft_json_is(parsed, GRAFT_JSON_ARRAY)) {
        list = parsed;
        parsed = NULL;
    } else {
        graft_json *taken = parsed;
        list = graft_json_new_array();
        parsed = NULL;
        GRAFT_TRY(graft_json_push(list, taken));
    }
    if (!graft_json_length(list)) {
        status = graft_fail(GRAFT_E_DATA, "function_call is an empty list");
        goto done;
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(list);
    graft_json_free(parsed);
    return status;
}

/* Adds calls to the assistant's message that came just before, or to a new one. */
static graft_status add_calls(graft_json *messages, graft_json **last_assistant,
                              const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_json *calls = NULL, *taken;
    GRAFT_TRY(parse_calls(&calls, value));
    if (!*last_assistant) {
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", NULL));
        *last_assistant = graft_json_at(messages, graft_json_length(messages) - 1);
    }
    graft_json *before = graft_json_get(*last_assistant, "tool_calls");
    if (before) {
        for (size_t i = 0; i < graft_json_length(calls); i++) {
            GRAFT_TRY(graft_json_push(before, graft_json_retain(graft_json_at(calls, i))));
        }
    } else {
        taken = calls;
        calls = NULL;
        GRAFT_TRY(graft_json_set(*last_assistant, "tool_calls", taken));
    }
done:
    graft_json_free(calls);
    return status;
}

/* Takes over the loss weight, and whatever else stands beside from and value. */
static graft_status copy_rest(graft_json *message, const graft_json *item, bool joined)
{
    graft_status status = GRAFT_OK;
    graft_json_iter it = graft_json_iter_begin(item);
    GRAFT_TRY(joined ? graft_build__joins(message, item) : GRAFT_OK);
    while (graft_json_iter_next(&it)) {
        if (!(joined && graft_reader__is_weight(it.key)) && strcmp(it.key, "from") != 0 &&
            strcmp(it.key, "value") != 0 && !graft_json_has(message, it.key)) {
            GRAFT_TRY(graft_reader__set_shared(message, it.key, it.value));
        }
    }
done:
    return status;
}

static graft_status add_item(graft_json *messages, graft_json **last_assistant,
                             const graft_json *item)
{
    graft_status status = GRAFT_OK;
    const graft_json *from = graft_json_get(item, "from"), *value = graft_json_get(item, "value");
    const char *role = graft_json_is(from, GRAFT_JSON_STRING)
                           ? role_of(graft_json_string(from, NULL)) : NULL;
    size_t before = graft_json_length(messages);
    if (!role) {
        return graft_fail(GRAFT_E_DATA, "unknown \"from\" (known: human, gpt, system, "
                          "function_call, observation)");
    }
    if (strcmp(role, "function_call") == 0) {
        GRAFT_TRY(add_calls(messages, last_assistant, value));
    } else {
        GRAFT_TRY(graft_reader__add_text(messages, role, value));
        *last_assistant = strcmp(role, "assistant") == 0
                              ? graft_json_at(messages, graft_json_length(messages) - 1)
                              : NULL;
    }
    size_t n = graft_json_length(messages);
    GRAFT_TRY(copy_rest(graft_json_at(messages, n - 1), item, n == before));
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *items = graft_json_get(record, "conversations");
    const graft_json *system = graft_json_get(record, "system");
    graft_json *last_assistant = NULL; /* borrowed from out->messages */
    (void)state;
    if (!graft_json_is(items, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "has no conversations");
    }
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    if (graft_json_is(system, GRAFT_JSON_STRING) && graft_json_string(system, NULL)[0]) {
        GRAFT_TRY(graft_reader__add_text(out->messages, "system", system));
    }
    for (size_t i = 0; i < graft_json_length(items); i++) {
        if (add_item(out->messages, &last_assistant, graft_json_at(items, i)) != GRAFT_OK) {
            status = graft_fail_prefix("conversations item %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_sharegpt = {
    .name = "sharegpt",
    .shape = "{conversations: [{from, value}], tools}",
    .matches = matches,
    .convert = convert,
};
