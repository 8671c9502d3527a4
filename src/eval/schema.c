#include "eval/schema.h"

#include <math.h>
#include <string.h>

#define MAX_STEPS 100000
#define MAX_DEPTH 64

typedef struct checker {
    const graft_json *root;
    size_t steps, depth;
} checker;

typedef bool check_keyword(checker *c, const graft_json *schema, const graft_json *keyword,
                           const graft_json *value);

static bool accepts(checker *c, const graft_json *schema, const graft_json *value);

static bool is_number(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
}

static bool is_type(const graft_json *value, const char *name)
{
    graft_json_type type = graft_json_get_type(value);
    if (strcmp(name, "integer") == 0) {
        return type == GRAFT_JSON_INT ||
               (type == GRAFT_JSON_DOUBLE &&
                floor(graft_json_double(value)) == graft_json_double(value));
    }
    static const struct { const char *name; graft_json_type type; } names[] = {
        {"null", GRAFT_JSON_NULL},     {"boolean", GRAFT_JSON_BOOL}, {"number", GRAFT_JSON_INT},
        {"number", GRAFT_JSON_DOUBLE}, {"string", GRAFT_JSON_STRING}, {"array", GRAFT_JSON_ARRAY},
        {"object", GRAFT_JSON_OBJECT}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (type == names[i].type && strcmp(name, names[i].name) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_type(checker *c, const graft_json *schema, const graft_json *keyword,
                       const graft_json *value)
{
    (void)c;
    (void)schema;
    if (graft_json_is(keyword, GRAFT_JSON_STRING)) {
        return is_type(value, graft_json_string(keyword, NULL));
    }
    for (size_t i = 0; i < graft_json_length(keyword); i++) {
        const char *name = graft_json_string(graft_json_at(keyword, i), NULL);
        if (name != NULL && is_type(value, name)) {
            return true;
        }
    }
    return !graft_json_is(keyword, GRAFT_JSON_ARRAY);
}

static bool check_enum(checker *c, const graft_json *schema, const graft_json *keyword,
                       const graft_json *value)
{
    (void)schema;
    for (size_t i = 0; i < graft_json_length(keyword); i++) {
        c->steps++;
        if (graft_json_equal(graft_json_at(keyword, i), value)) {
            return true;
        }
    }
    return !graft_json_is(keyword, GRAFT_JSON_ARRAY);
}

static bool check_const(checker *c, const graft_json *schema, const graft_json *keyword,
                        const graft_json *value)
{
    (void)c;
    (void)schema;
    return graft_json_equal(keyword, value);
}

static bool check_properties(checker *c, const graft_json *schema, const graft_json *keyword,
                             const graft_json *value)
{
    (void)schema;
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return true;
    }
    for (graft_json_iter it = graft_json_iter_begin(keyword); graft_json_iter_next(&it);) {
        if (graft_json_has(value, it.key) &&
            !accepts(c, it.value, graft_json_get(value, it.key))) {
            return false;
        }
    }
    return true;
}

static bool check_required(checker *c, const graft_json *schema, const graft_json *keyword,
                           const graft_json *value)
{
    (void)c;
    (void)schema;
    for (size_t i = 0; graft_json_is(value, GRAFT_JSON_OBJECT) && i < graft_json_length(keyword);
         i++) {
        const char *name = graft_json_string(graft_json_at(keyword, i), NULL);
        if (name != NULL && !graft_json_has(value, name)) {
            return false;
        }
    }
    return true;
}

static bool check_additional(checker *c, const graft_json *schema, const graft_json *keyword,
                             const graft_json *value)
{
    const graft_json *properties = graft_json_get(schema, "properties");
    if (!graft_json_is(value, GRAFT_JSON_OBJECT) || graft_json_has(schema, "patternProperties")) {
        return true; /* patterns are not looked at, so what they leave over is not known */
    }
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
        if (!graft_json_has(properties, it.key) && !accepts(c, keyword, it.value)) {
            return false;
        }
    }
    return true;
}

/* The items of `value` from `start` on, each against one schema. */
static bool check_rest(checker *c, const graft_json *schema, const graft_json *value, size_t start)
{
    for (size_t i = start; i < graft_json_length(value); i++) {
        if (!accepts(c, schema, graft_json_at(value, i))) {
            return false;
        }
    }
    return true;
}

static bool check_each(checker *c, const graft_json *schemas, const graft_json *value)
{
    for (size_t i = 0; i < graft_json_length(schemas) && i < graft_json_length(value); i++) {
        if (!accepts(c, graft_json_at(schemas, i), graft_json_at(value, i))) {
            return false;
        }
    }
    return true;
}

static bool check_items(checker *c, const graft_json *schema, const graft_json *keyword,
                        const graft_json *value)
{
    if (!graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return true;
    }
    if (graft_json_is(keyword, GRAFT_JSON_ARRAY)) { /* draft 7: one schema per place */
        return check_each(c, keyword, value) &&
               (!graft_json_has(schema, "additionalItems") ||
                check_rest(c, graft_json_get(schema, "additionalItems"), value,
                           graft_json_length(keyword)));
    }
    return check_rest(c, keyword, value,
                      graft_json_length(graft_json_get(schema, "prefixItems")));
}

static bool check_prefix_items(checker *c, const graft_json *schema, const graft_json *keyword,
                               const graft_json *value)
{
    (void)schema;
    return !graft_json_is(value, GRAFT_JSON_ARRAY) || check_each(c, keyword, value);
}

static bool check_all_of(checker *c, const graft_json *schema, const graft_json *keyword,
                         const graft_json *value)
{
    (void)schema;
    for (size_t i = 0; i < graft_json_length(keyword); i++) {
        if (!accepts(c, graft_json_at(keyword, i), value)) {
            return false;
        }
    }
    return true;
}

static size_t count_accepting(checker *c, const graft_json *schemas, const graft_json *value)
{
    size_t n = 0;
    for (size_t i = 0; i < graft_json_length(schemas); i++) {
        n += accepts(c, graft_json_at(schemas, i), value);
    }
    return n;
}

static bool check_any_of(checker *c, const graft_json *schema, const graft_json *keyword,
                         const graft_json *value)
{
    (void)schema;
    return !graft_json_is(keyword, GRAFT_JSON_ARRAY) || count_accepting(c, keyword, value) > 0;
}

static bool check_one_of(checker *c, const graft_json *schema, const graft_json *keyword,
                         const graft_json *value)
{
    (void)schema;
    return !graft_json_is(keyword, GRAFT_JSON_ARRAY) || count_accepting(c, keyword, value) == 1;
}

static bool check_not(checker *c, const graft_json *schema, const graft_json *keyword,
                      const graft_json *value)
{
    (void)schema;
    return !accepts(c, keyword, value);
}

/* Goes to "#/a/b~1c/0" (RFC 6901, with %XX as URIs have it). NULL if there is nothing. */
static const graft_json *resolve(const graft_json *root, const char *pointer)
{
    const graft_json *at = root;
    while (*pointer == '/' && at != NULL) {
        char name[256];
        size_t n = 0;
        for (pointer++; *pointer != '\0' && *pointer != '/' && n + 1 < sizeof name; pointer++) {
            char c = *pointer;
            unsigned code;
            if (c == '~' && (pointer[1] == '0' || pointer[1] == '1')) {
                c = *++pointer == '0' ? '~' : '/';
            } else if (c == '%' && strspn(pointer + 1, "0123456789abcdefABCDEF") >= 2) {
                code = 0;
                for (int k = 0; k < 2; k++) {
                    pointer++;
                    code = code * 16 + (unsigned)(*pointer <= '9' ? *pointer - '0'
                                                                  : (*pointer | 32) - 'a' + 10);
                }
                c = (char)code;
            }
            name[n++] = c;
        }
        name[n] = '\0';
        if (graft_json_is(at, GRAFT_JSON_ARRAY)) {
            size_t index = 0;
            for (size_t i = 0; i < n && i < 9; i++) {
                index = name[i] >= '0' && name[i] <= '9' ? index * 10 + (size_t)(name[i] - '0')
                                                         : SIZE_MAX / 16;
            }
            at = graft_json_at(at, index);
        } else {
            at = graft_json_get(at, name);
        }
    }
    return *pointer == '\0' ? at : NULL;
}

static bool check_ref(checker *c, const graft_json *schema, const graft_json *keyword,
                      const graft_json *value)
{
    (void)schema;
    const char *target = graft_json_string(keyword, NULL);
    const graft_json *found =
        target != NULL && target[0] == '#' ? resolve(c->root, target + 1) : NULL;
    return found == NULL || accepts(c, found, value);
}

static bool check_multiple(checker *c, const graft_json *schema, const graft_json *keyword,
                           const graft_json *value)
{
    (void)c;
    (void)schema;
    if (!is_number(value) || !is_number(keyword) || graft_json_double(keyword) <= 0) {
        return true;
    }
    double quotient = graft_json_double(value) / graft_json_double(keyword);
    return isinf(quotient) ? fmod(graft_json_double(value), graft_json_double(keyword)) == 0
                           : floor(quotient) == quotient;
}

static bool check_unique(checker *c, const graft_json *schema, const graft_json *keyword,
                         const graft_json *value)
{
    (void)schema;
    if (!graft_json_bool(keyword) || !graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return true;
    }
    for (size_t i = 0; i < graft_json_length(value); i++) {
        for (size_t k = 0; k < i; k++) {
            if (++c->steps >= MAX_STEPS ||
                graft_json_equal(graft_json_at(value, i), graft_json_at(value, k))) {
                return false;
            }
        }
    }
    return true;
}

static const struct { const char *name; check_keyword *check; } keywords[] = {
    {"type", check_type},
    {"enum", check_enum},
    {"const", check_const},
    {"properties", check_properties},
    {"required", check_required},
    {"additionalProperties", check_additional},
    {"items", check_items},
    {"prefixItems", check_prefix_items},
    {"allOf", check_all_of},
    {"anyOf", check_any_of},
    {"oneOf", check_one_of},
    {"not", check_not},
    {"$ref", check_ref},
    {"multipleOf", check_multiple},
    {"uniqueItems", check_unique},
};

/* --- bounds: what is measured (NaN: nothing of that kind) and how it has to stand to the bound ---
 */

static double measure_number(const graft_json *value)
{
    return is_number(value) ? graft_json_double(value) : (double)NAN;
}

/* Characters, not bytes. */
static double measure_text(const graft_json *value)
{
    size_t n, characters = 0;
    const char *text = graft_json_string(value, &n);
    for (size_t i = 0; text != NULL && i < n; i++) {
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return graft_json_is(value, GRAFT_JSON_STRING) ? (double)characters : (double)NAN;
}

static double measure_array(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_ARRAY) ? (double)graft_json_length(value) : (double)NAN;
}

static double measure_object(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_OBJECT) ? (double)graft_json_length(value) : (double)NAN;
}

