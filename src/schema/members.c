/* properties, patternProperties, additionalProperties: one walk over the object. */
#include <stdlib.h>
#include <string.h>

#include "schema/run.h"

typedef struct member {
    const char *name;
    size_t n;
    const graft_schema_node *node;
} member;

typedef struct member_pattern {
    const graft_pattern *pattern;
    const graft_schema_node *node;
} member_pattern;

typedef struct members {
    member *known; /* sorted by by_name */
    size_t n_known;
    member_pattern *patterns;
    size_t n_patterns;
    const graft_schema_node *others; /* NULL: anything */
} members;

static int by_name(const void *a, const void *b)
{
    const member *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : memcmp(x->name, y->name, x->n);
}

static bool check_member(graft_schema_run *run, const members *m, const graft_json_iter *it,
                         bool *matched)
{
    member wanted = {.name = it->key, .n = strlen(it->key)};
    bool fits = true;
    const member *known =
        m->n_known > 0 ? bsearch(&wanted, m->known, m->n_known, sizeof wanted, by_name) : NULL;
    *matched = known != NULL;
    if (!graft_schema__step_text(run, wanted.n)) {
        return false;
    }
    if (known != NULL) {
        fits = graft_schema__part_fits(run, known->node, it->value, it->key, 0);
    }
    for (size_t i = 0; i < m->n_patterns && (fits || graft_schema__goes_on(run)); i++) {
        if (graft_schema__matches(run, m->patterns[i].pattern, wanted.name, wanted.n)) {
            *matched = true;
            fits = graft_schema__part_fits(run, m->patterns[i].node, it->value, it->key, 0) && fits;
        }
    }
    return fits;
}

static bool check_other(graft_schema_run *run, const graft_schema_node *others,
                        const graft_json_iter *it)
{
    return others->refuses
               ? graft_schema__tells(run) &&
                     graft_schema__found(run, "has a property \"%s\" that is not declared",
                                         graft_schema__spell_name(run, it->key))
               : graft_schema__part_fits(run, others, it->value, it->key, 0);
}

static bool check_members(graft_schema_run *run, const graft_schema_rule *rule,
                          const graft_json *value, graft_schema_seen *seen)
{
    const members *m = rule->data;
    bool fits = true, matched;
    size_t i = 0;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return true;
    }
    for (graft_json_iter it = graft_json_iter_begin(value);
         (fits || graft_schema__goes_on(run)) && graft_json_iter_next(&it); i++) {
        fits = check_member(run, m, &it, &matched) && fits;
        if (!matched && m->others != NULL) {
            fits = check_other(run, m->others, &it) && fits;
        }
        if (matched || m->others != NULL) {
            graft_schema__seen_add(seen, i);
        }
    }
    return fits;
}

static graft_status read_properties(graft_schema_compiler *c, members *m,
                                    const graft_schema_node *node, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return graft_schema__remark(c, node, "properties", "is no object");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &m->known, graft_json_length(value),
                                sizeof *m->known));
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
        member *one = &m->known[m->n_known++];
        *one = (member){.name = it.key, .n = strlen(it.key)};
        GRAFT_TRY(graft_schema__child(c, &one->node, node, "properties", it.value));
    }
    qsort(m->known, m->n_known, sizeof *m->known, by_name);
done:
    return status;
}

static graft_status read_patterns(graft_schema_compiler *c, members *m,
                                  const graft_schema_node *node, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return graft_schema__remark(c, node, "patternProperties", "is no object");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &m->patterns, graft_json_length(value),
                                sizeof *m->patterns));
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
        member_pattern *one = &m->patterns[m->n_patterns];
        GRAFT_TRY(graft_schema__pattern(c, &one->pattern, node, "patternProperties", it.key,
                                        strlen(it.key)));
        if (one->pattern != NULL) {
            GRAFT_TRY(graft_schema__child(c, &one->node, node, "patternProperties", it.value));
            m->n_patterns++;
        }
    }
done:
    return status;
}

static graft_status add_members(graft_schema_compiler *c, const graft_schema_node *node)
{
    graft_status status = GRAFT_OK;
    const graft_json *json = node->json;
    members *m;
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &m, 1, sizeof *m));
    if (graft_json_has(json, "properties")) {
        GRAFT_TRY(read_properties(c, m, node, graft_json_get(json, "properties")));
    }
    if (graft_json_has(json, "patternProperties")) {
        GRAFT_TRY(read_patterns(c, m, node, graft_json_get(json, "patternProperties")));
    }
    if (graft_json_has(json, "additionalProperties")) {
        GRAFT_TRY(graft_schema__child(c, &m->others, node, "additionalProperties",
                                      graft_json_get(json, "additionalProperties")));
    }
    GRAFT_TRY(graft_schema__add_rule(c, check_members, m));
done:
    return status;
}

/* The first of the three that is there stands for all. */
graft_status graft_schema__properties(graft_schema_compiler *c, const graft_schema_node *node,
                                      const graft_json *value)
{
    (void)value;
    return add_members(c, node);
}

graft_status graft_schema__pattern_properties(graft_schema_compiler *c,
                                              const graft_schema_node *node,
                                              const graft_json *value)
{
    (void)value;
    return graft_json_has(node->json, "properties") ? GRAFT_OK : add_members(c, node);
}

graft_status graft_schema__additional_properties(graft_schema_compiler *c,
                                                 const graft_schema_node *node,
                                                 const graft_json *value)
{
    (void)value;
    return graft_json_has(node->json, "properties") ||
                   graft_json_has(node->json, "patternProperties")
               ? GRAFT_OK
               : add_members(c, node);
}
