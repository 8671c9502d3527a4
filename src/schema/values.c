/* type, enum, const. */
#include <math.h>
#include <string.h>

#include "schema/run.h"

/* --- type --- */

static const struct { const char *name, *with_article; } types[] = {
    {"null", "null"},       {"boolean", "a boolean"}, {"integer", "an integer"},
    {"number", "a number"}, {"string", "a string"},   {"array", "an array"},
    {"object", "an object"}};
enum { N_TYPES = sizeof types / sizeof types[0] };
enum { INTEGER = GRAFT_JSON_INT, NUMBER = GRAFT_JSON_DOUBLE }; /* the order is graft_json_type's */

/* The data is a set of bits, one per row of types, never none. */
static bool check_type(graft_schema_run *run, const graft_schema_rule *rule,
                       const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    unsigned wanted = *(const unsigned *)rule->data;
    unsigned type = (unsigned)graft_json_get_type(value);
    if ((wanted >> type & 1) != 0 || (type == INTEGER && (wanted >> NUMBER & 1) != 0)) {
        return true;
    }
    if (type == NUMBER && (wanted >> INTEGER & 1) != 0 &&
        floor(graft_json_double(value)) == graft_json_double(value)) {
        return true; /* 3.0 is an integer */
    }
    if (!graft_schema__tells(run)) {
        return false;
    }
    char names[80] = "";
    for (unsigned i = 0; i < N_TYPES; i++) {
        if ((wanted >> i & 1) != 0) {
            strcat(names, names[0] != '\0' ? " or " : "");
            strcat(names, types[i].name);
        }
    }
    return graft_schema__found(run, "is %s, not %s", types[type].with_article,
                               names[0] != '\0' ? names : "of a type the schema knows");
}

/* The bit of a name; 0 with a remark if there is no such type, which nothing then is. */
static graft_status type_bit(graft_schema_compiler *c, unsigned *bits,
                             const graft_schema_node *node, const char *name)
{
    for (unsigned i = 0; i < N_TYPES; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *bits |= 1u << i;
            return GRAFT_OK;
        }
    }
    return graft_schema__remark(c, node, "type", "\"%.40s\" is no type", name);
}

graft_status graft_schema__type(graft_schema_compiler *c, const graft_schema_node *node,
                                const graft_json *value)
{
    graft_status status = GRAFT_OK;
    bool list = graft_json_is(value, GRAFT_JSON_ARRAY), any = false;
    unsigned *bits;
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &bits, 1, sizeof *bits));
    for (size_t i = 0; i < (list ? graft_json_length(value) : 1); i++) {
        const char *name = graft_json_string(list ? graft_json_at(value, i) : value, NULL);
        if (name != NULL) {
            any = true;
            GRAFT_TRY(type_bit(c, bits, node, name));
        }
    }
    status = any ? graft_schema__add_rule(c, check_type, bits)
                 : graft_schema__remark(c, node, "type", "names no type");
done:
    return status;
}

/* --- enum, const --- */

static bool equal_parts(graft_schema_run *run, const graft_json *a, const graft_json *b)
{
    bool equal = true;
    if (graft_json_is(a, GRAFT_JSON_ARRAY)) {
        for (size_t i = 0; i < graft_json_length(a) && equal; i++) {
            equal = graft_schema__equal(run, graft_json_at(a, i), graft_json_at(b, i));
        }
        return equal;
    }
    for (graft_json_iter it = graft_json_iter_begin(a); equal && graft_json_iter_next(&it);) {
        equal = graft_schema__step_text(run, strlen(it.key)) && graft_json_has(b, it.key) &&
                graft_schema__equal(run, it.value, graft_json_get(b, it.key));
    }
    return equal;
}

bool graft_schema__equal(graft_schema_run *run, const graft_json *a, const graft_json *b)
{
    size_t n;
    (void)graft_json_string(a, &n);
    if (!graft_schema__step_text(run, n)) {
        return false;
    }
    graft_json_type type = graft_json_get_type(a);
    if (type != GRAFT_JSON_ARRAY && type != GRAFT_JSON_OBJECT) {
        return graft_json_equal(a, b);
    }
    return graft_json_get_type(b) == type && graft_json_length(a) == graft_json_length(b) &&
           equal_parts(run, a, b);
}

static bool tell_enum(graft_schema_run *run, const graft_json *options, const graft_json *value)
{
    enum { SHOWN = 5 };
    char list[SHOWN * 48] = "";
    size_t n = graft_json_length(options);
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        strcat(list, i > 0 ? ", " : "");
        strcat(list, graft_schema__spell(run, graft_json_at(options, i)));
    }
    return graft_schema__found(run, "%s is not one of %s%s", graft_schema__spell(run, value), list,
                               n > SHOWN ? ", ..." : "");
}

/* The data is the array. */
static bool check_enum(graft_schema_run *run, const graft_schema_rule *rule,
                       const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    const graft_json *options = rule->data;
    for (size_t i = 0; i < graft_json_length(options); i++) {
        if (graft_schema__equal(run, graft_json_at(options, i), value)) {
            return true;
        }
    }
    return graft_schema__tells(run) && tell_enum(run, options, value);
}

graft_status graft_schema__enum(graft_schema_compiler *c, const graft_schema_node *node,
                                const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_ARRAY)
               ? graft_schema__add_rule(c, check_enum, value)
               : graft_schema__remark(c, node, "enum", "is no array");
}

/* The data is the value; NULL is null. */
static bool check_const(graft_schema_run *run, const graft_schema_rule *rule,
                        const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    return graft_schema__equal(run, rule->data, value) ||
           (graft_schema__tells(run) &&
            graft_schema__found(run, "%s is not %s", graft_schema__spell(run, value),
                                graft_schema__spell(run, rule->data)));
}

graft_status graft_schema__const(graft_schema_compiler *c, const graft_schema_node *node,
                                 const graft_json *value)
{
    (void)node;
    return graft_schema__add_rule(c, check_const, value);
}
