/* reader_prompt.c - {prompt, completion}: a question, its answer.
 *
 * Both may be texts or lists of messages; system and history ([[question, answer], ...]) come
 * before. */
#include "data/build.h"

static bool matches(const graft_json *record)
{
    return graft_json_has(record, "prompt") && graft_json_has(record, "completion");
}

/* A text becomes a message of this role; a list of messages is appended as it is. */
static graft_status add_part(graft_json *messages, const char *key, const char *role,
                             const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const graft_json *part = graft_json_get(record, key);
    if (graft_json_is(part, GRAFT_JSON_STRING)) {
        return graft_reader__add_text(messages, role, part);
    }
    if (!graft_json_is(part, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "%s is neither a text nor a list of messages", key);
    }
    for (size_t i = 0; i < graft_json_length(part); i++) {
        GRAFT_TRY(graft_json_push(messages, graft_json_retain(graft_json_at(part, i))));
    }
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    (void)state;
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    out->expected = graft_json_retain(graft_json_get(record, "expected"));
    GRAFT_TRY(graft_build__before(out->messages, record));
    GRAFT_TRY(add_part(out->messages, "prompt", "user", record));
    GRAFT_TRY(add_part(out->messages, "completion", "assistant", record));
done:
    return status;
}

const graft_reader graft_reader_prompt = {
    .name = "prompt",
    .shape = "{prompt, completion}",
    .matches = matches,
    .convert = convert,
};
