/* reasoning.c - what an assistant thinks before it speaks, and messages without it. */
#include <string.h>

#include "data/dataset.h"
#include "data/reader.h"
#include "data/turns.h"

static const char *const reasoning_keys[] = {"reasoning_content", "reasoning", "thinking"};

static bool holds_reasoning(const char *key)
{
    for (size_t i = 0; i < sizeof reasoning_keys / sizeof *reasoning_keys; i++) {
        if (strcmp(reasoning_keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_space(const char *text, size_t n, size_t at)
{
    while (at < n && is_space(text[at])) {
        at++;
    }
    return at;
}

/* Where `what` stands in text[from..n); n if it does not. */
static size_t find(const char *text, size_t n, size_t from, const char *what)
{
    size_t length = strlen(what);
    for (size_t i = from; i + length <= n; i++) {
        if (memcmp(text + i, what, length) == 0) {
            return i;
        }
    }
    return n;
}

/* Bytes of content that the thought at its begin takes, with the white space behind it; 0: none. */
static size_t thought_length(const char *text, size_t n)
{
    static const char open[] = "<think>", close[] = "</think>";
    size_t begin = skip_space(text, n, 0), end = find(text, n, begin, close);
    size_t opened = find(text, n, begin, open);
    if (end == n || (opened < end && opened > begin)) {
        return 0;
    }
    return skip_space(text, n, end + sizeof close - 1);
}

/* Has the message a thought? *skip = bytes of content that belong to it. */
static bool has_reasoning(const graft_json *message, size_t *skip)
{
    size_t n = 0;
    const char *content = graft_json_string(graft_json_get(message, "content"), &n);
    *skip = content ? thought_length(content, n) : 0;
    for (size_t i = 0; i < sizeof reasoning_keys / sizeof *reasoning_keys; i++) {
        if (graft_json_has(message, reasoning_keys[i])) {
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
        } else if (!holds_reasoning(it.key)) {
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

static graft_status drop_reasoning(graft_conversation *c, size_t *n_dropped)
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
        GRAFT_TRY(drop_reasoning(&dataset->conversations[i], n_dropped));
    }
done:
    return status;
}
