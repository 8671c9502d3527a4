#include "schema/run.h"

#include "core/memory.h"

graft_status graft_schema_scratch_new(graft_schema_scratch **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(out, 1, sizeof **out));
    graft_arena_init(&(*out)->arena, 1 << 14);
    (*out)->budget = GRAFT_SCHEMA_BUDGET;
done:
    return status;
}

void graft_schema_scratch_set_steps(graft_schema_scratch *scratch, size_t steps)
{
    scratch->budget = steps;
}

void graft_schema_scratch_free(graft_schema_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    graft_matcher_free(scratch->matcher);
    graft_arena_clear(&scratch->arena);
    graft_free(scratch);
}

bool graft_schema__step(graft_schema_run *run, size_t n)
{
    if (run->status == GRAFT_OK && n > run->budget) {
        run->status = graft_fail(GRAFT_E_DATA, "the schema takes too many steps for one value");
    }
    if (run->status != GRAFT_OK) {
        return false;
    }
    run->budget -= n;
    return true;
}

bool graft_schema__step_text(graft_schema_run *run, size_t n)
{
    return graft_schema__step(run, 1 + n / 64);
}

bool graft_schema__goes_on(const graft_schema_run *run)
{
    return run->status == GRAFT_OK && run->findings != NULL &&
           run->findings->n < run->findings->limit;
}

/* The rules of a node in its own scope. */
static bool obeys(graft_schema_run *run, const graft_schema_node *node, const graft_json *value,
                  graft_schema_seen *seen)
{
    bool fits = true;
    for (size_t i = 0; i < node->n_rules && (fits || graft_schema__goes_on(run)); i++) {
        const graft_schema_rule *rule = &node->rules[i];
        fits = rule->check(run, rule, value, seen) && fits;
    }
    return fits;
}

/* unevaluated* sees what its own node looked at, and not what was looked at around it. */
static bool obeys_unevaluated(graft_schema_run *run, const graft_schema_node *node,
                              const graft_json *value, graft_schema_seen *seen)
{
    graft_schema_seen own;
    graft_arena_mark mark = graft_arena_save(&run->scratch->arena);
    graft_schema__seen_begin(run, &own, value);
    bool fits = obeys(run, node, value, &own);
    if (fits) {
        graft_schema__seen_merge(seen, &own);
    }
    graft_arena_release(&run->scratch->arena, mark);
    return fits;
}

bool graft_schema__fits(graft_schema_run *run, const graft_schema_node *node,
                        const graft_json *value, graft_schema_seen *seen)
{
    if (!graft_schema__step(run, 1)) {
        return false;
    }
    if (node->refuses) {
        return graft_schema__found(run, "nothing is allowed here");
    }
    if (node->n_rules == 0) {
        return true;
    }
    if (run->depth == GRAFT_SCHEMA_MAX_DEPTH) {
        run->status = graft_fail(GRAFT_E_DATA, "the schema leads more than %d levels deep: does a "
                                 "$ref lead to itself?", GRAFT_SCHEMA_MAX_DEPTH);
        return false;
    }
    const graft_schema_scope *outer = run->scope;
    graft_schema_scope scope = {node->resource, outer};
    if (outer == NULL || outer->resource != node->resource) {
        run->scope = &scope;
    }
    run->depth++;
    bool fits = node->unevaluated ? obeys_unevaluated(run, node, value, seen)
                                  : obeys(run, node, value, seen);
    run->depth--;
    run->scope = outer;
    return fits;
}

bool graft_schema__tries(graft_schema_run *run, const graft_schema_node *node,
                         const graft_json *value, graft_schema_seen *seen)
{
    graft_schema_findings *findings = run->findings;
    graft_schema_seen own;
    graft_arena_mark mark = graft_arena_save(&run->scratch->arena);
    run->findings = NULL;
    if (seen != NULL) {
        graft_schema__seen_begin(run, &own, value);
    }
    bool fits = graft_schema__fits(run, node, value, seen != NULL ? &own : NULL);
    if (fits && seen != NULL) {
        graft_schema__seen_merge(seen, &own);
    }
    graft_arena_release(&run->scratch->arena, mark);
    run->findings = findings;
    return fits;
}

bool graft_schema__part_fits(graft_schema_run *run, const graft_schema_node *node,
                             const graft_json *part, const char *key, size_t index)
{
    graft_schema_place place = {run->place, key, index};
    run->place = &place;
    bool fits = graft_schema__fits(run, node, part, NULL);
    run->place = place.parent;
    return fits;
}

bool graft_schema__matches(graft_schema_run *run, const graft_pattern *pattern, const char *text,
                           size_t n)
{
    graft_match match = {0};
    if (!graft_schema__step_text(run, n)) {
        return false;
    }
    if (run->scratch->matcher == NULL) {
        run->status = graft_matcher_new(&run->scratch->matcher);
    }
    if (run->status == GRAFT_OK) {
        run->status = graft_pattern_find(&match, pattern, run->scratch->matcher, text, n, 0,
                                         &run->budget);
    }
    return match.found;
}

/* --- the two ways to run --- */

static graft_status run_schema(bool *fits, const graft_schema *schema,
                               graft_schema_scratch *scratch, const graft_json *value,
                               graft_schema_findings *findings)
{
    graft_schema_run run = {.budget = scratch->budget, .findings = findings,
                            .scratch = scratch};
    graft_arena_reset(&scratch->arena);
    *fits = graft_schema__fits(&run, schema->root, value, NULL) && run.status == GRAFT_OK;
    return run.status;
}

graft_status graft_schema_check(bool *fits, const graft_schema *schema,
                                graft_schema_scratch *scratch, const graft_json *value)
{
    return run_schema(fits, schema, scratch, value, NULL);
}

graft_status graft_schema_explain(graft_text *out, const graft_schema *schema,
                                  graft_schema_scratch *scratch, const graft_json *value,
                                  const char *at, size_t limit)
{
    graft_schema_findings findings = {.text = out, .at = at, .limit = limit};
    bool fits;
    return run_schema(&fits, schema, scratch, value, &findings);
}
