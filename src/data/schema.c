/* schema.c - JSON Schema from what files write in its place. */
#include "data/schema.h"

#include <string.h>

#include "data/reader.h"

/* The name in JSON Schema, the type itself if it is one already, NULL for "anything goes". */
static const char *schema_type(const char *type)
{
    static const char *const known[][2] = {
        {"dict", "object"},     {"Dict", "object"},      {"dictionary", "object"},
        {"HashMap", "object"},  {"Hashtable", "object"}, {"tuple", "array"},
        {"Tuple", "array"},     {"list", "array"},       {"List", "array"},
        {"set", "array"},       {"Set", "array"},        {"Array", "array"},
        {"ArrayList", "array"}, {"Queue", "array"},      {"Stack", "array"},
        {"float", "number"},    {"double", "number"},    {"int", "integer"},
        {"long", "integer"},    {"short", "integer"},    {"byte", "integer"},
        {"Integer", "integer"}, {"Bigint", "integer"},   {"bool", "boolean"},
        {"Boolean", "boolean"}, {"str", "string"},       {"String", "string"},
        {"char", "string"},     {"any", NULL},           {"Any", NULL},
        {"", NULL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i][0], type) == 0) {
            return known[i][1];
        }
    }
    return type;
}

/* Maps the members of `properties`: each is a schema, whatever its name. */
static graft_status map_properties(graft_json **out, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *member = NULL;
    graft_json_iter it = graft_json_iter_begin(in);
    *out = NULL;
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(graft_schema__json(&member, it.value));
        graft_json *taken = member;
        member = NULL;
        GRAFT_TRY(graft_json_set(object, it.key, taken));
    }
    *out = object;
    object = NULL;
done:
    graft_json_free(member);
    graft_json_free(object);
    return status;
}

/* Depth is bounded by the JSON parser's. */
graft_status graft_schema__json(graft_json **out, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *object = NULL, *member = NULL;
    *out = NULL;
    if (!graft_json_is(in, GRAFT_JSON_OBJECT)) {
        *out = graft_json_retain((graft_json *)(uintptr_t)in);
        return GRAFT_OK;
    }
    object = graft_json_new_object();
    graft_json_iter it = graft_json_iter_begin(in);
    while (graft_json_iter_next(&it)) {
        if (strcmp(it.key, "type") == 0 && graft_json_is(it.value, GRAFT_JSON_STRING)) {
            const char *type = schema_type(graft_json_string(it.value, NULL));
            if (type) {
                GRAFT_TRY(graft_json_set_string(object, "type", type));
            }
            continue;
        }
        if (strcmp(it.key, "properties") == 0) {
            GRAFT_TRY(map_properties(&member, it.value));
        } else {
            GRAFT_TRY(graft_schema__json(&member, it.value));
        }
        graft_json *taken = member;
        member = NULL;
        GRAFT_TRY(graft_json_set(object, it.key, taken));
    }
    *out = object;
    object = NULL;
done:
    graft_json_free(member);
    graft_json_free(object);
    return status;
}

/* --- types as Python annotations --- */

enum { MAX_TYPE_DEPTH = 8 };

static graft_piece trimmed(const char *at, size_t n)
{
    while (n && (*at == ' ' || *at == '\t')) {
        at++, n--;
    }
    while (n && (at[n - 1] == ' ' || at[n - 1] == '\t')) {
        n--;
    }
    return (graft_piece){at, n};
}

/* Bytes up to `stop` outside of brackets; n if there is none. */
static size_t length_to(graft_piece text, char stop)
{
    int depth = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if (c == stop && depth == 0) {
            return i;
        }
        depth += (c == '[') - (c == ']');
    }
    return text.n;
}

static bool is(graft_piece text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.at, word, text.n) == 0;
}

/* Is it a name of JSON Schema or one that schema_type knows? */
static const char *type_name(graft_piece text)
{
    static const char *const own[] = {"string", "integer", "number", "boolean",
                                      "array", "object", "null", NULL};
    char name[16];
    if (text.n >= sizeof name) {
        return NULL;
    }
    memcpy(name, text.at, text.n);
    name[text.n] = 0;
    const char *mapped = schema_type(name);
    for (size_t i = 0; own[i]; i++) {
        if (mapped && strcmp(own[i], mapped) == 0) {
            return own[i];
        }
    }
    return NULL;
}

