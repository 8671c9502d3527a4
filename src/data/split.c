/* split.c - holding examples back for evaluation, by chance or by tool.
 *
 * By tool: examples that share a tool, directly or over others, form a group. Whole groups go to
 * the evaluation side, in a seeded order, as long as they fit; that costs nothing. What is then
 * still missing comes from groups that are too large, by moving tools one example at a time
 * (split_cut.c). */
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/split.h"

void graft_tool_table_init(graft_tool_table *t)
{
    *t = (graft_tool_table){0};
    graft_map_init(&t->ids);
    graft_arena_init(&t->names, 1 << 14);
}

void graft_tool_table_clear(graft_tool_table *t)
{
    graft_map_clear(&t->ids);
    graft_arena_clear(&t->names);
    graft_free(t->tools);
    graft_free(t->begin);
}

/* Adds the tool of {"function": {"name": ...}} to the example that is being read. */
static graft_status table_add(graft_tool_table *t, const graft_json *holder)
{
    graft_status status = GRAFT_OK;
    size_t n;
    uint64_t id;
    char *kept;
    const char *name =
        graft_json_string(graft_json_get(graft_json_get(holder, "function"), "name"), &n);
    if (!graft_map_find(&t->ids, name, n, &id)) {
        id = t->ids.n;
        GRAFT_TRY(graft_arena_alloc(&t->names, &kept, n + 1, 1));
        memcpy(kept, name, n);
        GRAFT_TRY(graft_map_set(&t->ids, kept, n, id, NULL));
    }
    GRAFT_TRY(graft_reserve(&t->tools, &t->capacity, t->n + 1, sizeof *t->tools));
    t->tools[t->n++] = (uint32_t)id;
done:
    return status;
}

graft_status graft_tool_table_add(graft_tool_table *t, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&t->begin, &t->begin_capacity, t->n_examples + 2, sizeof *t->begin));
    t->begin[t->n_examples] = t->n;
    for (size_t k = 0; k < graft_json_length(c->tools); k++) {
        GRAFT_TRY(table_add(t, graft_json_at(c->tools, k)));
    }
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *calls = graft_json_get(graft_json_at(c->messages, k), "tool_calls");
        for (size_t j = 0; j < graft_json_length(calls); j++) {
            GRAFT_TRY(table_add(t, graft_json_at(calls, j)));
        }
    }
    t->begin[++t->n_examples] = t->n;
done:
    return status;
}

static uint32_t find_root(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i) {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    return i;
}

/* groups[i] = the smallest example of the group of example i. */
static graft_status group_examples(uint32_t *groups, const graft_tool_table *t)
{
    graft_status status = GRAFT_OK;
    uint32_t *first = NULL; /* per tool: 1 + an example that names it */
    GRAFT_TRY(graft_alloc(&first, t->ids.n, sizeof *first));
    for (size_t i = 0; i < t->n_examples; i++) {
        groups[i] = (uint32_t)i;
        for (size_t k = t->begin[i]; k < t->begin[i + 1]; k++) {
            uint32_t tool = t->tools[k];
            if (!first[tool]) {
                first[tool] = (uint32_t)i + 1;
                continue;
            }
            uint32_t a = find_root(groups, first[tool] - 1), b = find_root(groups, (uint32_t)i);
            groups[a > b ? a : b] = a > b ? b : a;
        }
    }
    for (size_t i = 0; i < t->n_examples; i++) {
        groups[i] = find_root(groups, (uint32_t)i);
    }
done:
    graft_free(first);
    return status;
}

