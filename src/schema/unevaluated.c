/* unevaluatedItems, unevaluatedProperties, and the sets of what was looked at. */
#include <string.h>

#include "schema/run.h"

/* --- sets --- */

void graft_schema__seen_begin(graft_schema_run *run, graft_schema_seen *seen,
                              const graft_json *value)
{
    *seen = (graft_schema_seen){.n = graft_json_length(value)};
    if (seen->n > 64 && graft_schema__step(run, seen->n / 64)) {
        graft_status status = graft_arena_calloc(&run->scratch->arena, &seen->bits,
                                                 seen->n / 64 + 1, sizeof *seen->bits);
        if (status != GRAFT_OK) {
            run->status = status;
        }
    }
    if (seen->n > 64 && seen->bits == NULL) {
        seen->n = 0;
    }
}

static uint64_t *word_of(graft_schema_seen *seen, size_t i)
{
    return seen->bits != NULL ? &seen->bits[i / 64] : &seen->few;
}

void graft_schema__seen_add(graft_schema_seen *seen, size_t i)
{
    if (seen != NULL && i < seen->n) {
        *word_of(seen, i) |= (uint64_t)1 << i % 64;
    }
}

void graft_schema__seen_merge(graft_schema_seen *into, const graft_schema_seen *from)
{
    if (into == NULL || into->n != from->n) {
        return;
    }
    into->few |= from->few;
    for (size_t i = 0; from->bits != NULL && i <= from->n / 64; i++) {
        into->bits[i] |= from->bits[i];
    }
}

bool graft_schema__seen_has(const graft_schema_seen *seen, size_t i)
{
    uint64_t word = seen->bits != NULL ? seen->bits[i / 64] : seen->few;
    return i < seen->n && (word >> i % 64 & 1) != 0;
}

/* --- keywords: the data is the node --- */

static bool check_items(graft_schema_run *run, const graft_schema_rule *rule,
                        const graft_json *value, graft_schema_seen *seen)
{
    bool fits = true;
    if (!graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return true;
    }
    size_t n = graft_json_length(value);
    if (!graft_schema__step(run, 1 + n / 16)) {
        return false;
    }
    for (size_t i = 0; i < n && (fits || graft_schema__goes_on(run)); i++) {
        if (!graft_schema__seen_has(seen, i)) {
            fits = graft_schema__part_fits(run, rule->data, graft_json_at(value, i), NULL, i) &&
                   fits;
            graft_schema__seen_add(seen, i);
        }
    }
    return fits;
}

static bool check_properties(graft_schema_run *run, const graft_schema_rule *rule,
                             const graft_json *value, graft_schema_seen *seen)
{
    bool fits = true;
    size_t i = 0;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return true;
    }
    if (!graft_schema__step(run, 1 + graft_json_length(value) / 16)) {
        return false;
    }
    for (graft_json_iter it = graft_json_iter_begin(value);
         (fits || graft_schema__goes_on(run)) && graft_json_iter_next(&it); i++) {
        if (!graft_schema__seen_has(seen, i)) {
            fits = graft_schema__part_fits(run, rule->data, it.value, it.key, 0) && fits;
            graft_schema__seen_add(seen, i);
        }
    }
    return fits;
}

static graft_status add(graft_schema_compiler *c, const graft_schema_node *node,
                        const char *keyword, const graft_json *value,
                        graft_schema_rule_check *check)
{
    graft_status status = GRAFT_OK;
    const graft_schema_node *child;
    GRAFT_TRY(graft_schema__child(c, &child, node, keyword, value));
    GRAFT_TRY(graft_schema__add_rule(c, check, child));
done:
    return status;
}

graft_status graft_schema__unevaluated_items(graft_schema_compiler *c,
                                             const graft_schema_node *node,
                                             const graft_json *value)
{
    return add(c, node, "unevaluatedItems", value, check_items);
}

graft_status graft_schema__unevaluated_properties(graft_schema_compiler *c,
                                                  const graft_schema_node *node,
                                                  const graft_json *value)
{
    return add(c, node, "unevaluatedProperties", value, check_properties);
}
