/* $ref, $dynamicRef. */
#include <string.h>

#include "schema/run.h"

/* The anchor of that name in the outermost resource that has one and was not left. */
static const graft_schema_node *outermost(graft_schema_run *run, const graft_schema_target *target)
{
    const graft_schema_node *node = target->node;
    for (const graft_schema_scope *scope = run->scope; scope != NULL; scope = scope->outer) {
        for (const graft_schema_anchor *a = scope->resource->dynamic; a != NULL; a = a->next) {
            if (!graft_schema__step(run, 1)) {
                return node;
            }
            if (strcmp(a->name, target->dynamic) == 0) {
                node = a->node;
            }
        }
    }
    return node;
}

/* The data is a graft_schema_target. */
static bool check_ref(graft_schema_run *run, const graft_schema_rule *rule, const graft_json *value,
                      graft_schema_seen *seen)
{
    const graft_schema_target *target = rule->data;
    const graft_schema_node *node =
        target->dynamic != NULL ? outermost(run, target) : target->node;
    return graft_schema__fits(run, node, value, seen);
}

static graft_status add_reference(graft_schema_compiler *c, const graft_schema_node *node,
                                  const char *keyword, const graft_json *value, bool dynamic)
{
    graft_status status = GRAFT_OK;
    size_t n;
    const char *reference = graft_json_string(value, &n);
    graft_schema_target *target;
    if (reference == NULL || strlen(reference) != n) {
        return graft_schema__remark(c, node, keyword, "is no reference");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &target, 1, sizeof *target));
    GRAFT_TRY(graft_schema__resolve(c, target, node, keyword, reference));
    if (!dynamic) {
        target->dynamic = NULL;
    }
    if (target->node != NULL) {
        GRAFT_TRY(graft_schema__add_rule(c, check_ref, target));
    }
done:
    return status;
}

/* Keeps it for graft_schema_reference. */
static graft_status keep(graft_schema_compiler *c, const graft_schema_node *node,
                         const graft_json *target)
{
    graft_status status = GRAFT_OK;
    graft_schema_reference_kept *kept;
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &kept, 1, sizeof *kept));
    *kept = (graft_schema_reference_kept){node->json, target,
                                          node->resource->draft == GRAFT_SCHEMA_7 &&
                                              graft_json_is(graft_json_get(node->json, "$ref"),
                                                            GRAFT_JSON_STRING)};
    status = graft_map_set(&c->schema->references, (const char *)&kept->at, sizeof kept->at,
                           (uintptr_t)kept, NULL);
done:
    return status;
}

graft_status graft_schema__ref(graft_schema_compiler *c, const graft_schema_node *node,
                               const graft_json *value)
{
    graft_status status = GRAFT_OK;
    const graft_json *target = NULL;
    size_t known = c->n_rules;
    GRAFT_TRY(add_reference(c, node, "$ref", value, false));
    if (c->n_rules > known) {
        const graft_schema_target *found = c->rules[known].data;
        target = found->node->json;
    }
    status = keep(c, node, target);
done:
    return status;
}

const graft_json *graft_schema_reference(const graft_schema *schema, const graft_json *at,
                                         bool *alone)
{
    uint64_t found;
    if (!graft_map_find(&schema->references, (const char *)&at, sizeof at, &found)) {
        *alone = false;
        return NULL;
    }
    const graft_schema_reference_kept *kept = (const graft_schema_reference_kept *)(uintptr_t)found;
    *alone = kept->alone;
    return kept->target;
}

graft_status graft_schema__dynamic_ref(graft_schema_compiler *c, const graft_schema_node *node,
                                       const graft_json *value)
{
    return add_reference(c, node, "$dynamicRef", value, true);
}
