/* counts.c - what a dataset holds, and which of its messages are trained. */
#include <string.h>

#include "data/dataset.h"

void graft_dataset_train_last(graft_dataset *dataset)
{
    for (size_t i = 0; i < dataset->n; i++) {
        const graft_conversation *c = &dataset->conversations[i];
        bool last = true;
        for (size_t k = c->n_turns; k-- > 0;) {
            if (c->turns[k].role == GRAFT_ROLE_ASSISTANT) {
                c->turns[k].weight = last ? c->turns[k].weight : 0;
                last = false;
            }
        }
    }
}

void graft_counter_init(graft_counter *c)
{
    *c = (graft_counter){0};
    graft_map_init(&c->names);
    graft_map_init(&c->declared);
    graft_arena_init(&c->keys, 1 << 14);
}

void graft_counter_clear(graft_counter *c)
{
    graft_map_clear(&c->names);
    graft_map_clear(&c->declared);
    graft_arena_clear(&c->keys);
}

/* Keeps a name that may go away. */
static graft_status add_name(graft_counter *c, const char *name, size_t n)
{
    graft_status status = GRAFT_OK;
    char *kept;
    if (graft_map_find(&c->names, name, n, NULL)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_arena_alloc(&c->keys, &kept, n + 1, 1));
    memcpy(kept, name, n);
    GRAFT_TRY(graft_map_set(&c->names, kept, n, 0, NULL));
    c->counts.tools = c->names.n;
done:
    return status;
}

static const char *name_of(const graft_json *holder, size_t *n)
{
    return graft_json_string(graft_json_get(graft_json_get(holder, "function"), "name"), n);
}

static void count_messages(graft_counter *counter, const graft_conversation *c)
{
    graft_dataset_counts *out = &counter->counts;
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *calls = graft_json_get(graft_json_at(c->messages, k), "tool_calls");
        for (size_t i = 0; i < graft_json_length(calls); i++) {
            size_t n;
            const char *name = name_of(graft_json_at(calls, i), &n);
            out->calls++;
            out->calls_undeclared += !graft_map_find(&counter->declared, name, n, NULL);
        }
        out->messages[c->turns[k].role]++;
        out->trained += c->turns[k].weight < 0 || c->turns[k].weight > 0;
    }
}

graft_status graft_counter_add(graft_counter *counter, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_dataset_counts *out = &counter->counts;
    size_t calls = out->calls, assistants = out->messages[GRAFT_ROLE_ASSISTANT];
    graft_map_clear(&counter->declared);
    for (size_t k = 0; k < graft_json_length(c->tools); k++) {
        size_t n;
        const char *name = name_of(graft_json_at(c->tools, k), &n);
        GRAFT_TRY(graft_map_set(&counter->declared, name, n, 0, NULL));
        GRAFT_TRY(add_name(counter, name, n));
    }
    count_messages(counter, c);
    out->examples++;
    out->without_calls += out->calls == calls;
    out->evaluation_only += out->messages[GRAFT_ROLE_ASSISTANT] == assistants;
done:
    graft_map_clear(&counter->declared); /* its keys belong to the conversation */
    return status;
}

graft_status graft_counter_merge(graft_counter *counter, const graft_counter *other)
{
    graft_status status = GRAFT_OK;
    graft_dataset_counts *to = &counter->counts;
    const graft_dataset_counts *from = &other->counts;
    to->examples += from->examples;
    for (int r = 0; r < GRAFT_N_ROLES; r++) {
        to->messages[r] += from->messages[r];
    }
    to->trained += from->trained;
    to->calls += from->calls;
    to->calls_undeclared += from->calls_undeclared;
    to->without_calls += from->without_calls;
    to->evaluation_only += from->evaluation_only;
    for (size_t i = 0; i < other->names.capacity; i++) {
        const graft_map_entry *entry = &other->names.entries[i];
        if (entry->key) {
            GRAFT_TRY(add_name(counter, entry->key, entry->key_len));
        }
    }
done:
    return status;
}

graft_status graft_dataset_count(graft_dataset_counts *out, const graft_dataset *dataset)
{
    graft_status status = GRAFT_OK;
    graft_counter counter;
    graft_counter_init(&counter);
    for (size_t i = 0; i < dataset->n; i++) {
        GRAFT_TRY(graft_counter_add(&counter, &dataset->conversations[i]));
    }
done:
    *out = counter.counts;
    graft_counter_clear(&counter);
    return status;
}
