/* uniqueItems: few items are compared each with each, many by their hashes first. */
#include <stdlib.h>
#include <string.h>

#include "schema/run.h"

enum { FEW = 16 };

typedef struct hashed {
    uint64_t hash;
    size_t index;
} hashed;

static uint64_t combine(uint64_t a, uint64_t b)
{
    uint64_t both[2] = {a, b};
    return graft_hash_bytes(both, sizeof both);
}

/* Equal values (graft_json_equal) have equal hashes, unless the steps do not suffice. */
static uint64_t hash_of(graft_schema_run *run, const graft_json *value)
{
    graft_json_type type = graft_json_get_type(value);
    size_t n;
    const char *text = graft_json_string(value, &n);
    double number;
    uint64_t sum = (uint64_t)type;
    if (!graft_schema__step_text(run, n)) {
        return sum;
    }
    switch (type) {
    case GRAFT_JSON_BOOL: return combine(sum, graft_json_bool(value));
    case GRAFT_JSON_INT:
    case GRAFT_JSON_DOUBLE:
        number = graft_json_double(value) + 0.0; /* -0 is 0 */
        return graft_hash_bytes(&number, sizeof number);
    case GRAFT_JSON_STRING: return graft_hash_bytes(text, n);
    case GRAFT_JSON_ARRAY:
        for (size_t i = 0; i < graft_json_length(value); i++) {
            sum = combine(sum, hash_of(run, graft_json_at(value, i)));
        }
        return sum;
    case GRAFT_JSON_OBJECT: /* in any order */
        for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
            n = strlen(it.key);
            sum += graft_schema__step_text(run, n)
                       ? combine(graft_hash_bytes(it.key, n), hash_of(run, it.value))
                       : 0;
        }
        return sum;
    default: return sum;
    }
}

static int by_hash(const void *a, const void *b)
{
    const hashed *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash)
                              : (x->index > y->index) - (x->index < y->index);
}

/* Finds two equal items, first < second; false if there are none or the run ends. */
static bool find_pair(graft_schema_run *run, const graft_json *value, size_t *first, size_t *second)
{
    size_t n = graft_json_length(value);
    hashed few[FEW], *all = few;
    if (n > FEW) {
        graft_status status = graft_arena_alloc(&run->scratch->arena, &all, n, sizeof *all);
        if (status != GRAFT_OK) {
            run->status = status;
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = (hashed){n > FEW ? hash_of(run, graft_json_at(value, i)) : 0, i};
    }
    if (n > FEW) {
        qsort(all, n, sizeof *all, by_hash);
    }
    for (size_t i = 0; i < n && run->status == GRAFT_OK; i++) {
        for (size_t k = i + 1; k < n && all[k].hash == all[i].hash; k++) {
            if (graft_schema__equal(run, graft_json_at(value, all[i].index),
                                    graft_json_at(value, all[k].index))) {
                *first = all[i].index;
                *second = all[k].index;
                return true;
            }
        }
    }
    return false;
}

static bool check_unique(graft_schema_run *run, const graft_schema_rule *rule,
                         const graft_json *value, graft_schema_seen *seen)
{
    (void)rule;
    (void)seen;
    size_t first, second;
    if (!graft_json_is(value, GRAFT_JSON_ARRAY) ||
        !graft_schema__step(run, graft_json_length(value))) {
        return true;
    }
    graft_arena_mark mark = graft_arena_save(&run->scratch->arena);
    bool pair = find_pair(run, value, &first, &second);
    graft_arena_release(&run->scratch->arena, mark);
    return !pair || graft_schema__found(run, "has equal items, %zu and %zu", first, second);
}

graft_status graft_schema__unique_items(graft_schema_compiler *c, const graft_schema_node *node,
                                        const graft_json *value)
{
    if (!graft_json_is(value, GRAFT_JSON_BOOL)) {
        return graft_schema__remark(c, node, "uniqueItems", "is neither true nor false");
    }
    return graft_json_bool(value) ? graft_schema__add_rule(c, check_unique, NULL) : GRAFT_OK;
}
