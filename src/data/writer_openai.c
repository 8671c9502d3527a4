/* writer_openai.c - {messages, tools, expected}: arguments are JSON text, as the API has them. */
#include "data/record.h"

static graft_status add_call(graft_json *calls, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *call = graft_json_new_object(), *function = NULL, *taken;
    GRAFT_TRY(graft_record__function(&function, in));
    GRAFT_TRY(graft_record__set_as_string(function, "arguments",
                                          graft_json_get(function, "arguments")));
    GRAFT_TRY(graft_reader__set_shared(call, "id", graft_json_get(in, "id")));
    GRAFT_TRY(graft_json_set_string(call, "type", "function"));
    taken = function;
    function = NULL;
    GRAFT_TRY(graft_json_set(call, "function", taken));
    taken = call;
    call = NULL;
    GRAFT_TRY(graft_json_push(calls, taken));
done:
    graft_json_free(function);
    graft_json_free(call);
    return status;
}

static graft_status set_calls(graft_json *message, const graft_json *calls)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(add_call(list, graft_json_at(calls, i)));
    }
    graft_json *taken = list;
    list = NULL;
    GRAFT_TRY(graft_json_set(message, "tool_calls", taken));
done:
    graft_json_free(list);
    return status;
}

graft_status graft_record__openai_message(graft_json *messages, const graft_conversation *c,
                                          size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_json *in = graft_json_at(c->messages, i);
    const graft_json *calls = graft_json_get(in, "tool_calls");
    const graft_json *id = graft_json_get(in, "tool_call_id");
    graft_json *message = graft_json_new_object();
    GRAFT_TRY(graft_reader__set_shared(message, "role", graft_json_get(in, "role")));
    GRAFT_TRY(graft_reader__set_shared(message, "content", graft_json_get(in, "content")));
    if (calls) {
        GRAFT_TRY(set_calls(message, calls));
    }
    if (id) {
        GRAFT_TRY(graft_reader__set_shared(message, "tool_call_id", id));
    }
    GRAFT_TRY(graft_record__set_rest(message, in));
    GRAFT_TRY(graft_record__set_weight(message, "weight", c, i));
    graft_json *taken = message;
    message = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(message);
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object(), *messages = graft_json_new_array();
    GRAFT_TRY(graft_json_set(record, "messages", graft_json_retain(messages)));
    for (size_t i = 0; i < c->n_turns; i++) {
        GRAFT_TRY(graft_record__openai_message(messages, c, i));
    }
    if (c->tools) {
        GRAFT_TRY(graft_reader__set_shared(record, "tools", c->tools));
    }
    if (c->expected) {
        GRAFT_TRY(graft_reader__set_shared(record, "expected", c->expected));
    }
    *out = record;
    record = NULL;
done:
    graft_json_free(messages);
    graft_json_free(record);
    return status;
}

const graft_record_writer graft_writer_openai = {"openai", &graft_reader_openai, write};
