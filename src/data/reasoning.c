/* reasoning.c - what an assistant thinks before it speaks, and messages without it. */
#include <string.h>

#include "chat/parts.h"
#include "data/dataset.h"
#include "data/reader.h"
#include "data/turns.h"

/* Has the message a thought? *skip = bytes of content that belong to it. */
static bool has_reasoning(const graft_json *message, size_t *skip)
{
    size_t n = 0;
    const char *content = graft_json_string(graft_json_get(message, "content"), &n);
    *skip = content ? graft_thought_length(content, n) : 0;
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it)) {
        if (graft_is_thought_key(it.key, strlen(it.key))) {
            return true;
        }
    }
    return *skip > 0;
}

graft_status graft_message__without_reasoning(graft_json **out, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_json *copy = NULL;
    size_t skip, n = 0;
    *out = NULL;
    if (!has_reasoning(message, &skip)) {
        return GRAFT_OK;
    }
    copy = graft_json_new_object();
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it)) {
        if (skip && strcmp(it.key, "content") == 0) {
            const char *content = graft_json_string(it.value, &n);
            GRAFT_TRY(graft_json_set(copy, it.key,
                                     graft_json_new_string(content + skip, n - skip)));
        } else if (!graft_is_thought_key(it.key, strlen(it.key))) {
            GRAFT_TRY(graft_reader__set_shared(copy, it.key, it.value));
        }
    }
    *out = copy;
    copy = NULL;
done:
    graft_json_free(copy);
    return status;
}

/* Nothing is said and nothing called. */
static bool is_empty(const graft_json *message)
{
    size_t n = 0;
    graft_json_string(graft_json_get(message, "content"), &n);
    return n == 0 && graft_json_length(graft_json_get(message, "tool_calls")) == 0;
}

graft_status graft_conversation_drop_reasoning(graft_conversation *c, size_t *n_dropped)
{
    graft_status status = GRAFT_OK;
    graft_json *messages = graft_json_new_array(), *message;
    size_t before = *n_dropped;
    for (size_t i = 0; i < c->n_turns; i++) {
        graft_json *whole = graft_json_at(c->messages, i);
        message = NULL;
        if (c->turns[i].role == GRAFT_ROLE_ASSISTANT) {
            GRAFT_TRY(graft_message__without_reasoning(&message, whole));
        }
        if (message) {
            ++*n_dropped;
            c->turns[i].weight = is_empty(message) ? 0 : c->turns[i].weight;
        }
        GRAFT_TRY(graft_json_push(messages, message ? message : graft_json_retain(whole)));
    }
    if (*n_dropped > before) {
        graft_json_free(c->messages);
        c->messages = messages;
        messages = NULL;
    }
done:
    graft_json_free(messages);
    return status;
}

graft_status graft_dataset_drop_reasoning(graft_dataset *dataset, size_t *n_dropped)
{
    graft_status status = GRAFT_OK;
    *n_dropped = 0;
    for (size_t i = 0; i < dataset->n; i++) {
        GRAFT_TRY(graft_conversation_drop_reasoning(&dataset->conversations[i], n_dropped));
    }
done:
    return status;
}
