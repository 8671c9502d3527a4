/* chat/dialect_types.c - arguments that a reply spells without quotes get their types from schemas. */
#include <math.h>
#include <string.h>

#include "chat/dialects.h"
#include "chat/python_literal.h"
#include "core/status.h"

#define MAX_DEPTH 8 /* of anyOf in anyOf */

/* Types as bits: 1 << graft_json_type; INT stands for integer, DOUBLE for number. */
static const struct { const char *name; graft_json_type type; } names[] = {
    {"null", GRAFT_JSON_NULL},       {"boolean", GRAFT_JSON_BOOL}, {"integer", GRAFT_JSON_INT},
    {"number", GRAFT_JSON_DOUBLE},   {"string", GRAFT_JSON_STRING}, {"array", GRAFT_JSON_ARRAY},
    {"object", GRAFT_JSON_OBJECT},   {"int", GRAFT_JSON_INT},      {"float", GRAFT_JSON_DOUBLE},
    {"dict", GRAFT_JSON_OBJECT},     {"list", GRAFT_JSON_ARRAY},   {"tuple", GRAFT_JSON_ARRAY},
    {"bool", GRAFT_JSON_BOOL},       {"str", GRAFT_JSON_STRING},
};

static unsigned named(const graft_json *name)
{
    const char *text = graft_json_string(name, NULL);
    for (size_t i = 0; text != NULL && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, text) == 0) {
            return 1u << names[i].type;
        }
    }
    return 0;
}

/* The types that the schema speaks of; 0: of none. */
static unsigned types_of(const graft_json *schema, int depth)
{
    static const char *const unions[] = {"anyOf", "oneOf", "allOf"};
    const graft_json *type = graft_json_get(schema, "type"), *values = graft_json_get(schema, "enum");
    unsigned types = named(type);
    for (size_t i = 0; i < graft_json_length(type) && graft_json_is(type, GRAFT_JSON_ARRAY); i++) {
        types |= named(graft_json_at(type, i));
    }
    for (size_t k = 0; k < 3 && depth < MAX_DEPTH; k++) {
        const graft_json *members = graft_json_get(schema, unions[k]);
        for (size_t i = 0; i < graft_json_length(members); i++) {
            types |= types_of(graft_json_at(members, i), depth + 1);
        }
    }
    for (size_t i = 0; types == 0 && i < graft_json_length(values); i++) {
        types |= 1u << graft_json_get_type(graft_json_at(values, i));
    }
    return types;
}

static bool allows(unsigned types, const graft_json *value)
{
    double number = graft_json_double(value);
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_STRING: return false; /* quotes in a text are part of it */
    case GRAFT_JSON_INT: return (types & (1u << GRAFT_JSON_INT | 1u << GRAFT_JSON_DOUBLE)) != 0;
    case GRAFT_JSON_DOUBLE:
        return (types & 1u << GRAFT_JSON_DOUBLE) != 0 ||
               ((types & 1u << GRAFT_JSON_INT) != 0 && floor(number) == number);
    case GRAFT_JSON_NULL: /* where a text could not say it, it is nothing */
        return (types & 1u << GRAFT_JSON_NULL) != 0 || (types & 1u << GRAFT_JSON_STRING) == 0;
    default: return (types & 1u << graft_json_get_type(value)) != 0;
    }
}

/* What an empty text stands for where no text is allowed: a list or an object without anything. */
static graft_status empty(graft_json **out, graft_json *text, unsigned types)
{
    bool list = (types & 1u << GRAFT_JSON_ARRAY) != 0, object = (types & 1u << GRAFT_JSON_OBJECT) != 0;
    *out = (types & 1u << GRAFT_JSON_STRING) != 0 || (!list && !object) ? graft_json_retain(text)
           : list ? graft_json_new_array() : graft_json_new_object();
    return *out != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
}

