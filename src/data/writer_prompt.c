/* writer_prompt.c - {prompt: [messages], completion: [the last reply], tools}. */
#include "data/record.h"

static graft_status write(graft_json **out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object(), *prompt = graft_json_new_array(),
               *completion = graft_json_new_array();
    size_t last = c->n_turns;
    while (last && c->turns[last - 1].role != GRAFT_ROLE_ASSISTANT) {
        last--;
    }
    GRAFT_TRY(graft_json_set(record, "prompt", graft_json_retain(prompt)));
    GRAFT_TRY(graft_json_set(record, "completion", graft_json_retain(completion)));
    for (size_t i = 0; i < c->n_turns; i++) {
        GRAFT_TRY(graft_record__openai_message(i + 1 < last ? prompt : completion, c, i));
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
    graft_json_free(completion);
    graft_json_free(prompt);
    graft_json_free(record);
    return status;
}

const graft_record_writer graft_writer_prompt = {"prompt", &graft_reader_prompt, write};