static const struct {
    const char *name;
    double (*measure)(const graft_json *value);
    int sign; /* 1: a lower bound, -1: an upper one */
    bool exclusive;
} bounds[] = {
    {"minimum", measure_number, 1, false},
    {"maximum", measure_number, -1, false},
    {"exclusiveMinimum", measure_number, 1, true},
    {"exclusiveMaximum", measure_number, -1, true},
    {"minLength", measure_text, 1, false},
    {"maxLength", measure_text, -1, false},
    {"minItems", measure_array, 1, false},
    {"maxItems", measure_array, -1, false},
    {"minProperties", measure_object, 1, false},
    {"maxProperties", measure_object, -1, false},
};

static bool within_bounds(const graft_json *schema, const graft_json *value)
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const graft_json *bound = graft_json_get(schema, bounds[i].name);
        if (is_number(bound)) {
            double over = bounds[i].sign * (bounds[i].measure(value) - graft_json_double(bound));
            if (over < 0 || (bounds[i].exclusive && over == 0)) {
                return false;
            }
        }
    }
    return true;
}

static bool accepts(checker *c, const graft_json *schema, const graft_json *value)
{
    if (graft_json_is(schema, GRAFT_JSON_BOOL)) {
        return graft_json_bool(schema);
    }
    if (c->depth >= MAX_DEPTH) {
        c->steps = MAX_STEPS;
    }
    if (c->steps >= MAX_STEPS) {
        return false;
    }
    bool accepted = within_bounds(schema, value);
    c->steps++;
    c->depth++;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0] && accepted; i++) {
        accepted = !graft_json_has(schema, keywords[i].name) ||
                   keywords[i].check(c, schema, graft_json_get(schema, keywords[i].name), value);
    }
    c->depth--;
    return accepted;
}

bool graft_schema_accepts(const graft_json *schema, const graft_json *value)
{
    checker c = {.root = schema};
    return accepts(&c, schema, value) && c.steps < MAX_STEPS;
}
