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

graft_status graft_schema__ref(graft_schema_compiler *c, const graft_schema_node *node,
                               const graft_json *value)
{
    return add_reference(c, node, "$ref", value, false);
}

graft_status graft_schema__dynamic_ref(graft_schema_compiler *c, const graft_schema_node *node,
                                       const graft_json *value)
{
    return add_reference(c, node, "$dynamicRef", value, true);
}
