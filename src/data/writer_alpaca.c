/* writer_alpaca.c - {instruction, input, output, system, history}: texts only. */
#include "data/record.h"

static graft_status check(const graft_conversation *c, size_t first)
{
    for (size_t i = 0; i < c->n_turns; i++) {
        const graft_json *message = graft_json_at(c->messages, i);
        if (c->turns[i].role == GRAFT_ROLE_TOOL || graft_json_get(message, "tool_calls")) {
            return graft_fail(GRAFT_E_DATA, "message %zu: it has no place for calls and results",
                              i + 1);
        }
        graft_role due = (i - first) % 2 ? GRAFT_ROLE_ASSISTANT : GRAFT_ROLE_USER;
        if (i >= first && c->turns[i].role != due) {
            return graft_fail(GRAFT_E_DATA, "message %zu: user and assistant do not take turns",
                              i + 1);
        }
    }
    if (c->n_turns < first + 2 || (c->n_turns - first) % 2) {
        return graft_fail(GRAFT_E_DATA, "it does not end with a question and its answer");
    }
    return GRAFT_OK;
}

static const graft_json *content_of(const graft_conversation *c, size_t i)
{
    return graft_json_get(graft_json_at(c->messages, i), "content");
}

static graft_status add_pair(graft_json *history, const graft_conversation *c, size_t i)
{
    graft_status status = GRAFT_OK;
    graft_json *pair = graft_json_new_array();
    for (size_t k = 0; k < 2; k++) {
        graft_json *content = graft_json_get(graft_json_at(c->messages, i + k), "content");
        GRAFT_TRY(graft_json_push(pair, graft_json_retain(content)));
    }
    graft_json *taken = pair;
    pair = NULL;
    GRAFT_TRY(graft_json_push(history, taken));
done:
    graft_json_free(pair);
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL, *history = NULL;
    size_t first = c->n_turns && c->turns[0].role == GRAFT_ROLE_SYSTEM, last = c->n_turns - 2;
    GRAFT_TRY(check(c, first));
    record = graft_json_new_object();
    GRAFT_TRY(graft_reader__set_shared(record, "instruction", content_of(c, last)));
    GRAFT_TRY(graft_json_set_string(record, "input", ""));
    GRAFT_TRY(graft_reader__set_shared(record, "output", content_of(c, last + 1)));
    if (first) {
        GRAFT_TRY(graft_reader__set_shared(record, "system", content_of(c, 0)));
    }
    if (last > first) {
        history = graft_json_new_array();
        GRAFT_TRY(graft_json_set(record, "history", graft_json_retain(history)));
    }
    for (size_t i = first; i < last; i += 2) {
        GRAFT_TRY(add_pair(history, c, i));
    }
    if (c->tools) {
        GRAFT_TRY(graft_reader__set_shared(record, "tools", c->tools));
    }
    *out = record;
    record = NULL;
done:
    graft_json_free(history);
    graft_json_free(record);
    return status;
}

const graft_record_writer graft_writer_alpaca = {"alpaca", &graft_reader_alpaca, write};
