/* values.c - the kinds of settings: reading, range checks and writing of one value. */
#include "config/settings.h"
#include "core/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A scalar as the text somebody wrote; GRAFT_E_CONFIG for lists and maps. */
static graft_status scalar_text(graft_text *out, const graft_json *value)
{
    size_t n;
    const char *text;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_STRING:
        text = graft_json_string(value, &n);
        if (memchr(text, 0, n)) {
            return graft_fail(GRAFT_E_CONFIG, "text with a zero byte");
        }
        return graft_text_append(out, text, n);
    case GRAFT_JSON_ARRAY:
    case GRAFT_JSON_OBJECT:
        return graft_fail(GRAFT_E_CONFIG, "%s where one value is expected",
                          graft_json_is(value, GRAFT_JSON_ARRAY) ? "a list" : "a map");
    default:
        return graft_json_write(out, value, GRAFT_JSON_COMPACT);
    }
}

/* Is x inside "[low, high)"? Empty `values` allows all. */
static bool inside(double x, const char *values)
{
    char open, close;
    double low, high;
    if (sscanf(values, "%c%lf, %lf%c", &open, &low, &high, &close) != 4) {
        return true;
    }
    return (open == '[' ? x >= low : x > low) && (close == ']' ? x <= high : x < high);
}

/* --- STRING --- */

static graft_status string_assign(void *field, const graft_json *value, const char *values)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    char *copy = NULL;
    (void)values;
    graft_text_init(&text);
    GRAFT_TRY(scalar_text(&text, value));
    if (text.len) {
        GRAFT_TRY(graft_text_take(&text, &copy));
    }
    graft_free(*(char **)field);
    *(char **)field = copy;
done:
    graft_text_clear(&text);
    return status;
}

static graft_status string_show(graft_json **out, const void *field, const char *values)
{
    const char *text = *(char *const *)field;
    (void)values;
    *out = text ? graft_json_new_string(text, strlen(text)) : NULL;
    return text && !*out ? graft_fail(GRAFT_E_MEMORY, "out of memory") : GRAFT_OK;
}

static void string_clear(void *field)
{
    graft_free(*(char **)field);
    *(char **)field = NULL;
}

/* --- FLAG --- */

static graft_status flag_assign(void *field, const graft_json *value, const char *values)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    graft_status status = GRAFT_OK;
    graft_text text;
    (void)values;
    graft_text_init(&text);
    GRAFT_TRY(scalar_text(&text, value));
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(graft_text_z(&text), yes[i]) == 0) {
            *(bool *)field = true;
            goto done;
        }
        if (strcasecmp(graft_text_z(&text), no[i]) == 0) {
            *(bool *)field = false;
            goto done;
        }
    }
    status = graft_fail(GRAFT_E_CONFIG, "\"%s\" is neither true nor false", graft_text_z(&text));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status flag_show(graft_json **out, const void *field, const char *values)
{
    (void)values;
    *out = graft_json_new_bool(*(const bool *)field);
    return *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory");
}

/* --- COUNT: 0 in a field without a default is "unset" --- */