/* Sets type (and items) of `schema` for "List[str]". What has no name there stays without type. */
static graft_status set_type(graft_json *schema, graft_piece text, bool *optional, int depth)
{
    graft_status status = GRAFT_OK;
    graft_json *items = NULL;
    size_t n = length_to(text, '[');
    graft_piece base = trimmed(text.at, n), inner = {text.at, 0};
    if (n + 1 < text.n && text.at[text.n - 1] == ']') {
        inner = trimmed(text.at + n + 1, text.n - n - 2);
    }
    if (is(base, "Optional") && inner.n && depth < MAX_TYPE_DEPTH) {
        *optional = true;
        return set_type(schema, inner, optional, depth + 1);
    }
    const char *name = type_name(base);
    if (!name) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_json_set_string(schema, "type", name));
    bool one_kind = length_to(inner, ',') == inner.n;
    if (strcmp(name, "array") == 0 && inner.n && one_kind && depth < MAX_TYPE_DEPTH) {
        items = graft_json_new_object();
        bool ignored;
        GRAFT_TRY(set_type(items, inner, &ignored, depth + 1));
        graft_json *taken = items;
        items = NULL;
        GRAFT_TRY(graft_json_set(schema, "items", taken));
    }
done:
    graft_json_free(items);
    return status;
}

graft_status graft_schema__set_type(graft_json *schema, const char *text, size_t n, bool *optional)
{
    graft_piece whole = {text, n};
    size_t used = length_to(whole, ',');
    graft_piece type = trimmed(text, used);
    *optional = used < n && is(trimmed(text + used + 1, n - used - 1), "optional");
    return set_type(schema, type, optional, 0);
}

/* --- flat parameters --- */

/* One parameter: {"type": "str, optional", "description", ...}; the bare type will do. */
static graft_status flat_parameter(graft_json **out, const graft_json *in, bool *optional)
{
    graft_status status = GRAFT_OK;
    graft_json *schema = graft_json_new_object();
    const graft_json *type = graft_json_is(in, GRAFT_JSON_STRING) ? in : graft_json_get(in, "type");
    const graft_json *required = graft_json_get(in, "required");
    size_t n;
    const char *text = graft_json_string(type, &n);
    *optional = false;
    if (text) {
        GRAFT_TRY(graft_schema__set_type(schema, text, n, optional));
    }
    if (graft_json_is(required, GRAFT_JSON_BOOL)) {
        *optional = !graft_json_bool(required);
    }
    graft_json_iter it = graft_json_iter_begin(graft_json_is(in, GRAFT_JSON_OBJECT) ? in : schema);
    while (graft_json_is(in, GRAFT_JSON_OBJECT) && graft_json_iter_next(&it)) {
        bool own = (strcmp(it.key, "type") == 0 && text) ||
                   (strcmp(it.key, "required") == 0 && graft_json_is(it.value, GRAFT_JSON_BOOL));
        if (!own) {
            GRAFT_TRY(graft_reader__set_shared(schema, it.key, it.value));
        }
    }
    *out = schema;
    schema = NULL;
done:
    graft_json_free(schema);
    return status;
}

static graft_status add_flat(graft_json *properties, graft_json *derived,
                             const graft_json *parameters)
{
    graft_status status = GRAFT_OK;
    graft_json_iter it = graft_json_iter_begin(parameters);
    while (graft_json_iter_next(&it)) {
        graft_json *schema = NULL;
        bool optional;
        GRAFT_TRY(flat_parameter(&schema, it.value, &optional));
        GRAFT_TRY(graft_json_set(properties, it.key, schema));
        if (!optional) {
            GRAFT_TRY(graft_json_push(derived, graft_json_new_string(it.key, strlen(it.key))));
        }
    }
done:
    return status;
}

static bool is_schema(const graft_json *parameters)
{
    return graft_json_is(graft_json_get(parameters, "properties"), GRAFT_JSON_OBJECT) &&
           graft_json_is(graft_json_get(parameters, "type"), GRAFT_JSON_STRING);
}

graft_status graft_schema__flat(graft_json **out, const graft_json *parameters,
                                const graft_json *required)
{
    graft_status status = GRAFT_OK;
    graft_json *schema = NULL, *properties = graft_json_new_object();
    graft_json *derived = graft_json_new_array();
    *out = NULL;
    if (is_schema(parameters)) {
        status = graft_schema__json(out, parameters);
        goto done;
    }
    schema = graft_json_new_object();
    GRAFT_TRY(add_flat(properties, derived, parameters));
    GRAFT_TRY(graft_json_set_string(schema, "type", "object"));
    GRAFT_TRY(graft_json_set(schema, "properties", graft_json_retain(properties)));
    const graft_json *list = graft_json_is(required, GRAFT_JSON_ARRAY) ? required : derived;
    if (graft_json_length(list)) {
        GRAFT_TRY(graft_reader__set_shared(schema, "required", list));
    }
    *out = schema;
    schema = NULL;
done:
    graft_json_free(derived);
    graft_json_free(properties);
    graft_json_free(schema);
    return status;
}
