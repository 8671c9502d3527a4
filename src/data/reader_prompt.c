/* reader_prompt.c - {prompt, completion} or {instruction, input, output}: a question, its answer.
 *
 * prompt and completion may be texts or lists of messages; an instruction and its input are joined
 * by a newline; system and history ([[question, answer], ...]) come before. */
#include "core/memory.h"
#include "data/reader.h"

static bool matches(const graft_json *record)
{
    return (graft_json_has(record, "prompt") && graft_json_has(record, "completion")) ||
           (graft_json_has(record, "instruction") && graft_json_has(record, "output"));
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

static graft_status add_instruction(graft_json *messages, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const graft_json *instruction = graft_json_get(record, "instruction");
    const graft_json *input = graft_json_get(record, "input");
    graft_json *joined = NULL;
    graft_text text;
    graft_text_init(&text);
    if (!graft_json_is(instruction, GRAFT_JSON_STRING) ||
        (input && !graft_json_is(input, GRAFT_JSON_STRING))) {
        status = graft_fail(GRAFT_E_DATA, "instruction or input is not a text");
        goto done;
    }
    size_t n;
    const char *bytes = graft_json_string(instruction, &n);
    GRAFT_TRY(graft_text_append(&text, bytes, n));
    bytes = graft_json_string(input, &n);
    if (n) {
        GRAFT_TRY(graft_text_append_char(&text, '\n'));
        GRAFT_TRY(graft_text_append(&text, bytes, n));
    }
    joined = graft_json_new_string(graft_text_z(&text), text.len);
    GRAFT_TRY(graft_reader__add_text(messages, "user", joined));
done:
    graft_json_free(joined);
    graft_text_clear(&text);
    return status;
}

static graft_status add_history(graft_json *messages, const graft_json *history)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(history); i++) {
        const graft_json *pair = graft_json_at(history, i);
        if (graft_json_length(pair) != 2 || !graft_json_is(pair, GRAFT_JSON_ARRAY)) {
            return graft_fail(GRAFT_E_DATA, "history is not a list of [question, answer]");
        }
        GRAFT_TRY(graft_reader__add_text(messages, "user", graft_json_at(pair, 0)));
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", graft_json_at(pair, 1)));
    }
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *system = graft_json_get(record, "system");
    (void)state;
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    out->expected = graft_json_retain(graft_json_get(record, "expected"));
    if (graft_json_is(system, GRAFT_JSON_STRING) && graft_json_string(system, NULL)[0]) {
        GRAFT_TRY(graft_reader__add_text(out->messages, "system", system));
    }
    GRAFT_TRY(add_history(out->messages, graft_json_get(record, "history")));
    if (graft_json_has(record, "prompt")) {
        GRAFT_TRY(add_part(out->messages, "prompt", "user", record));
        GRAFT_TRY(add_part(out->messages, "completion", "assistant", record));
    } else {
        GRAFT_TRY(add_instruction(out->messages, record));
        GRAFT_TRY(add_part(out->messages, "output", "assistant", record));
    }
done:
    return status;
}

const graft_reader graft_reader_prompt = {
    .name = "prompt",
    .shape = "{prompt, completion} or {instruction, input, output}",
    .matches = matches,
    .convert = convert,
};
