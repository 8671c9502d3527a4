/* bfcl_language.c - tools of Java and JavaScript as the leaderboard shows them, and read again. */
#include "data/bfcl_language.h"

#include <string.h>

#define REPRESENTED " type parameter in string representation."
#define LISTED " The list elements are of type "
#define LISTED_END "; they are not in string representation."
#define ENTRIES " The dictionary entries have the following schema; they are not in string representation. "

static const struct {
    const char *words, *of_type, *of_any;
} said[] = {
    [GRAFT_BFCL_JAVA] = {" Note that the provided function is in Java 8 SDK syntax.", " This is Java ",
                         " This parameter can be of any type of Java object in string representation."},
    [GRAFT_BFCL_JAVASCRIPT] = {" Note that the provided function is in JavaScript syntax.",
                               " This is JavaScript ", " This parameter can be of any type of "
                               "JavaScript object in string representation."},
};

graft_bfcl_language graft_bfcl_language_of(const char *id)
{
    const char *end = id ? strrchr(id, '_') : NULL, *java = end ? strstr(id, "java") : NULL;
    if (!java || java >= end) {
        return GRAFT_BFCL_PYTHON;
    }
    return strstr(id, "javascript") ? GRAFT_BFCL_JAVASCRIPT : GRAFT_BFCL_JAVA;
}

/* --- showing --- */

static const char *type_name(const graft_json *schema)
{
    const char *name = graft_json_string(graft_json_get(schema, "type"), NULL);
    return name ? name : "any";
}

static bool is_list(const char *type)
{
    return strcmp(type, "Array") == 0 || strcmp(type, "ArrayList") == 0 ||
           strcmp(type, "array") == 0;
}

/* Is the member said in the description instead? */
static bool is_told(const char *type, const char *key)
{
    return (is_list(type) && strcmp(key, "items") == 0) ||
           (strcmp(type, "dict") == 0 && strcmp(key, "properties") == 0);
}

static graft_status describe(graft_text *out, const graft_json *parameter,
                             graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    const char *type = type_name(parameter);
    const char *own = graft_json_string(graft_json_get(parameter, "description"), &n);
    const graft_json *entries = graft_json_get(parameter, "properties");
    GRAFT_TRY(graft_text_append(out, own, n));
    if (strcmp(type, "any") == 0) {
        GRAFT_TRY(graft_text_append_z(out, said[language].of_any));
    } else {
        GRAFT_TRY(graft_text_appendf(out, "%s%s" REPRESENTED, said[language].of_type, type));
    }
    if (is_list(type)) {
        GRAFT_TRY(graft_text_appendf(out, LISTED "%s" LISTED_END,
                                     type_name(graft_json_get(parameter, "items"))));
    }
    if (strcmp(type, "dict") == 0 && entries) {
        GRAFT_TRY(graft_text_append_z(out, ENTRIES));
        GRAFT_TRY(graft_json_write(out, entries, GRAFT_JSON_PYTHON));
    }
done:
    return status;
}

static graft_json *shared(graft_json *value)
{
    return value ? graft_json_retain(value) : NULL;
}

static graft_status show_parameter(graft_json **out, const graft_json *parameter,
                                   graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object();
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    graft_json_iter it = graft_json_iter_begin(parameter);
    while (graft_json_iter_next(&it)) {
        if (!is_told(type_name(parameter), it.key)) {
            GRAFT_TRY(graft_json_set(object, it.key, shared(it.value)));
        }
    }
    GRAFT_TRY(describe(&text, parameter, language));
    GRAFT_TRY(graft_json_set_string(object, "type", "string"));
    GRAFT_TRY(graft_json_set_string(object, "description", graft_text_z(&text)));
    *out = object;
    object = NULL;
done:
    graft_text_clear(&text);
    graft_json_free(object);
    return status;
}

/* A copy of `object` with another value for one of its keys; `value` is taken. */
static graft_status replace(graft_json **out, const graft_json *object, const char *key,
                            graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_json *copy = graft_json_new_object(), *taken;
    graft_json_iter it = graft_json_iter_begin(object);
    *out = NULL;
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(graft_json_set(copy, it.key, shared(it.value)));
    }
    taken = value;
    value = NULL;
    GRAFT_TRY(graft_json_set(copy, key, taken));
    *out = copy;
    copy = NULL;
done:
    graft_json_free(value);
    graft_json_free(copy);
    return status;
}

/* The schema of the parameters with each of them shown. */
static graft_status show_parameters(graft_json **out, const graft_json *parameters,
                                    graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *properties = graft_json_new_object(), *one = NULL, *taken;
    graft_json_iter it = graft_json_iter_begin(graft_json_get(parameters, "properties"));
    *out = NULL;
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(show_parameter(&one, it.value, language));
        taken = one;
        one = NULL;
        GRAFT_TRY(graft_json_set(properties, it.key, taken));
    }
    taken = properties;
    properties = NULL;
    GRAFT_TRY(replace(out, parameters, "properties", taken));
done:
    graft_json_free(one);
    graft_json_free(properties);
    return status;
}

graft_status graft_bfcl_show(graft_json **out, const graft_json *function,
                             graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *parameters = NULL, *shown = NULL, *taken;
    size_t n = 0;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    const char *own = graft_json_string(graft_json_get(function, "description"), &n);
    GRAFT_TRY(graft_text_append(&text, own, n));
    GRAFT_TRY(graft_text_append_z(&text, said[language].words));
    GRAFT_TRY(show_parameters(&parameters, graft_json_get(function, "parameters"), language));
    taken = parameters;
    parameters = NULL;
    GRAFT_TRY(replace(&shown, function, "parameters", taken));
    GRAFT_TRY(graft_json_set_string(shown, "description", graft_text_z(&text)));
    *out = shown;
    shown = NULL;
done:
    graft_json_free(shown);
    graft_json_free(parameters);
    graft_text_clear(&text);
    return status;
}

/* --- reading it again --- */

/* The last place where the text says `what`, or NULL. */
static const char *last(const char *text, const char *what)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        found = at;
    }
    return found;
}

/* out = the word at `at`, if `end` follows it. */
static bool take_word(char out[16], const char *at, const char *end)
{
    size_t n = strcspn(at, " ;.");
    if (n == 0 || n > 15 || strncmp(at + n, end, strlen(end)) != 0) {
        return false;
    }
    memcpy(out, at, n);
    out[n] = 0;
    return true;
}

bool graft_bfcl_type_find(graft_bfcl_type *out, const graft_json *parameter)
{
    const char *text = graft_json_string(graft_json_get(parameter, "description"), NULL);
    *out = (graft_bfcl_type){0};
    for (int language = GRAFT_BFCL_JAVA; text && language <= GRAFT_BFCL_JAVASCRIPT; language++) {
        const char *at = last(text, said[language].of_type);
        bool any = strstr(text, said[language].of_any) != NULL;
        out->language = (graft_bfcl_language)language;
        if (at && take_word(out->name, at + strlen(said[language].of_type), REPRESENTED)) {
            const char *items = is_list(out->name) ? last(at, LISTED) : NULL;
            if (items && !take_word(out->items, items + strlen(LISTED), LISTED_END)) {
                out->items[0] = 0;
            }
            return true;
        }
        if (any) {
            strcpy(out->name, "any");
            return true;
        }
    }
    *out = (graft_bfcl_type){0};
    return false;
}
