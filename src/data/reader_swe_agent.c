/* reader_swe_agent.c - a trajectory file of SWE-agent: {history: [{role, content, ...}], ...}.
 *
 * The history is what the model saw and said. With function calling it has tool_calls, and results
 * name their call in tool_call_ids; else commands stand in the assistant's text and the
 * environment answers as user. The agent's own notes (agent, thought, action, ...) are left out.
 * https://swe-agent.com/latest/usage/trajectories */
#include <string.h>

#include "data/build.h"

static bool matches(const graft_json *record)
{
    return graft_json_has(graft_json_at(graft_json_get(record, "history"), 0), "role");
}

static graft_status add_message(graft_json *messages, const graft_json *in)
{
    static const char *const kept[] = {"role", "content", "tool_calls", "tool_call_id", "name",
                                       "reasoning_content"};
    graft_status status = GRAFT_OK;
    graft_json *message = graft_json_new_object();
    const graft_json *ids = graft_json_get(in, "tool_call_ids");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const graft_json *value = graft_json_get(in, kept[i]);
        if (value) {
            GRAFT_TRY(graft_reader__set_shared(message, kept[i], value));
        }
    }
    if (ids && graft_json_length(ids) != 1) {
        status = graft_fail(GRAFT_E_DATA, "tool_call_ids holds %zu ids: one result answers one "
                            "call", graft_json_length(ids));
        goto done;
    }
    if (ids) {
        GRAFT_TRY(graft_reader__set_shared(message, "tool_call_id", graft_json_at(ids, 0)));
    }
    graft_json *taken = message;
    message = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(message);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *history = graft_json_get(record, "history");
    (void)state;
    if (!graft_json_is(history, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "has no history");
    }
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    for (size_t i = 0; i < graft_json_length(history); i++) {
        if (add_message(out->messages, graft_json_at(history, i)) != GRAFT_OK) {
            status = graft_fail_prefix("history item %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_swe_agent = {
    .name = "swe-agent",
    .shape = "{history: [{role, content, tool_calls, tool_call_ids}], trajectory}",
    .matches = matches,
    .convert = convert,
};
