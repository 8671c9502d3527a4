/* counts.c - what a dataset holds, and which of its messages are trained. */
#include "core/map.h"
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

/* Counts the calls of a conversation, given the names it declares. */
static void count_calls(graft_dataset_counts *out, const graft_conversation *c,
                        const graft_map *declared)
{
    size_t before = out->calls;
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *message = graft_json_at(c->messages, k);
        const graft_json *calls = graft_json_get(message, "tool_calls");
        for (size_t i = 0; i < graft_json_length(calls); i++) {
            size_t n;
            const graft_json *function = graft_json_get(graft_json_at(calls, i), "function");
            const char *name = graft_json_string(graft_json_get(function, "name"), &n);
            out->calls++;
            out->calls_undeclared += !graft_map_find(declared, name, n, NULL);
        }
        out->messages[c->turns[k].role]++;
        out->trained += c->turns[k].weight < 0 || c->turns[k].weight > 0;
    }
    out->without_calls += out->calls == before;
}

graft_status graft_dataset_count(graft_dataset_counts *out, const graft_dataset *dataset)
{
    graft_status status = GRAFT_OK;
    graft_map all, own;
    *out = (graft_dataset_counts){.examples = dataset->n};
    graft_map_init(&all);
    graft_map_init(&own);
    for (size_t i = 0; i < dataset->n; i++) {
        const graft_conversation *c = &dataset->conversations[i];
        size_t assistants = out->messages[GRAFT_ROLE_ASSISTANT];
        graft_map_clear(&own);
        for (size_t k = 0; k < graft_json_length(c->tools); k++) {
            size_t n;
            const graft_json *function = graft_json_get(graft_json_at(c->tools, k), "function");
            const char *name = graft_json_string(graft_json_get(function, "name"), &n);
            GRAFT_TRY(graft_map_set(&own, name, n, 0, NULL));
            GRAFT_TRY(graft_map_set(&all, name, n, 0, NULL));
        }
        count_calls(out, c, &own);
        out->evaluation_only += out->messages[GRAFT_ROLE_ASSISTANT] == assistants;
    }
    out->tools = all.n;
done:
    graft_map_clear(&own);
    graft_map_clear(&all);
    return status;
}