/* Takes whole groups as long as they fit. */
static graft_status take_groups(graft_split_cut *c, const uint32_t *groups)
{
    graft_status status = GRAFT_OK;
    uint32_t *sizes = NULL;
    bool *taken = NULL;
    size_t n = c->table->n_examples;
    GRAFT_TRY(graft_alloc(&sizes, n, sizeof *sizes));
    GRAFT_TRY(graft_alloc(&taken, n, sizeof *taken));
    for (size_t i = 0; i < n; i++) {
        sizes[groups[i]]++;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t group = groups[c->order[i]];
        if (!taken[group] && sizes[group] <= c->wanted - c->n_eval) {
            taken[group] = true;
            c->n_eval += sizes[group];
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (taken[groups[i]]) {
            c->side[i] = GRAFT_TO_EVAL;
        }
    }
done:
    graft_free(taken);
    graft_free(sizes);
    return status;
}

static graft_status choose_by_tool(graft_split_cut *c)
{
    graft_status status = GRAFT_OK;
    uint32_t *groups = NULL;
    GRAFT_TRY(graft_alloc(&groups, c->table->n_examples, sizeof *groups));
    GRAFT_TRY(group_examples(groups, c->table));
    GRAFT_TRY(take_groups(c, groups));
    GRAFT_TRY(graft_split__cut(c));
done:
    graft_free(groups);
    return status;
}

static graft_status check_sides(const unsigned char *side, size_t n)
{
    size_t counts[3] = {0};
    for (size_t i = 0; i < n; i++) {
        counts[side[i]]++;
    }
    return counts[GRAFT_TO_EVAL] && counts[GRAFT_TO_TRAIN]
               ? GRAFT_OK
               : graft_fail(GRAFT_E_CONFIG, "the examples share their tools so much that none can "
                            "be held back by tool (val_split: random)");
}

graft_status graft_split_choose(unsigned char *side, const graft_tool_table *table, size_t n_eval,
                                graft_split_kind kind, uint64_t seed)
{
    graft_status status = GRAFT_OK;
    size_t n = table->n_examples;
    uint32_t *order = NULL;
    graft_split_cut c = {.table = table, .side = side, .wanted = n_eval};
    graft_rng rng;
    if (n_eval == 0 || n_eval >= n || n >= UINT32_MAX) {
        return graft_fail(GRAFT_E_CONFIG, "%zu examples cannot be held back for evaluation of %zu",
                          n_eval, n);
    }
    memset(side, GRAFT_TO_TRAIN, n);
    GRAFT_TRY(graft_alloc(&order, n, sizeof *order));
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    graft_rng_init(&rng, seed, GRAFT_RNG_SPLIT, 0);
    graft_rng_shuffle(&rng, order, n);
    c.order = order;
    if (kind == GRAFT_SPLIT_TOOL) {
        GRAFT_TRY(choose_by_tool(&c));
    } else {
        for (; c.n_eval < n_eval; c.n_eval++) {
            side[c.order[c.n_eval]] = GRAFT_TO_EVAL;
        }
    }
    GRAFT_TRY(check_sides(side, n));
done:
    graft_free(order);
    return status;
}

/* Moves every example to its side. */
static graft_status move_examples(graft_dataset *train, graft_dataset *eval,
                                  const unsigned char *side, size_t *n_dropped)
{
    graft_status status = GRAFT_OK;
    size_t kept = 0, n_eval = 0;
    for (size_t i = 0; i < train->n; i++) {
        n_eval += side[i] == GRAFT_TO_EVAL;
    }
    GRAFT_TRY(graft_reserve(&eval->conversations, &eval->capacity, n_eval,
                            sizeof *eval->conversations));
    *n_dropped = 0;
    for (size_t i = 0; i < train->n; i++) {
        graft_conversation moved = train->conversations[i];
        if (side[i] == GRAFT_TO_TRAIN) {
            train->conversations[kept++] = moved;
        } else if (side[i] == GRAFT_TO_EVAL) {
            eval->conversations[eval->n++] = moved;
        } else {
            graft_conversation_clear(&moved);
            ++*n_dropped;
        }
    }
    train->n = kept;
    eval->format = train->format;
done:
    return status;
}

graft_status graft_dataset_split(graft_dataset *train, graft_dataset *eval, size_t n_eval,
                                 graft_split_kind kind, uint64_t seed, size_t *n_dropped)
{
    graft_status status = GRAFT_OK;
    graft_tool_table table;
    unsigned char *side = NULL;
    size_t dropped = 0;
    graft_tool_table_init(&table);
    for (size_t i = 0; i < train->n; i++) {
        GRAFT_TRY(graft_tool_table_add(&table, &train->conversations[i]));
    }
    GRAFT_TRY(graft_alloc(&side, train->n, sizeof *side));
    GRAFT_TRY(graft_split_choose(side, &table, n_eval, kind, seed));
    GRAFT_TRY(move_examples(train, eval, side, &dropped));
    if (n_dropped) {
        *n_dropped = dropped;
    }
done:
    graft_free(side);
    graft_tool_table_clear(&table);
    return status;
}
