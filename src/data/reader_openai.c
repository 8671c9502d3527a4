/* reader_openai.c - {messages: [{role, content, tool_calls}], tools}: the canonical layout.
 * https://platform.openai.com/docs/api-reference/chat (messages, tools; functions before them) */
#include "data/build.h"

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

/* A system text beside the messages, as Anthropic's files have it, stands before them. */
static graft_status put_before(graft_conversation *out, const graft_json *messages, const graft_json *system)
{
    graft_status status = GRAFT_OK;
    const graft_json *first = graft_json_at(messages, 0);
    graft_piece role = graft_piece_of(graft_json_get(first, "role"));
    if (!graft_json_is(system, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "system is no text");
    }
    if ((role.n == 6 && graft_piece_begins(role, "system")) ||
        (role.n == 9 && graft_piece_begins(role, "developer"))) {
        return graft_json_equal(graft_json_get(first, "content"), system)
                   ? GRAFT_OK
                   : graft_fail(GRAFT_E_DATA, "has system, and messages that begin with another one");
    }
    if (!graft_json_is(messages, GRAFT_JSON_ARRAY)) {
        return GRAFT_OK; /* which is said of all layouts alike */
    }
    graft_json_free(out->messages);
    out->messages = graft_json_new_array();
    GRAFT_TRY(graft_build__system(out->messages, graft_piece_of(system)));
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        graft_json *message = graft_json_at(messages, i);
        if (message == NULL) {
            return graft_fail(GRAFT_E_DATA, "message %zu: it is null", i + 1);
        }
        GRAFT_TRY(graft_json_push(out->messages, graft_json_retain(message)));
    }
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    const graft_json *messages = messages_of(record);
    const graft_json *tools = graft_json_get(record, "tools"), *system = graft_json_get(record, "system");
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
    return system == NULL ? GRAFT_OK : put_before(out, messages, system);
}

const graft_reader graft_reader_openai = {
    .name = "openai",
    .shape = "{messages: [{role, content, tool_calls}], tools}",
    .matches = matches,
    .convert = convert,
};
