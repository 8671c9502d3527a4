/* pattern. */
#include "schema/run.h"

typedef struct text_pattern {
    const graft_pattern *pattern;
    const graft_json *spelling;
} text_pattern;

static bool check_pattern(graft_schema_run *run, const graft_schema_rule *rule,
                          const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    const text_pattern *p = rule->data;
    size_t n;
    const char *text = graft_json_string(value, &n);
    return text == NULL || graft_schema__matches(run, p->pattern, text, n) ||
           (graft_schema__tells(run) &&
            graft_schema__found(run, "%s does not match the pattern %s",
                                graft_schema__spell(run, value),
                                graft_schema__spell(run, p->spelling)));
}

graft_status graft_schema__pattern_keyword(graft_schema_compiler *c, const graft_schema_node *node,
                                           const graft_json *value)
{
    graft_status status = GRAFT_OK;
    size_t n;
    const char *text = graft_json_string(value, &n);
    text_pattern *p;
    if (text == NULL) {
        return graft_schema__remark(c, node, "pattern", "is no string");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &p, 1, sizeof *p));
    p->spelling = value;
    GRAFT_TRY(graft_schema__pattern(c, &p->pattern, node, "pattern", text, n));
    if (p->pattern != NULL) {
        GRAFT_TRY(graft_schema__add_rule(c, check_pattern, p));
    }
done:
    return status;
}
