#include "data/edit.h"

#include <string.h>

graft_status graft_edit__keep(graft_conversation *c, size_t first, size_t end)
{
    graft_status status = GRAFT_OK;
    graft_json *kept = NULL;
    if (first == 0 && end == c->n_turns) {
        return GRAFT_OK;
    }
    kept = graft_json_new_array();
    for (size_t i = first; i < end; i++) {
        GRAFT_TRY(graft_json_push(kept, graft_json_retain(graft_json_at(c->messages, i))));
        c->turns[i - first] = c->turns[i];
    }
    graft_json_free(c->messages);
    c->messages = kept;
    c->n_turns = end - first;
    kept = NULL;
done:
    graft_json_free(kept);
    return status;
}

static bool is_default(const graft_turn *turn)
{
    float usual = turn->role == GRAFT_ROLE_ASSISTANT ? 1 : 0;
    return !(turn->weight < usual) && !(turn->weight > usual);
}

graft_status graft_edit__write(graft_text *out, graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object();
    for (size_t i = 0; i < c->n_turns; i++) {
        if (!is_default(&c->turns[i])) {
            GRAFT_TRY(graft_json_set_double(graft_json_at(c->messages, i), "weight",
                                            (double)c->turns[i].weight));
        }
    }
    GRAFT_TRY(graft_json_set(record, "messages", graft_json_retain(c->messages)));
    if (c->tools) {
        GRAFT_TRY(graft_json_set(record, "tools", graft_json_retain(c->tools)));
    }
    if (c->expected) {
        GRAFT_TRY(graft_json_set(record, "expected", graft_json_retain(c->expected)));
    }
    GRAFT_TRY(graft_json_write(out, record, GRAFT_JSON_PYTHON));
done:
    graft_json_free(record);
    return status;
}
