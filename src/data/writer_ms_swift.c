/* writer_ms_swift.c - {messages: [{role, content}], tools}: one message of role tool_call per call,
 * tool_response for results; a loss weight is `loss`. */
#include "data/record.h"

static graft_status push_message(graft_json *messages, const char *role, graft_json *content,
                                 const graft_conversation *c, size_t i)
{
    graft_status status = GRAFT_OK;
    graft_json *message = graft_json_new_object(), *owned = content, *taken;
    GRAFT_TRY(graft_json_set_string(message, "role", role));
    taken = owned;
    owned = NULL;
    GRAFT_TRY(graft_json_set(message, "content", taken));
    GRAFT_TRY(graft_record__set_rest(message, graft_json_at(c->messages, i)));
    GRAFT_TRY(graft_record__set_weight(message, "loss", c, i));
    taken = message;
    message = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(owned);
    graft_json_free(message);
    return status;
}

static graft_status add_message(graft_json *messages, const graft_conversation *c, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_json *in = graft_json_at(c->messages, i), *calls = graft_json_get(in, "tool_calls");
    graft_json *content = graft_json_get(in, "content"), *function = NULL, *text = NULL;
    const char *role = c->turns[i].role == GRAFT_ROLE_TOOL ? "tool_response"
                                                           : graft_record__role(in).at;
    if (!calls || graft_piece_of(content).n) {
        GRAFT_TRY(push_message(messages, role, graft_json_retain(content), c, i));
    }
    for (size_t k = 0; k < graft_json_length(calls); k++) {
        GRAFT_TRY(graft_record__function(&function, graft_json_at(calls, k)));
        status = graft_record__as_string(&text, function);
        graft_json_free(function);
        GRAFT_TRY(status);
        GRAFT_TRY(push_message(messages, "tool_call", text, c, i));
    }
done:
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    return graft_record__messages(out, "messages", c, add_message);
}

const graft_record_writer graft_writer_ms_swift = {"ms-swift", &graft_reader_ms_swift, write};
