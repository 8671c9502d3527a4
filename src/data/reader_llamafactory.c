/* reader_llamafactory.c - LLaMA-Factory v1: {messages: [{role, content: [{type, value}],
 * loss_weight}], tools}; parts of type text, reasoning, tool_call.
 *
 * Reasoning becomes reasoning_content. tools is JSON text whose schemas may say "dict" and "str"
 * and keep `required` beside the parameters. https://github.com/hiyouga/LLaMA-Factory */
#include <string.h>

#include "chat/python_literal.h"
#include "data/schema.h"

static bool matches(const graft_json *record)
{
    const graft_json *messages = graft_json_get(record, "messages");
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        const graft_json *content = graft_json_get(graft_json_at(messages, i), "content");
        if (graft_json_has(graft_json_at(content, 0), "value")) {
            return true;
        }
    }
    return false;
}

/* --- parts --- */

static graft_status append_part(graft_text *text, graft_piece value)
{
    graft_status status = GRAFT_OK;
    if (text->len) {
        GRAFT_TRY(graft_text_append_char(text, '\n'));
    }
    GRAFT_TRY(graft_text_append(text, value.at, value.n));
done:
    return status;
}

static graft_status add_calls(graft_json *calls, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    if (graft_python_or_json(&value, text.at, text.n) != GRAFT_OK) {
        return graft_fail_prefix("tool_call");
    }
    bool list = graft_json_is(value, GRAFT_JSON_ARRAY);
    for (size_t i = 0; i < (list ? graft_json_length(value) : 1); i++) {
        graft_json *call = list ? graft_json_at(value, i) : value;
        GRAFT_TRY(graft_json_push(calls, graft_json_retain(call)));
    }
done:
    graft_json_free(value);
    return status;
}

static graft_status read_part(graft_text *text, graft_text *reasoning, graft_json *calls,
                              const graft_json *part)
{
    const graft_json *value = graft_json_get(part, "value");
    const char *type = graft_piece_of(graft_json_get(part, "type")).at;
    if (!graft_json_is(value, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "content has a part without a text value");
    }
    if (strcmp(type, "text") == 0) {
        return append_part(text, graft_piece_of(value));
    }
    if (strcmp(type, "reasoning") == 0) {
        return append_part(reasoning, graft_piece_of(value));
    }
    if (strcmp(type, "tool_call") == 0) {
        return add_calls(calls, graft_piece_of(value));
    }
    return graft_fail(GRAFT_E_DATA, "content has a part of type \"%.40s\" (read are text, "
                      "reasoning, tool_call)", type);
}

static graft_status set_text(graft_json *message, const char *key, const graft_text *text)
{
    return graft_json_set(message, key, graft_json_new_string(graft_text_z(text), text->len));
}

/* Replaces the parts of `message` by content, reasoning_content, tool_calls. */
static graft_status set_parts(graft_json *message, const graft_json *parts)
{
    graft_status status = GRAFT_OK;
    graft_text text, reasoning;
    graft_json *calls = graft_json_new_array();
    graft_text_init(&text);
    graft_text_init(&reasoning);
    for (size_t i = 0; i < graft_json_length(parts); i++) {
        GRAFT_TRY(read_part(&text, &reasoning, calls, graft_json_at(parts, i)));
    }
    if (text.len || !graft_json_length(calls)) {
        GRAFT_TRY(set_text(message, "content", &text));
    } else {
        GRAFT_TRY(graft_json_set(message, "content", NULL));
    }
    if (reasoning.len) {
        GRAFT_TRY(set_text(message, "reasoning_content", &reasoning));
    }
    if (graft_json_length(calls)) {
        GRAFT_TRY(graft_json_set(message, "tool_calls", graft_json_retain(calls)));
    }
done:
    graft_json_free(calls);
    graft_text_clear(&text);
    graft_text_clear(&reasoning);
    return status;
}

static graft_status add_message(graft_json *messages, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *message = graft_json_new_object();
    graft_json_iter it = graft_json_iter_begin(in);
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(graft_reader__set_shared(message, it.key, it.value));
    }
    const graft_json *content = graft_json_get(in, "content");
    if (graft_json_is(content, GRAFT_JSON_ARRAY)) {
        GRAFT_TRY(set_parts(message, content));
    }
    graft_json *taken = message;
    message = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(message);
    return status;
}

/* --- tools --- */

/* A copy with the types of JSON Schema and `required` inside the parameters. */
static graft_status add_tool(graft_json *tools, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *tool = NULL;
    GRAFT_TRY(graft_schema__json(&tool, in));
    graft_json *function = graft_json_get(tool, "function");
    function = function ? function : tool;
    graft_json *parameters = graft_json_get(function, "parameters");
    graft_json *required = graft_json_get(function, "required");
    if (required && graft_json_is(parameters, GRAFT_JSON_OBJECT) &&
        !graft_json_has(parameters, "required")) {
        GRAFT_TRY(graft_reader__set_shared(parameters, "required", required));
    }
    graft_json *taken = tool;
    tool = NULL;
    GRAFT_TRY(graft_json_push(tools, taken));
done:
    graft_json_free(tool);
    return status;
}

static graft_status add_tools(graft_conversation *out, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    graft_piece text = graft_piece_of(tools);
    graft_json *parsed = NULL;
    if (text.n) {
        if (graft_python_or_json(&parsed, text.at, text.n) != GRAFT_OK) {
            return graft_fail_prefix("tools are not JSON");
        }
        tools = parsed;
    }
    out->tools = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        GRAFT_TRY(add_tool(out->tools, graft_json_at(tools, i)));
    }
done:
    graft_json_free(parsed);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *messages = graft_json_get(record, "messages");
    (void)state;
    if (!graft_json_is(messages, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "has no messages");
    }
    out->messages = graft_json_new_array();
    GRAFT_TRY(add_tools(out, graft_json_get(record, "tools")));
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        if (add_message(out->messages, graft_json_at(messages, i)) != GRAFT_OK) {
            status = graft_fail_prefix("message %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_llamafactory = {
    .name = "llamafactory",
    .shape = "{messages: [{role, content: [{type, value}]}], tools}",
    .matches = matches,
    .marked = true,
    .convert = convert,
};