/* The value that the text spells as the schema has it: a new reference. */
static graft_status typed_text(graft_json **out, graft_json *text, const graft_json *schema, bool nested)
{
    size_t n;
    const char *at = graft_json_string(text, &n);
    unsigned types = types_of(schema, 0);
    if (nested && at != NULL && n == 0) {
        return empty(out, text, types);
    }
    *out = graft_json_retain(text);
    if (at == NULL || types == 0 || types == 1u << GRAFT_JSON_STRING) {
        return GRAFT_OK;
    }
    graft_json *value = NULL;
    graft_reply_text trimmed = graft_dialect__trim((graft_reply_text){at, n});
    graft_status status = graft_python_or_json(&value, trimmed.at, trimmed.n);
    if (status == GRAFT_E_DATA) {
        return GRAFT_OK; /* a text it stays */
    }
    if (status != GRAFT_OK) {
        graft_json_free(*out);
        *out = NULL;
        return status;
    }
    if (allows(types, value)) {
        graft_json_free(*out);
        *out = value;
    } else {
        graft_json_free(value);
    }
    return GRAFT_OK;
}

static graft_status typed(graft_json **out, graft_json *value, const graft_json *schema, bool nested);

static graft_status typed_items(graft_json **out, graft_json *list, const graft_json *schema)
{
    graft_status status = GRAFT_OK;
    graft_json *items = graft_json_new_array(), *item;
    *out = NULL;
    for (size_t i = 0; i < graft_json_length(list); i++) {
        GRAFT_TRY(typed(&item, graft_json_at(list, i), graft_json_get(schema, "items"), true));
        GRAFT_TRY(graft_json_push(items, item));
    }
    *out = items;
    items = NULL;
done:
    graft_json_free(items);
    return status;
}

static graft_status typed_members(graft_json **out, const graft_json *object, const graft_json *schema,
                                  bool nested)
{
    graft_status status = GRAFT_OK;
    graft_json *members = NULL, *value;
    const graft_json *properties = graft_json_get(schema, "properties");
    const graft_json *others = graft_json_get(schema, "additionalProperties");
    *out = NULL;
    GRAFT_TRY(graft_dialect__new_arguments(&members));
    for (graft_json_iter it = graft_json_iter_begin(object); graft_json_iter_next(&it);) {
        const graft_json *own = graft_json_has(properties, it.key) || !nested ? graft_json_get(properties, it.key)
                                                                    : others;
        GRAFT_TRY(typed(&value, it.value, own, nested));
        GRAFT_TRY(graft_json_set(members, it.key, value));
    }
    *out = members;
    members = NULL;
done:
    graft_json_free(members);
    return status;
}

/* Values are as deep as the dialect lets them be. */
static graft_status typed(graft_json **out, graft_json *value, const graft_json *schema, bool nested)
{
    if (nested && graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return typed_items(out, value, schema);
    }
    if (nested && graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return typed_members(out, value, schema, true);
    }
    return typed_text(out, value, schema, nested);
}

static const graft_json *parameters_of(const graft_json *tools, const char *name)
{
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        const graft_json *function = graft_json_get(graft_json_at(tools, i), "function");
        const char *its_name = graft_json_string(graft_json_get(function, "name"), NULL);
        if (its_name != NULL && strcmp(its_name, name) == 0) {
            return graft_json_get(function, "parameters");
        }
    }
    return NULL;
}

static graft_status type_call(graft_json *call, const graft_json *tools, bool nested)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL;
    const char *name = graft_json_string(graft_json_get(call, "name"), NULL);
    GRAFT_TRY(typed_members(&arguments, graft_json_get(call, "arguments"), parameters_of(tools, name),
                            nested));
    status = graft_json_set(call, "arguments", arguments);
done:
    return status;
}

graft_status graft_dialect_apply(const graft_dialect *dialect, const graft_json *tools,
                                 graft_json **calls, graft_text *content, size_t *broken,
                                 const char *text, size_t n)
{
    graft_status status = dialect->parse(calls, content, broken, text, n);
    for (size_t i = 0; status == GRAFT_OK && dialect->untyped && i < graft_json_length(*calls); i++) {
        status = type_call(graft_json_at(*calls, i), tools, dialect->nested);
    }
    if (status != GRAFT_OK) {
        graft_json_free(*calls);
        *calls = NULL;
    }
    return status;
}
