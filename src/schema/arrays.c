/* items in both meanings, prefixItems, additionalItems; contains with its bounds. */
#include <math.h>

#include "schema/run.h"

/* --- items --- */

typedef struct places {
    graft_schema_list first;       /* one schema per place */
    const graft_schema_node *rest; /* of the items behind; NULL: none */
} places;

static bool check_items(graft_schema_run *run, const graft_schema_rule *rule,
                        const graft_json *value, graft_schema_seen *seen)
{
    const places *p = rule->data;
    bool fits = true;
    if (!graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return true;
    }
    size_t n = graft_json_length(value);
    for (size_t i = 0; i < n && (fits || graft_schema__goes_on(run)); i++) {
        const graft_schema_node *node = i < p->first.n ? p->first.nodes[i] : p->rest;
        if (node == NULL) {
            break;
        }
        fits = graft_schema__part_fits(run, node, graft_json_at(value, i), NULL, i) && fits;
        graft_schema__seen_add(seen, i);
    }
    return fits;
}

static graft_status add_items(graft_schema_compiler *c, const graft_schema_node *node,
                              const char *list_keyword, const graft_json *list,
                              const char *rest_keyword, bool has_rest)
{
    graft_status status = GRAFT_OK;
    places *p;
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &p, 1, sizeof *p));
    if (list_keyword != NULL) {
        GRAFT_TRY(graft_schema__children_of(c, &p->first, node, list_keyword, list));
    }
    if (has_rest) {
        GRAFT_TRY(graft_schema__child(c, &p->rest, node, rest_keyword,
                                      graft_json_get(node->json, rest_keyword)));
    }
    GRAFT_TRY(graft_schema__add_rule(c, check_items, p));
done:
    return status;
}

graft_status graft_schema__items(graft_schema_compiler *c, const graft_schema_node *node,
                                 const graft_json *value)
{
    bool prefix = node->resource->draft == GRAFT_SCHEMA_2020_12 &&
                  graft_json_has(node->json, "prefixItems");
    if (!graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return add_items(c, node, prefix ? "prefixItems" : NULL,
                         graft_json_get(node->json, "prefixItems"), "items", true);
    }
    if (prefix) {
        return graft_schema__remark(c, node, "items", "is an array beside prefixItems");
    }
    return add_items(c, node, "items", value, "additionalItems",
                     graft_json_has(node->json, "additionalItems"));
}

graft_status graft_schema__prefix_items(graft_schema_compiler *c, const graft_schema_node *node,
                                        const graft_json *value)
{
    const graft_json *items = graft_json_get(node->json, "items");
    if (graft_json_has(node->json, "items") && !graft_json_is(items, GRAFT_JSON_ARRAY)) {
        return GRAFT_OK; /* graft_schema__items has done it */
    }
    return add_items(c, node, "prefixItems", value, NULL, false);
}

/* --- contains --- */

typedef struct containing {
    const graft_schema_node *node;
    double least, most; /* items that fit */
    bool tells; /* what fits counts as seen */
} containing;

static bool check_contains(graft_schema_run *run, const graft_schema_rule *rule,
                           const graft_json *value, graft_schema_seen *seen)
{
    const containing *k = rule->data;
    size_t n = 0;
    if (!graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return true;
    }
    for (size_t i = 0; i < graft_json_length(value); i++) {
        if (graft_schema__tries(run, k->node, graft_json_at(value, i), NULL)) {
            n++;
            graft_schema__seen_add(k->tells ? seen : NULL, i);
        }
    }
    if ((double)n >= k->least && (double)n <= k->most) {
        return true;
    }
    return (double)n < k->least
               ? graft_schema__found(run, "has %zu items of the kind that `contains` asks for, not "
                                     "at least %g", n, k->least)
               : graft_schema__found(run, "has %zu items of the kind that `contains` names, more "
                                     "than %g", n, k->most);
}

/* A bound beside contains, or what counts without one. */
static graft_status read_count(graft_schema_compiler *c, double *out, const graft_schema_node *node,
                               const char *keyword)
{
    const graft_json *value = graft_json_get(node->json, keyword);
    double n = graft_json_double(value);
    if (!graft_json_has(node->json, keyword)) {
        return GRAFT_OK;
    }
    if (!graft_schema__is_number(value) || n < 0 || floor(n) != n) {
        return graft_schema__remark(c, node, keyword, "is no integer from 0 on");
    }
    *out = n;
    return GRAFT_OK;
}

graft_status graft_schema__contains(graft_schema_compiler *c, const graft_schema_node *node,
                                    const graft_json *value)
{
    graft_status status = GRAFT_OK;
    containing *k;
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &k, 1, sizeof *k));
    *k = (containing){.least = 1, .most = (double)INFINITY};
    GRAFT_TRY(graft_schema__child(c, &k->node, node, "contains", value));
    if (node->resource->draft == GRAFT_SCHEMA_2020_12) {
        k->tells = true;
        GRAFT_TRY(read_count(c, &k->least, node, "minContains"));
        GRAFT_TRY(read_count(c, &k->most, node, "maxContains"));
    }
    GRAFT_TRY(graft_schema__add_rule(c, check_contains, k));
done:
    return status;
}