static graft_status count_assign(void *field, const graft_json *value, const char *values)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(scalar_text(&text, value));
    const char *z = graft_text_z(&text);
    size_t digits = strspn(z, "0123456789");
    errno = 0;
    unsigned long long n = strtoull(z, NULL, 10);
    if (!digits || z[digits] || errno) {
        status = graft_fail(GRAFT_E_CONFIG, "\"%s\" is not a whole number in %s", z, values);
    } else if (!inside((double)n, values)) {
        status = graft_fail(GRAFT_E_CONFIG, "%s is outside %s", z, values);
    } else {
        *(uint64_t *)field = n;
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status count_show(graft_json **out, const void *field, const char *values)
{
    (void)values;
    *out = graft_json_new_int((int64_t)*(const uint64_t *)field);
    return *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory");
}

/* --- REAL --- */

static graft_status real_assign(void *field, const graft_json *value, const char *values)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    char *end;
    graft_text_init(&text);
    GRAFT_TRY(scalar_text(&text, value));
    const char *z = graft_text_z(&text);
    double x = strtod(z, &end);
    /* strtod also reads "nan", "inf" and hexadecimal numbers. */
    if (end == z || *end || !isfinite(x) || strspn(z, "+-.0123456789eE") != text.len) {
        status = graft_fail(GRAFT_E_CONFIG, "\"%s\" is not a number in %s", z, values);
    } else if (!inside(x, values)) {
        status = graft_fail(GRAFT_E_CONFIG, "%s is outside %s", z, values);
    } else {
        *(double *)field = x;
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status real_show(graft_json **out, const void *field, const char *values)
{
    (void)values;
    *out = graft_json_new_double(*(const double *)field);
    return *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory");
}

/* --- CHOICE --- */

static graft_status choice_assign(void *field, const graft_json *value, const char *values)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    int index = 0;
    graft_text_init(&text);
    bool off = graft_json_is(value, GRAFT_JSON_BOOL) && !graft_json_bool(value);
    GRAFT_TRY(scalar_text(&text, value));
    for (const char *at = values; *at; index++) {
        size_t n = strcspn(at, "|");
        bool no = off && n == 2 && memcmp(at, "no", n) == 0; /* YAML 1.1 writes false as no */
        if (no || (n == text.len && memcmp(at, graft_text_z(&text), n) == 0)) {
            *(int *)field = index;
            goto done;
        }
        at += n + (at[n] != 0);
    }
    status = graft_fail(GRAFT_E_CONFIG, "\"%s\" is unknown (known: %s)", graft_text_z(&text),
                        values);
done:
    graft_text_clear(&text);
    return status;
}

static graft_status choice_show(graft_json **out, const void *field, const char *values)
{
    const char *at = values;
    for (int i = 0; i < *(const int *)field; i++) {
        at += strcspn(at, "|") + 1;
    }
    *out = graft_json_new_string(at, strcspn(at, "|"));
    return *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory");
}

/* --- NAMES: a list, one text with commas, or a map, whose members become "key=value" --- */

static void names_clear(void *field)
{
    graft_names *names = field;
    for (size_t i = 0; i < names->n; i++) {
        graft_free(names->items[i]);
    }
    graft_free(names->items);
    *names = (graft_names){0};
}

static graft_status names_push(graft_names *names, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    while (n && (*text == ' ' || *text == '\t')) {
        text++, n--;
    }
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        n--;
    }
    if (!n || memchr(text, 0, n)) {
        return graft_fail(GRAFT_E_CONFIG, "an empty name in the list");
    }
    GRAFT_TRY(graft_realloc(&names->items, names->n + 1, sizeof *names->items));
    GRAFT_TRY(graft_strndup(&names->items[names->n], text, n));
    names->n++;
done:
    return status;
}

static graft_status names_push_members(graft_names *names, const graft_json *map)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    for (graft_json_iter it = graft_json_iter_begin(map); graft_json_iter_next(&it);) {
        text.len = 0;
        GRAFT_TRY(graft_text_appendf(&text, "%s=", it.key));
        GRAFT_TRY(scalar_text(&text, it.value));
        GRAFT_TRY(names_push(names, graft_text_z(&text), text.len));
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status names_assign(void *field, const graft_json *value, const char *values)
{
    graft_status status = GRAFT_OK;
    graft_names names = {0};
    graft_text text;
    (void)values;
    graft_text_init(&text);
    if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        for (size_t i = 0; i < graft_json_length(value); i++) {
            size_t n;
            if (!graft_json_is(graft_json_at(value, i), GRAFT_JSON_STRING)) {
                status = graft_fail(GRAFT_E_CONFIG, "something in the list is not a name");
                goto done;
            }
            const char *name = graft_json_string(graft_json_at(value, i), &n);
            GRAFT_TRY(names_push(&names, name, n));
        }
    } else if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        GRAFT_TRY(names_push_members(&names, value));
    } else {
        GRAFT_TRY(scalar_text(&text, value));
        for (const char *at = graft_text_z(&text); *at;) {
            size_t n = strcspn(at, ",");
            GRAFT_TRY(names_push(&names, at, n));
            at += n + (at[n] != 0);
        }
    }
    names_clear(field);
    *(graft_names *)field = names;
    names = (graft_names){0};
done:
    names_clear(&names);
    graft_text_clear(&text);
    return status;
}

