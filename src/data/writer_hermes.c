/* writer_hermes.c - {conversations: [{from, value}]} with <tools>, <tool_call>, <tool_response> in
 * the texts. Tags inside of JSON are written with \u003c, so that they close nothing. */
#include <string.h>

#include "data/record.h"

#define INTRODUCTION                                                                            \
    "You are a function calling AI model. You are provided with function signatures within "    \
    "<tools> </tools> XML tags. You may call one or more functions to assist with the user "    \
    "query. Don't make assumptions about what values to plug into functions.\n<tools> "
#define FORM                                                                                    \
    " </tools>\nFor each function call return a json object with function name and arguments "  \
    "within <tool_call> </tool_call> tags with the following schema:\n<tool_call>\n"           \
    "{'arguments': <args-dict>, 'name': <function-name>}\n</tool_call>"

/* Appends JSON in which no tag can be read. */
static graft_status append_json(graft_text *out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_write(&text, value, GRAFT_JSON_COMPACT));
    graft_piece rest = {graft_text_z(&text), text.len};
    while (rest.n) {
        size_t n = graft_piece_find(rest, "<");
        GRAFT_TRY(graft_text_append(out, rest.at, n));
        rest = graft_piece_from(rest, n);
        bool tag = graft_piece_begins(rest, "<tool") || graft_piece_begins(rest, "</tool");
        if (rest.n) {
            GRAFT_TRY(graft_text_append_z(out, tag ? "\\u003c" : "<"));
            rest = graft_piece_from(rest, 1);
        }
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status append_calls(graft_text *out, const graft_json *calls)
{
    graft_status status = GRAFT_OK;
    graft_json *function = NULL;
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(graft_record__function(&function, graft_json_at(calls, i)));
        GRAFT_TRY(graft_text_append_z(out, out->len ? "\n<tool_call>\n" : "<tool_call>\n"));
        GRAFT_TRY(append_json(out, function));
        GRAFT_TRY(graft_text_append_z(out, "\n</tool_call>"));
        graft_json_free(function);
        function = NULL;
    }
done:
    graft_json_free(function);
    return status;
}

/* {"name", "content"}: the content as text. */
static graft_status append_result(graft_text *out, const graft_conversation *c, size_t i)
{
    graft_status status = GRAFT_OK;
    graft_json *result = graft_json_new_object();
    graft_piece name = graft_record__answers(c, i);
    const graft_json *content = graft_json_get(graft_json_at(c->messages, i), "content");
    GRAFT_TRY(graft_json_set(result, "name", graft_json_new_string(name.at, name.n)));
    GRAFT_TRY(graft_reader__set_shared(result, "content", content));
    GRAFT_TRY(graft_text_append_z(out, "<tool_response>\n"));
    GRAFT_TRY(append_json(out, result));
    GRAFT_TRY(graft_text_append_z(out, "\n</tool_response>"));
done:
    graft_json_free(result);
    return status;
}

static graft_status append_tools(graft_text *out, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, out->len ? "\n\n" INTRODUCTION : INTRODUCTION));
    GRAFT_TRY(append_json(out, tools));
    GRAFT_TRY(graft_text_append_z(out, FORM));
done:
    return status;
}

static graft_status add_message(graft_json *items, const graft_conversation *c, size_t i)
{
    static const char *const from[GRAFT_N_ROLES] = {"system", "human", "gpt", "tool"};
    graft_status status = GRAFT_OK;
    const graft_json *message = graft_json_at(c->messages, i);
    graft_role role = c->turns[i].role;
    graft_piece content = graft_piece_of(graft_json_get(message, "content"));
    graft_text text;
    graft_text_init(&text);
    if (role == GRAFT_ROLE_TOOL) {
        GRAFT_TRY(append_result(&text, c, i));
    } else {
        GRAFT_TRY(graft_text_append(&text, content.at, content.n));
        GRAFT_TRY(append_calls(&text, graft_json_get(message, "tool_calls")));
    }
    if (i == 0 && role == GRAFT_ROLE_SYSTEM && c->tools) {
        GRAFT_TRY(append_tools(&text, c->tools));
    }
    GRAFT_TRY(graft_record__push_text(items, from[role], &text));
    GRAFT_TRY(graft_record__set_weight(graft_json_at(items, graft_json_length(items) - 1), "weight",
                                       c, i));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object(), *items = graft_json_new_array();
    graft_text system;
    graft_text_init(&system);
    GRAFT_TRY(graft_json_set(record, "conversations", graft_json_retain(items)));
    if (c->tools && c->n_turns && c->turns[0].role != GRAFT_ROLE_SYSTEM) {
        GRAFT_TRY(append_tools(&system, c->tools));
        GRAFT_TRY(graft_record__push_text(items, "system", &system));
    }
    for (size_t i = 0; i < c->n_turns; i++) {
        GRAFT_TRY(add_message(items, c, i));
    }
    *out = record;
    record = NULL;
done:
    graft_text_clear(&system);
    graft_json_free(items);
    graft_json_free(record);
    return status;
}

const graft_record_writer graft_writer_hermes = {"hermes", &graft_reader_hermes, write};
