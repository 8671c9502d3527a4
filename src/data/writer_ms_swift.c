/* writer_ms_swift.c - {messages: [{role, content}], tools}: one message of role tool_call per call,
 * tool_response for results; a loss weight is `loss`. */
#include "data/record.h"

static const graft_turn_keys keys = {"role", "content", "loss"};

static graft_status add_message(graft_json *messages, const graft_conversation *c, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_json *in = graft_json_at(c->messages, i), *calls = graft_json_get(in, "tool_calls");
    graft_json *content = graft_json_get(in, "content"), *function = NULL, *text = NULL;
    const char *role = c->turns[i].role == GRAFT_ROLE_TOOL ? "tool_response"
                                                           : graft_record__role(in).at;
    if (!calls || graft_piece_of(content).n) {
        GRAFT_TRY(graft_record__push_turn(messages, &keys, role, graft_json_retain(content), c, i));
    }
    for (size_t k = 0; k < graft_json_length(calls); k++) {
        GRAFT_TRY(graft_record__function(&function, graft_json_at(calls, k)));
        status = graft_record__as_string(&text, function);
        graft_json_free(function);
        GRAFT_TRY(status);
        GRAFT_TRY(graft_record__push_turn(messages, &keys, "tool_call", text, c, i));
    }
done:
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    return graft_record__messages(out, "messages", c, add_message);
}

const graft_record_writer graft_writer_ms_swift = {"ms-swift", &graft_reader_ms_swift, write};
