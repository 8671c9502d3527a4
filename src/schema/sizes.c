/* Bounds on how many: characters, items, properties. */
#include <math.h>

#include "schema/run.h"

/* Characters, not bytes. */
static size_t count_characters(const graft_json *value)
{
    size_t n, characters = 0;
    const char *text = graft_json_string(value, &n);
    for (size_t i = 0; i < n; i++) {
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return characters;
}

typedef struct measure {
    graft_json_type type; /* of the values that have it */
    size_t (*count)(const graft_json *value);
    const char *what;
} measure;
static const measure length = {GRAFT_JSON_STRING, count_characters, "characters"},
                     items = {GRAFT_JSON_ARRAY, graft_json_length, "items"},
                     properties = {GRAFT_JSON_OBJECT, graft_json_length, "properties"};

typedef struct limit {
    const measure *measure;
    bool at_least; /* or at most */
    uint64_t n;
} limit;

static bool check_size(graft_schema_run *run, const graft_schema_rule *rule,
                       const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    const limit *l = rule->data;
    if (!graft_json_is(value, l->measure->type)) {
        return true;
    }
    size_t n, n_bytes;
    (void)graft_json_string(value, &n_bytes);
    if (!graft_schema__step_text(run, n_bytes)) {
        return false;
    }
    n = l->measure->count(value);
    return (l->at_least ? n >= l->n : n <= l->n) ||
           graft_schema__found(run, "has %zu %s, %s %llu", n, l->measure->what,
                               l->at_least ? "not at least" : "more than",
                               (unsigned long long)l->n);
}

static graft_status add_limit(graft_schema_compiler *c, const graft_schema_node *node,
                              const char *keyword, const graft_json *value, const measure *what,
                              bool at_least)
{
    graft_status status = GRAFT_OK;
    double n = graft_json_double(value);
    limit *l;
    if (!graft_schema__is_number(value) || n < 0 || floor(n) != n) {
        return graft_schema__remark(c, node, keyword, "is no integer from 0 on");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &l, 1, sizeof *l));
    *l = (limit){what, at_least, n < 0x1p62 ? (uint64_t)n : (uint64_t)1 << 62};
    GRAFT_TRY(graft_schema__add_rule(c, check_size, l));
done:
    return status;
}

graft_status graft_schema__min_length(graft_schema_compiler *c, const graft_schema_node *node,
                                      const graft_json *value)
{
    return add_limit(c, node, "minLength", value, &length, true);
}

graft_status graft_schema__max_length(graft_schema_compiler *c, const graft_schema_node *node,
                                      const graft_json *value)
{
    return add_limit(c, node, "maxLength", value, &length, false);
}

graft_status graft_schema__min_items(graft_schema_compiler *c, const graft_schema_node *node,
                                     const graft_json *value)
{
    return add_limit(c, node, "minItems", value, &items, true);
}

graft_status graft_schema__max_items(graft_schema_compiler *c, const graft_schema_node *node,
                                     const graft_json *value)
{
    return add_limit(c, node, "maxItems", value, &items, false);
}

graft_status graft_schema__min_properties(graft_schema_compiler *c, const graft_schema_node *node,
                                          const graft_json *value)
{
    return add_limit(c, node, "minProperties", value, &properties, true);
}

graft_status graft_schema__max_properties(graft_schema_compiler *c, const graft_schema_node *node,
                                          const graft_json *value)
{
    return add_limit(c, node, "maxProperties", value, &properties, false);
}
