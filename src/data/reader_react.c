/* reader_react.c - Thought, Action, Observation as text (data/react.h), in the three places where
 * files have it: messages whose observations come from the user, {instruction, output} with the
 * whole course in the output, and {text} with questions and courses one after the other. Texts in
 * which lines with "> " are what an agent does are read too; there, actions stay text.
 *
 * Files of this kind declare no tools. */
#include <string.h>

#include "data/react.h"

static const char *role_of(const graft_json *message)
{
    return graft_piece_of(graft_json_get(message, "role")).at;
}

static bool acts_in_messages(const graft_json *messages)
{
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        const graft_json *message = graft_json_at(messages, i);
        if (graft_json_get(message, "tool_calls") || graft_json_get(message, "function_call")) {
            return false;
        }
        if (strcmp(role_of(message), "assistant") == 0 &&
            graft_react__acts(graft_piece_of(graft_json_get(message, "content")))) {
            return true;
        }
    }
    return false;
}

static bool is_prompted(graft_piece text)
{
    return graft_piece_find(text, "\n> think:") < text.n;
}

static bool matches(const graft_json *record)
{
    graft_piece text = graft_piece_of(graft_json_get(record, "text"));
    return acts_in_messages(graft_json_get(record, "messages")) ||
           (graft_json_has(record, "instruction") &&
            graft_react__acts(graft_piece_of(graft_json_get(record, "output")))) ||
           graft_react__acts(text) || is_prompted(text);
}

static graft_status add_messages(graft_json *messages, const graft_json *list)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(list); i++) {
        const graft_json *message = graft_json_at(list, i);
        const graft_json *content = graft_json_get(message, "content");
        graft_piece text = graft_piece_of(content);
        bool labelled = strcmp(role_of(message), "assistant") == 0 && graft_react__labelled(text);
        if (labelled || (strcmp(role_of(message), "user") == 0 && graft_react__observes(text))) {
            size_t before = graft_json_length(messages);
            if (graft_react__add(messages, text, "assistant") != GRAFT_OK ||
                graft_build__beside(messages, before, message) != GRAFT_OK) {
                return graft_fail_prefix("messages item %zu", i + 1);
            }
        } else {
            GRAFT_TRY(graft_json_push(messages,
                                      graft_json_retain((graft_json *)(uintptr_t)message)));
        }
    }
done:
    return status;
}

/* Lines with "> " are the agent's, what follows each is what it sees. */
static graft_status add_prompted(graft_json *messages, graft_piece text)
{
    graft_status status = GRAFT_OK;
    text = graft_piece_trim(text);
    while (text.n) {
        bool agent = graft_piece_begins(text, "> ");
        size_t n = graft_piece_find(text, agent ? "\n" : "\n> ");
        graft_piece said = {text.at + (agent ? 2 : 0), n - (agent ? 2 : 0)};
        GRAFT_TRY(graft_build__text(messages, agent ? "assistant" : "user",
                                    graft_piece_trim(said)));
        text = graft_piece_from(text, n < text.n ? n + 1 : n);
    }
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *output = graft_json_get(record, "output");
    graft_piece text = graft_piece_of(graft_json_get(record, "text"));
    (void)state;
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    GRAFT_TRY(graft_build__before(out->messages, record));
    if (graft_json_has(record, "messages")) {
        return add_messages(out->messages, graft_json_get(record, "messages"));
    }
    if (graft_json_has(record, "instruction")) {
        if (!graft_json_is(output, GRAFT_JSON_STRING)) {
            return graft_fail(GRAFT_E_DATA, "output is not a text");
        }
        GRAFT_TRY(graft_build__instruction(out->messages, record));
        return graft_react__add(out->messages, graft_piece_of(output), "assistant");
    }
    if (!graft_piece_trim(text).n) {
        return graft_fail(GRAFT_E_DATA, "has neither messages nor instruction nor text");
    }
    status = graft_piece_find(text, "\n> ") < text.n ? add_prompted(out->messages, text)
                                                  : graft_react__add(out->messages, text, "system");
done:
    return status;
}

const graft_reader graft_reader_react = {
    .name = "react",
    .shape = "texts with Thought:, Action:, Observation:",
    .matches = matches,
    .convert = convert,
};
