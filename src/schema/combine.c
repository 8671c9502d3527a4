/* allOf, anyOf, oneOf, not, if. */
#include "schema/run.h"

/* --- lists: the data is a graft_schema_list --- */

static bool check_all_of(graft_schema_run *run, const graft_schema_rule *rule,
                         const graft_json *value, graft_schema_seen *seen)
{
    const graft_schema_list *list = rule->data;
    bool fits = true;
    for (size_t i = 0; i < list->n && (fits || graft_schema__goes_on(run)); i++) {
        fits = graft_schema__fits(run, list->nodes[i], value, seen) && fits;
    }
    return fits;
}

static bool check_any_of(graft_schema_run *run, const graft_schema_rule *rule,
                         const graft_json *value, graft_schema_seen *seen)
{
    const graft_schema_list *list = rule->data;
    bool fits = false;
    for (size_t i = 0; i < list->n && (!fits || seen != NULL); i++) {
        fits = graft_schema__tries(run, list->nodes[i], value, seen) || fits;
    }
    return fits || (graft_schema__tells(run) &&
                    graft_schema__found(run, "%s fits none of the %zu schemas of anyOf",
                                        graft_schema__spell(run, value), list->n));
}

static bool check_one_of(graft_schema_run *run, const graft_schema_rule *rule,
                         const graft_json *value, graft_schema_seen *seen)
{
    const graft_schema_list *list = rule->data;
    size_t n = 0;
    for (size_t i = 0; i < list->n && n < 2; i++) {
        n += graft_schema__tries(run, list->nodes[i], value, seen);
    }
    if (n == 1 || !graft_schema__tells(run)) {
        return n == 1;
    }
    const char *spelled = graft_schema__spell(run, value);
    return n == 0 ? graft_schema__found(run, "%s fits none of the %zu schemas of oneOf", spelled,
                                        list->n)
                  : graft_schema__found(run, "%s fits more than one schema of oneOf", spelled);
}

static graft_status add_list(graft_schema_compiler *c, const graft_schema_node *node,
                             const char *keyword, const graft_json *value,
                             graft_schema_rule_check *check)
{
    graft_status status = GRAFT_OK;
    graft_schema_list *list;
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &list, 1, sizeof *list));
    GRAFT_TRY(graft_schema__children_of(c, list, node, keyword, value));
    if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        GRAFT_TRY(graft_schema__add_rule(c, check, list));
    }
done:
    return status;
}

graft_status graft_schema__all_of(graft_schema_compiler *c, const graft_schema_node *node,
                                  const graft_json *value)
{
    return add_list(c, node, "allOf", value, check_all_of);
}

graft_status graft_schema__any_of(graft_schema_compiler *c, const graft_schema_node *node,
                                  const graft_json *value)
{
    return add_list(c, node, "anyOf", value, check_any_of);
}

graft_status graft_schema__one_of(graft_schema_compiler *c, const graft_schema_node *node,
                                  const graft_json *value)
{
    return add_list(c, node, "oneOf", value, check_one_of);
}

/* --- not: the data is the node --- */

static bool check_not(graft_schema_run *run, const graft_schema_rule *rule, const graft_json *value,
                      graft_schema_seen *seen)
{
    (void)seen;
    return !graft_schema__tries(run, rule->data, value, NULL) ||
           (graft_schema__tells(run) &&
            graft_schema__found(run, "%s is what `not` excludes", graft_schema__spell(run, value)));
}

graft_status graft_schema__not(graft_schema_compiler *c, const graft_schema_node *node,
                               const graft_json *value)
{
    graft_status status = GRAFT_OK;
    const graft_schema_node *child;
    GRAFT_TRY(graft_schema__child(c, &child, node, "not", value));
    GRAFT_TRY(graft_schema__add_rule(c, check_not, child));
done:
    return status;
}

/* --- if --- */

typedef struct condition {
    const graft_schema_node *condition, *then, *otherwise; /* the last two may be NULL */
} condition;

static bool check_if(graft_schema_run *run, const graft_schema_rule *rule, const graft_json *value,
                     graft_schema_seen *seen)
{
    const condition *k = rule->data;
    const graft_schema_node *next =
        graft_schema__tries(run, k->condition, value, seen) ? k->then : k->otherwise;
    return next == NULL || graft_schema__fits(run, next, value, seen);
}

graft_status graft_schema__if(graft_schema_compiler *c, const graft_schema_node *node,
                              const graft_json *value)
{
    graft_status status = GRAFT_OK;
    const graft_json *json = node->json;
    condition *k;
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &k, 1, sizeof *k));
    GRAFT_TRY(graft_schema__child(c, &k->condition, node, "if", value));
    if (graft_json_has(json, "then")) {
        GRAFT_TRY(graft_schema__child(c, &k->then, node, "then", graft_json_get(json, "then")));
    }
    if (graft_json_has(json, "else")) {
        GRAFT_TRY(graft_schema__child(c, &k->otherwise, node, "else",
                                      graft_json_get(json, "else")));
    }
    GRAFT_TRY(graft_schema__add_rule(c, check_if, k));
done:
    return status;
}