static graft_status names_show(graft_json **out, const void *field, const char *values)
{
    graft_status status = GRAFT_OK;
    const graft_names *names = field;
    graft_json *list = graft_json_new_array();
    (void)values;
    *out = NULL;
    for (size_t i = 0; i < names->n; i++) {
        GRAFT_TRY(graft_json_push(
            list, graft_json_new_string(names->items[i], strlen(names->items[i]))));
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

/* --- SOURCES: a path, a map, or a list of these --- */

static void sources_clear(void *field)
{
    graft_config_sources *sources = field;
    for (size_t i = 0; i < sources->n; i++) {
        graft_free(sources->items[i].path);
        graft_free(sources->items[i].format);
        graft_free(sources->items[i].answers);
    }
    graft_free(sources->items);
    *sources = (graft_config_sources){0};
}

static const struct {
    const char *name;
    size_t offset;
    const char *values; /* NULL: a text; else the range of a number, where 0 is unset */
} source_members[] = {{"path", offsetof(graft_config_source, path), NULL},
                      {"format", offsetof(graft_config_source, format), NULL},
                      {"answers", offsetof(graft_config_source, answers), NULL},
                      {"weight", offsetof(graft_config_source, weight), "(0, 1000]"},
                      {"share", offsetof(graft_config_source, share), "(0, 1)"}};

/* Reads one member of a source's map into its place. */
static graft_status source_member(graft_config_source *source, const char *key,
                                  const graft_json *value)
{
    for (size_t i = 0; i < sizeof source_members / sizeof *source_members; i++) {
        if (strcmp(source_members[i].name, key) == 0) {
            void *member = (char *)source + source_members[i].offset;
            const char *values = source_members[i].values;
            graft_status status = !value   ? GRAFT_OK
                                  : values ? real_assign(member, value, values)
                                           : string_assign(member, value, "");
            return status == GRAFT_OK ? GRAFT_OK : graft_fail_prefix("%s", key);
        }
    }
    return graft_fail(GRAFT_E_CONFIG,
                      "unknown key \"%s\" (known: path, format, answers, weight, share)", key);
}

static graft_status sources_push(graft_config_sources *sources, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_realloc(&sources->items, sources->n + 1, sizeof *sources->items));
    graft_config_source *source = &sources->items[sources->n++];
    *source = (graft_config_source){0};
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        graft_json_iter it = graft_json_iter_begin(value);
        while (graft_json_iter_next(&it)) {
            GRAFT_TRY(source_member(source, it.key, it.value));
        }
    } else if (graft_json_is(value, GRAFT_JSON_STRING)) {
        GRAFT_TRY(string_assign(&source->path, value, ""));
    } else {
        status = graft_fail(GRAFT_E_CONFIG, "something is neither a path nor a map");
        goto done;
    }
    if (!source->path) {
        status = graft_fail(GRAFT_E_CONFIG, "an entry without path");
    }
done:
    return status;
}

static graft_status sources_assign(void *field, const graft_json *value, const char *values)
{
    graft_status status = GRAFT_OK;
    graft_config_sources sources = {0};
    (void)values;
    if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        for (size_t i = 0; i < graft_json_length(value); i++) {
            GRAFT_TRY(sources_push(&sources, graft_json_at(value, i)));
        }
    } else {
        size_t n = 1;
        if (graft_json_is(value, GRAFT_JSON_STRING)) {
            graft_json_string(value, &n);
        }
        if (n) { /* "" unsets */
            GRAFT_TRY(sources_push(&sources, value));
        }
    }
    sources_clear(field);
    *(graft_config_sources *)field = sources;
    sources = (graft_config_sources){0};
done:
    sources_clear(&sources);
    return status;
}

static graft_status show_source(graft_json *entry, const graft_config_source *source)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sizeof source_members / sizeof *source_members; i++) {
        const void *member = (const char *)source + source_members[i].offset;
        const char *name = source_members[i].name;
        if (!source_members[i].values && *(char *const *)member) {
            GRAFT_TRY(graft_json_set_string(entry, name, *(char *const *)member));
        } else if (source_members[i].values && *(const double *)member > 0) {
            GRAFT_TRY(graft_json_set_double(entry, name, *(const double *)member));
        }
    }
done:
    return status;
}

static graft_status sources_show(graft_json **out, const void *field, const char *values)
{
    graft_status status = GRAFT_OK;
    const graft_config_sources *sources = field;
    graft_json *list = NULL, *entry = NULL;
    (void)values;
    *out = NULL;
    if (!sources->n) {
        return GRAFT_OK;
    }
    list = graft_json_new_array();
    for (size_t i = 0; i < sources->n; i++) {
        entry = graft_json_new_object();
        GRAFT_TRY(show_source(entry, &sources->items[i]));
        graft_json *taken = entry;
        entry = NULL;
        GRAFT_TRY(graft_json_push(list, taken));
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(entry);
    graft_json_free(list);
    return status;
}

const graft_setting_kind graft_setting_STRING = {string_assign, string_show, string_clear, false};
const graft_setting_kind graft_setting_FLAG = {flag_assign, flag_show, NULL, false};
const graft_setting_kind graft_setting_COUNT = {count_assign, count_show, NULL, false};
const graft_setting_kind graft_setting_REAL = {real_assign, real_show, NULL, false};
const graft_setting_kind graft_setting_CHOICE = {choice_assign, choice_show, NULL, false};
const graft_setting_kind graft_setting_NAMES = {names_assign, names_show, names_clear, true};
const graft_setting_kind graft_setting_SOURCES = {sources_assign, sources_show, sources_clear,
                                                  true};
