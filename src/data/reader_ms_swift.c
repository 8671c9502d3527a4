/* reader_ms_swift.c - {messages: [{role, content}], tools} with the roles tool_call and
 * tool_response, whose content is JSON text: {"name", "arguments"}, one message per call.
 * https://swift.readthedocs.io (agent support) */
#include <string.h>

#include "chat/python_literal.h"
#include "data/build.h"

static const char *role_of(const graft_json *message)
{
    const char *role = graft_json_string(graft_json_get(message, "role"), NULL);
    return role ? role : "";
}

static bool matches(const graft_json *record)
{
    const graft_json *messages = graft_json_get(record, "messages");
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        const char *role = role_of(graft_json_at(messages, i));
        if (strcmp(role, "tool_call") == 0 || strcmp(role, "tool_response") == 0) {
            return true;
        }
    }
    return false;
}

/* What stands beside role and content, unless it is there already. */
static graft_status copy_rest(graft_json *out, const graft_json *in, bool joined)
{
    graft_status status = GRAFT_OK;
    graft_json_iter it = graft_json_iter_begin(in);
    GRAFT_TRY(joined ? graft_build__joins(out, in) : GRAFT_OK);
    while (graft_json_iter_next(&it)) {
        if (!(joined && graft_reader__is_weight(it.key)) && strcmp(it.key, "role") != 0 &&
            strcmp(it.key, "content") != 0 && !graft_json_has(out, it.key)) {
            GRAFT_TRY(graft_reader__set_shared(out, it.key, it.value));
        }
    }
done:
    return status;
}

static graft_status add_call(graft_json *messages, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    const graft_json *content = graft_json_get(message, "content");
    graft_piece text = graft_piece_of(content);
    graft_json *call = NULL;
    size_t before = graft_json_length(messages);
    if (graft_json_is(content, GRAFT_JSON_OBJECT)) {
        call = graft_json_retain((graft_json *)(uintptr_t)content);
    } else if (graft_python_or_json(&call, text.at, text.n) != GRAFT_OK) {
        return graft_fail_prefix("tool_call is not JSON");
    }
    GRAFT_TRY(graft_build__call(messages, call));
    size_t n = graft_json_length(messages);
    GRAFT_TRY(copy_rest(graft_json_at(messages, n - 1), message, n == before));
done:
    graft_json_free(call);
    return status;
}

static graft_status add_message(graft_json *messages, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_json *copy = NULL;
    if (strcmp(role_of(message), "tool_call") == 0) {
        return add_call(messages, message);
    }
    GRAFT_TRY(graft_json_copy(&copy, message));
    if (strcmp(role_of(message), "tool_response") == 0) {
        GRAFT_TRY(graft_json_set_string(copy, "role", "tool"));
    }
    graft_json *taken = copy;
    copy = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(copy);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *messages = graft_json_get(record, "messages");
    const graft_json *system = graft_json_get(record, "system");
    (void)state;
    if (!graft_json_is(messages, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "has no messages");
    }
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    GRAFT_TRY(graft_build__system(out->messages, graft_piece_of(system)));
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        if (add_message(out->messages, graft_json_at(messages, i)) != GRAFT_OK) {
            status = graft_fail_prefix("messages item %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_ms_swift = {
    .name = "ms-swift",
    .shape = "{messages: [{role: tool_call|tool_response|..., content}], tools}",
    .matches = matches,
    .marked = true,
    .convert = convert,
};
