/* required, propertyNames, and what one property asks of the others. */
#include <string.h>

#include "schema/run.h"

/* --- required --- */

/* A name with a zero byte is that of no property. */
static bool has(graft_schema_run *run, const graft_json *object, const graft_json *name)
{
    size_t n;
    const char *text = graft_json_string(name, &n);
    return graft_schema__step_text(run, n) &&
           (text == NULL || (strlen(text) == n && graft_json_has(object, text)));
}

/* The data is the array of names; what is no string is passed over. */
static bool check_required(graft_schema_run *run, const graft_schema_rule *rule,
                           const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    const graft_json *names = rule->data;
    bool fits = true;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return true;
    }
    for (size_t i = 0; i < graft_json_length(names) && (fits || graft_schema__goes_on(run)); i++) {
        if (!has(run, value, graft_json_at(names, i))) {
            fits = graft_schema__tells(run) &&
                   graft_schema__found(run, "lacks the property %s",
                                       graft_schema__spell(run, graft_json_at(names, i)));
        }
    }
    return fits;
}

graft_status graft_schema__required(graft_schema_compiler *c, const graft_schema_node *node,
                                    const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_ARRAY)
               ? graft_schema__add_rule(c, check_required, value)
               : graft_schema__remark(c, node, "required", "is no array of names");
}

/* --- propertyNames --- */

static bool name_fits(graft_schema_run *run, const graft_schema_node *node, const char *name)
{
    size_t n = strlen(name);
    if (!graft_schema__step_text(run, n)) {
        return false;
    }
    graft_json *text = graft_json_new_string(name, n);
    if (text == NULL) {
        run->status = graft_fail(GRAFT_E_MEMORY, "out of memory for a JSON value");
        return false;
    }
    bool fits = graft_schema__tries(run, node, text, NULL);
    graft_json_free(text);
    return fits;
}

/* The data is the node. */
static bool check_names(graft_schema_run *run, const graft_schema_rule *rule,
                        const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    bool fits = true;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return true;
    }
    for (graft_json_iter it = graft_json_iter_begin(value);
         (fits || graft_schema__goes_on(run)) && graft_json_iter_next(&it);) {
        if (!name_fits(run, rule->data, it.key)) {
            fits = graft_schema__tells(run) &&
                   graft_schema__found(run, "the name \"%s\" is not allowed",
                                       graft_schema__spell_name(run, it.key));
        }
    }
    return fits;
}

graft_status graft_schema__property_names(graft_schema_compiler *c, const graft_schema_node *node,
                                          const graft_json *value)
{
    graft_status status = GRAFT_OK;
    const graft_schema_node *child;
    GRAFT_TRY(graft_schema__child(c, &child, node, "propertyNames", value));
    GRAFT_TRY(graft_schema__add_rule(c, check_names, child));
done:
    return status;
}

/* --- dependencies --- */

typedef struct dependency {
    const char *name;
    size_t n; /* its bytes */
    const graft_json *names;       /* an array, or */
    const graft_schema_node *node; /* a schema */
} dependency;

typedef struct dependencies {
    dependency *items;
    size_t n;
} dependencies;

static bool check_dependency(graft_schema_run *run, const dependency *d, const graft_json *value,
                             graft_schema_seen *seen)
{
    if (d->node != NULL) {
        return graft_schema__fits(run, d->node, value, seen);
    }
    for (size_t i = 0; i < graft_json_length(d->names); i++) {
        const graft_json *name = graft_json_at(d->names, i);
        if (!has(run, value, name)) {
            return graft_schema__tells(run) &&
                   graft_schema__found(run, "lacks the property %s, which \"%s\" asks for",
                                       graft_schema__spell(run, name),
                                       graft_schema__spell_name(run, d->name));
        }
    }
    return true;
}

static bool check_dependencies(graft_schema_run *run, const graft_schema_rule *rule,
                               const graft_json *value, graft_schema_seen *seen)
{
    const dependencies *all = rule->data;
    bool fits = true;
    for (size_t i = 0; i < all->n && (fits || graft_schema__goes_on(run)); i++) {
        const dependency *d = &all->items[i];
        if (!graft_schema__step_text(run, d->n)) {
            return false;
        }
        if (graft_json_has(value, d->name)) {
            fits = check_dependency(run, d, value, seen) && fits;
        }
    }
    return fits;
}

static graft_status add_dependencies(graft_schema_compiler *c, const graft_schema_node *node,
                                     const char *keyword, const graft_json *value, bool arrays,
                                     bool schemas)
{
    graft_status status = GRAFT_OK;
    dependencies *all;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return graft_schema__remark(c, node, keyword, "is no object");
    }
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &all, 1, sizeof *all));
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &all->items, graft_json_length(value),
                                 sizeof *all->items));
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
        dependency *d = &all->items[all->n];
        d->name = it.key;
        d->n = strlen(it.key);
        if (arrays && graft_json_is(it.value, GRAFT_JSON_ARRAY)) {
            d->names = it.value;
        } else if (schemas) {
            GRAFT_TRY(graft_schema__child(c, &d->node, node, keyword, it.value));
        } else {
            GRAFT_TRY(graft_schema__remark(c, node, keyword, "\"%.40s\" is no array of names",
                                           it.key));
            continue;
        }
        all->n++;
    }
    GRAFT_TRY(graft_schema__add_rule(c, check_dependencies, all));
done:
    return status;
}

graft_status graft_schema__dependent_required(graft_schema_compiler *c,
                                              const graft_schema_node *node,
                                              const graft_json *value)
{
    return add_dependencies(c, node, "dependentRequired", value, true, false);
}

graft_status graft_schema__dependent_schemas(graft_schema_compiler *c,
                                             const graft_schema_node *node,
                                             const graft_json *value)
{
    return add_dependencies(c, node, "dependentSchemas", value, false, true);
}

graft_status graft_schema__dependencies(graft_schema_compiler *c, const graft_schema_node *node,
                                        const graft_json *value)
{
    return add_dependencies(c, node, "dependencies", value, true, true);
}
