/* reader_openai.c - {messages: [{role, content, tool_calls}], tools}: the canonical layout.
 * https://platform.openai.com/docs/api-reference/chat (messages, tools; functions before them) */
#include "data/reader.h"

/* Some files call the list conversations or traj and keep role and content inside. */
static const graft_json *messages_of(const graft_json *record)
{
    const graft_json *list = graft_json_get(record, "messages");
    const graft_json *other = graft_json_get(record, "conversations");
    other = other ? other : graft_json_get(record, "traj"); /* tau-bench */
    return !list && graft_json_has(graft_json_at(other, 0), "role") ? other : list;
}

static bool matches(const graft_json *record)
{
    return messages_of(record) != NULL;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    const graft_json *messages = messages_of(record);
    const graft_json *tools = graft_json_get(record, "tools");
    (void)state;
    if (!messages) {
        return graft_fail(GRAFT_E_DATA, "has no messages");
    }
    if (!tools) {
        tools = graft_json_get(record, "functions");
    }
    out->messages = graft_json_retain((graft_json *)(uintptr_t)messages);
    out->tools = graft_json_retain((graft_json *)(uintptr_t)tools);
    out->expected = graft_json_retain(graft_json_get(record, "expected"));
    return GRAFT_OK;
}

const graft_reader graft_reader_openai = {
    .name = "openai",
    .shape = "{messages: [{role, content, tool_calls}], tools}",
    .matches = matches,
    .convert = convert,
};
