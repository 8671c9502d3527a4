/* bfcl_spell.c - values as Java and JavaScript write them. */
#include <string.h>

#include "data/bfcl_language.h"

enum { MOST_NESTED = 8 };

static graft_status spell(graft_text *out, const graft_json *value, const graft_json *schema,
                          graft_bfcl_language language, int depth);

static bool is(const graft_json *schema, const char *type)
{
    const char *name = graft_json_string(graft_json_get(schema, "type"), NULL);
    return name && strcmp(name, type) == 0;
}

/* A string literal. */
static graft_status quote(graft_text *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_char(out, '"'));
    GRAFT_TRY(graft_text_append(out, text, n));
    GRAFT_TRY(graft_text_append_char(out, '"'));
done:
    return status;
}

/* What stands inside of another value: there texts are literals. */
static graft_status spell_inside(graft_text *out, const graft_json *value, const graft_json *schema,
                                 graft_bfcl_language language, int depth)
{
    size_t n;
    const char *text = graft_json_string(value, &n);
    return text ? quote(out, text, n) : spell(out, value, schema, language, depth);
}

static graft_status spell_items(graft_text *out, const graft_json *list, const graft_json *schema,
                                graft_bfcl_language language, int depth)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(list); i++) {
        GRAFT_TRY(graft_text_append_z(out, i ? ", " : ""));
        GRAFT_TRY(spell_inside(out, graft_json_at(list, i), graft_json_get(schema, "items"),
                               language, depth));
    }
done:
    return status;
}

/* The type of a list's items as Java writes it: int in an array, Integer in a list. */
static const char *java_item(const graft_json *schema, bool boxed)
{
    static const char *const known[][3] = {
        {"String", "String", "String"}, {"integer", "int", "Integer"}, {"long", "long", "Long"},
        {"float", "float", "Float"}, {"double", "double", "Double"}, {"boolean", "boolean", "Boolean"},
        {"char", "char", "Character"}, {"byte", "byte", "Byte"}, {"short", "short", "Short"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (is(graft_json_get(schema, "items"), known[i][0])) {
            return known[i][boxed ? 2 : 1];
        }
    }
    return "Object";
}

static graft_status spell_list(graft_text *out, const graft_json *list, const graft_json *schema,
                               graft_bfcl_language language, int depth)
{
    graft_status status = GRAFT_OK;
    const char *end = "]";
    if (language == GRAFT_BFCL_JAVASCRIPT) {
        GRAFT_TRY(graft_text_append_char(out, '['));
    } else if (is(schema, "ArrayList") && graft_json_length(list) == 0) {
        return graft_text_appendf(out, "new ArrayList<%s>()", java_item(schema, true));
    } else if (is(schema, "ArrayList")) {
        GRAFT_TRY(graft_text_appendf(out, "new ArrayList<%s>(Arrays.asList(", java_item(schema, true)));
        end = "))";
    } else {
        GRAFT_TRY(graft_text_appendf(out, "new %s[]{", java_item(schema, false)));
        end = "}";
    }
    GRAFT_TRY(spell_items(out, list, schema, language, depth));
    GRAFT_TRY(graft_text_append_z(out, end));
done:
    return status;
}

static graft_status spell_entries(graft_text *out, const graft_json *object,
                                  graft_bfcl_language language, int depth)
{
    graft_status status = GRAFT_OK;
    bool java = language == GRAFT_BFCL_JAVA, first = true;
    for (graft_json_iter it = graft_json_iter_begin(object); graft_json_iter_next(&it); first = false) {
        GRAFT_TRY(graft_text_append_z(out, java ? "put(" : first ? "" : ", "));
        GRAFT_TRY(quote(out, it.key, strlen(it.key)));
        GRAFT_TRY(graft_text_append_z(out, java ? ", " : ": "));
        GRAFT_TRY(spell_inside(out, it.value, NULL, language, depth));
        GRAFT_TRY(graft_text_append_z(out, java ? "); " : ""));
    }
done:
    return status;
}

static graft_status spell_object(graft_text *out, const graft_json *object,
                                 graft_bfcl_language language, int depth)
{
    graft_status status = GRAFT_OK;
    bool java = language == GRAFT_BFCL_JAVA, empty = graft_json_length(object) == 0;
    if (java && empty) {
        return graft_text_append_z(out, "new HashMap<String, Object>()");
    }
    GRAFT_TRY(graft_text_append_z(out, java ? "new HashMap<String, Object>() {{ " : "{"));
    GRAFT_TRY(spell_entries(out, object, language, depth));
    GRAFT_TRY(graft_text_append_z(out, java ? "}}" : "}"));
done:
    return status;
}

/* Numbers, true and null are JSON's, but for what the type wants behind a number. */
static graft_status spell_plain(graft_text *out, const graft_json *value, const graft_json *schema,
                                graft_bfcl_language language)
{
    graft_status status = graft_json_write(out, value, GRAFT_JSON_COMPACT);
    bool integer = graft_json_is(value, GRAFT_JSON_INT);
    if (status != GRAFT_OK || (!integer && !graft_json_is(value, GRAFT_JSON_DOUBLE))) {
        return status;
    }
    if (language == GRAFT_BFCL_JAVASCRIPT) {
        return graft_text_append_z(out, integer && is(schema, "Bigint") ? "n" : "");
    }
    return graft_text_append_z(out, integer && is(schema, "long") ? "L" : is(schema, "float") ? "f" : "");
}

static graft_status spell(graft_text *out, const graft_json *value, const graft_json *schema,
                          graft_bfcl_language language, int depth)
{
    size_t n;
    const char *text = graft_json_string(value, &n);
    if (text) { /* of a type of its own, or a variable's name */
        return graft_text_append(out, text, n);
    }
    if (depth == MOST_NESTED) {
        return graft_fail(GRAFT_E_DATA, "an answer is nested more than %d deep", MOST_NESTED);
    }
    if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return spell_list(out, value, schema, language, depth + 1);
    }
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return spell_object(out, value, language, depth + 1);
    }
    return spell_plain(out, value, schema, language);
}

graft_status graft_bfcl_spell(graft_json **out, const graft_json *arguments,
                              const graft_json *parameters, graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *value;
    const graft_json *properties = graft_json_get(parameters, "properties");
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    for (graft_json_iter it = graft_json_iter_begin(arguments); graft_json_iter_next(&it);) {
        text.len = 0;
        GRAFT_TRY(spell(&text, it.value, graft_json_get(properties, it.key), language, 0));
        value = graft_json_new_string(text.len ? text.data : "", text.len);
        if (!value) {
            status = graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
            goto done;
        }
        GRAFT_TRY(graft_json_set(object, it.key, value));
    }
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    graft_text_clear(&text);
    return status;
}
