/* writer_sharegpt.c - {conversations: [{from, value}], tools}: calls are a turn of function_call,
 * several at once as a list; tools is JSON text. */
#include <string.h>

#include "data/record.h"

static const graft_turn_keys keys = {"from", "value", "weight"};

/* The call, or the list of them, as text. */
static graft_status calls_text(graft_json **out, const graft_json *calls)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array(), *call = NULL;
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(graft_record__function(&call, graft_json_at(calls, i)));
        GRAFT_TRY(graft_json_push(list, call));
    }
    status = graft_record__as_string(out, graft_json_length(list) == 1 ? graft_json_at(list, 0)
                                                                     : list);
done:
    graft_json_free(list);
    return status;
}

static graft_status add_message(graft_json *items, const graft_conversation *c, size_t i)
{
    static const char *const from[GRAFT_N_ROLES] = {"system", "human", "gpt", "observation"};
    graft_status status = GRAFT_OK;
    const graft_json *message = graft_json_at(c->messages, i);
    graft_json *calls = graft_json_get(message, "tool_calls"), *text = NULL;
    graft_json *content = graft_json_get(message, "content");
    if (!calls || graft_piece_of(content).n) {
        GRAFT_TRY(graft_record__push_turn(items, &keys, from[c->turns[i].role],
                                          graft_json_retain(content), c, i));
    }
    if (calls) {
        GRAFT_TRY(calls_text(&text, calls));
        GRAFT_TRY(graft_record__push_turn(items, &keys, "function_call", text, c, i));
    }
done:
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    return graft_record__messages(out, "conversations", c, add_message);
}

const graft_record_writer graft_writer_sharegpt = {"sharegpt", &graft_reader_sharegpt, write};
