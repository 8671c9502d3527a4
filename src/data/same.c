/* same.c - comparing two conversations in canonical form. */
#include <string.h>

#include "core/memory.h"
#include "data/record.h"

static graft_status differ(const char *what)
{
    return graft_fail(GRAFT_E_DATA, "%s would come back different", what);
}

/* Equal as they are spelt. */
static graft_status same_json(const graft_json *a, const graft_json *b, const char *what)
{
    graft_status status = GRAFT_OK;
    graft_text x, y;
    graft_text_init(&x);
    graft_text_init(&y);
    GRAFT_TRY(graft_json_write(&x, a, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_json_write(&y, b, GRAFT_JSON_COMPACT));
    if (x.len != y.len || memcmp(x.data, y.data, x.len) != 0) {
        status = differ(what);
    }
done:
    graft_text_clear(&x);
    graft_text_clear(&y);
    return status;
}

static graft_status same_content(const graft_json *a, const graft_json *b)
{
    const graft_json *x = graft_json_get(a, "content"), *y = graft_json_get(b, "content");
    bool calls = graft_json_length(graft_json_get(a, "tool_calls")) > 0;
    if (calls && !graft_piece_of(x).n && !graft_piece_of(y).n) {
        return GRAFT_OK;
    }
    return same_json(x, y, "content");
}

static graft_status same_calls(const graft_json *a, const graft_json *b)
{
    graft_status status = GRAFT_OK;
    const graft_json *x = graft_json_get(a, "tool_calls"), *y = graft_json_get(b, "tool_calls");
    if (graft_json_length(x) != graft_json_length(y)) {
        return differ("the number of calls");
    }
    for (size_t i = 0; i < graft_json_length(x); i++) {
        GRAFT_TRY(same_json(graft_json_get(graft_json_at(x, i), "function"),
                            graft_json_get(graft_json_at(y, i), "function"), "a call"));
    }
done:
    return status;
}

/* Keys whose loss is no loss here: ids, and what is compared by itself. */
static bool is_compared(const char *key)
{
    static const char *const keys[] = {"content", "tool_calls", "tool_call_id", NULL};
    for (size_t i = 0; keys[i]; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Has b what a has beside content and calls? Names that a result repeats may be missing. */
static graft_status same_rest(const graft_json *a, const graft_json *b, graft_piece called)
{
    graft_status status = GRAFT_OK;
    graft_json_iter it = graft_json_iter_begin(a);
    while (graft_json_iter_next(&it)) {
        graft_piece name = graft_piece_of(it.value);
        bool repeats = called.n && strcmp(it.key, "name") == 0 && name.n == called.n &&
                       memcmp(name.at, called.at, name.n) == 0;
        if (is_compared(it.key) || (repeats && !graft_json_has(b, it.key))) {
            continue;
        }
        if (!graft_json_has(b, it.key)) {
            return graft_fail(GRAFT_E_DATA, "\"%.40s\" would be lost", it.key);
        }
        GRAFT_TRY(same_json(it.value, graft_json_get(b, it.key), it.key));
    }
done:
    return status;
}

/* --- which call a result answers --- */

typedef struct links {
    const char **ids;
    bool *answered;
    size_t n;
} links;

static void links_clear(links *l)
{
    graft_free(l->ids);
    graft_free(l->answered);
}

static graft_status links_init(links *l, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    for (size_t i = 0; i < c->n_turns; i++) {
        n += graft_json_length(graft_json_get(graft_json_at(c->messages, i), "tool_calls"));
    }
    GRAFT_TRY(graft_alloc(&l->ids, n, sizeof *l->ids));
    GRAFT_TRY(graft_alloc(&l->answered, n, sizeof *l->answered));
done:
    return status;
}

/* Takes in the calls of a message; the number of the call it answers, SIZE_MAX for none. */
static size_t links_add(links *l, const graft_json *message)
{
    const graft_json *calls = graft_json_get(message, "tool_calls");
    const char *id = graft_json_string(graft_json_get(message, "tool_call_id"), NULL);
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        l->ids[l->n++] = graft_json_string(graft_json_get(graft_json_at(calls, i), "id"), NULL);
    }
    for (size_t i = 0; id && i < l->n; i++) {
        if (l->ids[i] && strcmp(l->ids[i], id) == 0 && (found == SIZE_MAX || !l->answered[i])) {
            found = i;
        }
    }
    if (found != SIZE_MAX) {
        l->answered[found] = true;
    }
    return found;
}

/* --- the whole --- */

static graft_status same_message(const graft_conversation *a, const graft_conversation *b, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_json *x = graft_json_at(a->messages, i), *y = graft_json_at(b->messages, i);
    float difference = a->turns[i].weight - b->turns[i].weight;
    GRAFT_TRY(same_json(graft_json_get(x, "role"), graft_json_get(y, "role"), "role"));
    GRAFT_TRY(same_content(x, y));
    GRAFT_TRY(same_calls(x, y));
    GRAFT_TRY(same_rest(x, y, graft_record__answers(a, i)));
    GRAFT_TRY(same_rest(y, x, graft_record__answers(b, i)));
    if (difference < 0 || difference > 0) {
        status = differ("the loss weight");
    }
done:
    return status;
}

static graft_status same_messages(const graft_conversation *a, const graft_conversation *b)
{
    graft_status status = GRAFT_OK;
    links x = {0}, y = {0};
    if (a->n_turns != b->n_turns) {
        return graft_fail(GRAFT_E_DATA, "%zu messages would come back as %zu", a->n_turns,
                          b->n_turns);
    }
    GRAFT_TRY(links_init(&x, a));
    GRAFT_TRY(links_init(&y, b));
    for (size_t i = 0; i < a->n_turns; i++) {
        status = same_message(a, b, i);
        if (status == GRAFT_OK && links_add(&x, graft_json_at(a->messages, i)) !=
                                      links_add(&y, graft_json_at(b->messages, i))) {
            status = graft_fail(GRAFT_E_DATA, "the result would answer another call");
        }
        if (status != GRAFT_OK) {
            status = graft_fail_prefix("message %zu", i + 1);
            goto done;
        }
    }
done:
    links_clear(&x);
    links_clear(&y);
    return status;
}

graft_status graft_conversation__same(const graft_conversation *a, const graft_conversation *b)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(same_messages(a, b));
    GRAFT_TRY(same_json(a->tools, b->tools, "what declares the tools"));
    if (a->expected && !b->expected) {
        return graft_fail(GRAFT_E_DATA, "the calls expected for scoring would be lost");
    }
    GRAFT_TRY(same_json(a->expected, b->expected, "what is expected"));
done:
    return status;
}
