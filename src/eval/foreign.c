/* foreign.c - which arguments are source text, and what Python's string methods do with it. */
#include "eval/foreign.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool graft_foreign_type(graft_json_type *out, const char *name, graft_bfcl_language language)
{
    static const struct {
        graft_bfcl_language language;
        const char *name;
        graft_json_type type;
    } known[] = {
        {GRAFT_BFCL_JAVA, "byte", GRAFT_JSON_INT}, {GRAFT_BFCL_JAVA, "short", GRAFT_JSON_INT},
        {GRAFT_BFCL_JAVA, "integer", GRAFT_JSON_INT}, {GRAFT_BFCL_JAVA, "long", GRAFT_JSON_INT},
        {GRAFT_BFCL_JAVA, "float", GRAFT_JSON_DOUBLE}, {GRAFT_BFCL_JAVA, "double", GRAFT_JSON_DOUBLE},
        {GRAFT_BFCL_JAVA, "boolean", GRAFT_JSON_BOOL}, {GRAFT_BFCL_JAVA, "char", GRAFT_JSON_STRING},
        {GRAFT_BFCL_JAVA, "Array", GRAFT_JSON_ARRAY}, {GRAFT_BFCL_JAVA, "ArrayList", GRAFT_JSON_ARRAY},
        {GRAFT_BFCL_JAVA, "HashMap", GRAFT_JSON_OBJECT}, {GRAFT_BFCL_JAVA, "String", GRAFT_JSON_STRING},
        {GRAFT_BFCL_JAVA, "any", GRAFT_JSON_STRING},
        {GRAFT_BFCL_JAVASCRIPT, "String", GRAFT_JSON_STRING},
        {GRAFT_BFCL_JAVASCRIPT, "integer", GRAFT_JSON_INT},
        {GRAFT_BFCL_JAVASCRIPT, "float", GRAFT_JSON_DOUBLE},
        {GRAFT_BFCL_JAVASCRIPT, "Bigint", GRAFT_JSON_INT},
        {GRAFT_BFCL_JAVASCRIPT, "Boolean", GRAFT_JSON_BOOL},
        {GRAFT_BFCL_JAVASCRIPT, "dict", GRAFT_JSON_OBJECT},
        {GRAFT_BFCL_JAVASCRIPT, "array", GRAFT_JSON_ARRAY},
        {GRAFT_BFCL_JAVASCRIPT, "any", GRAFT_JSON_STRING},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].language == language && strcmp(known[i].name, name) == 0) {
            *out = known[i].type;
            return true;
        }
    }
    return false;
}

/* *out = the value read, or NULL if it is no source text. */
static graft_status read_value(graft_json **out, const graft_json *value,
                               const graft_json *parameter)
{
    graft_bfcl_type type;
    graft_json_type unused;
    graft_span text;
    *out = NULL;
    text.at = graft_json_string(value, &text.n);
    if (text.at == NULL || text.n > GRAFT_FOREIGN_MOST || !graft_bfcl_type_find(&type, parameter) ||
        !graft_foreign_type(&unused, type.name, type.language)) {
        return GRAFT_OK;
    }
    return type.language == GRAFT_BFCL_JAVA
               ? graft_foreign_java(out, text, type.name, type.items)
               : graft_foreign_javascript(out, text, type.name, type.items);
}

graft_status graft_foreign_arguments(graft_json **out, const graft_json *arguments,
                                     const graft_json *parameters)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *value;
    const graft_json *properties = graft_json_get(parameters, "properties");
    *out = NULL;
    for (graft_json_iter it = graft_json_iter_begin(arguments); graft_json_iter_next(&it);) {
        GRAFT_TRY(read_value(&value, it.value, graft_json_get(properties, it.key)));
        if (value == NULL && it.value != NULL) {
            value = graft_json_retain(it.value);
        }
        GRAFT_TRY(graft_json_set(object, it.key, value));
    }
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    return status;
}

/* --- pieces --- */

static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

size_t graft_span_space_at(graft_span text, size_t at)
{
    uint32_t c;
    size_t n = at < text.n ? graft_utf8_decode(text.at + at, text.n - at, &c) : 0;
    return n > 0 && is_space(c) ? n : 0;
}

size_t graft_span_character_before(graft_span text, size_t end)
{
    size_t at = end - 1;
    while (at > 0 && ((unsigned char)text.at[at] & 0xC0) == 0x80) {
        at--;
    }
    return at;
}

graft_span graft_span_cut(graft_span text, size_t from, size_t to)
{
    return from < to ? (graft_span){text.at + from, to - from} : (graft_span){text.at, 0};
}

size_t graft_span_skip_space(graft_span text, size_t from)
{
    for (size_t n; (n = graft_span_space_at(text, from)) > 0;) {
        from += n;
    }
    return from;
}

graft_span graft_span_strip(graft_span text)
{
    text = graft_span_cut(text, graft_span_skip_space(text, 0), text.n);
    while (text.n > 0 && graft_span_space_at(text, graft_span_character_before(text, text.n)) > 0) {
        text.n = graft_span_character_before(text, text.n);
    }
    return text;
}

bool graft_span_is(graft_span text, const char *what)
{
    return text.n == strlen(what) && memcmp(text.at, what, text.n) == 0;
}

bool graft_span_begins(graft_span text, size_t at, const char *what)
{
    size_t n = strlen(what);
    return at <= text.n && text.n - at >= n && memcmp(text.at + at, what, n) == 0;
}

size_t graft_span_find(graft_span text, size_t from, const char *what)
{
    const char *found = from < text.n
                            ? memmem(text.at + from, text.n - from, what, strlen(what)) : NULL;
    return found != NULL ? (size_t)(found - text.at) : text.n;
}

size_t graft_span_find_on_line(graft_span text, size_t from, const char *what)
{
    size_t at = graft_span_find(text, from, what);
    return at < text.n && memchr(text.at + from, '\n', at - from) == NULL ? at : text.n;
}

graft_span graft_span_inner(graft_span text)
{
    uint32_t c;
    if (text.n == 0) {
        return text;
    }
    size_t first = graft_utf8_decode(text.at, text.n, &c);
    return graft_span_cut(text, first > 0 ? first : 1, graft_span_character_before(text, text.n));
}

bool graft_span_quoted(graft_span text, char quote)
{
    return text.n > 0 && text.at[0] == quote && text.at[text.n - 1] == quote;
}

bool graft_span_split(graft_span *out, graft_span *rest, bool *more)
{
    if (!*more) {
        return false;
    }
    size_t comma = graft_span_find(*rest, 0, ",");
    *more = comma < rest->n;
    *out = graft_span_cut(*rest, 0, comma);
    *rest = *more ? graft_span_cut(*rest, comma + 1, rest->n) : (graft_span){rest->at, 0};
    return true;
}

/* --- numbers --- */

static size_t digits(graft_span text, size_t at)
{
    while (at < text.n && text.at[at] >= '0' && text.at[at] <= '9') {
        at++;
    }
    return at;
}

static bool ends(graft_span text, size_t at, const char *suffix)
{
    if (*suffix != 0) {
        if (at == text.n || text.at[at] == 0 || strchr(suffix, text.at[at]) == NULL) {
            return false;
        }
        at++;
    }
    return at == text.n || (at + 1 == text.n && text.at[at] == '\n');
}

/* Behind -?\d+, or 0 if that is not there. */
static size_t integer_end(graft_span text)
{
    size_t sign = text.n > 0 && text.at[0] == '-', end = digits(text, sign);
    return end > sign ? end : 0;
}

bool graft_span_is_integer(graft_span text, const char *suffix)
{
    size_t end = integer_end(text);
    return end > 0 && ends(text, end, suffix);
}

bool graft_span_is_decimal(graft_span text, bool exponent, const char *suffix)
{
    size_t end = integer_end(text);
    if (end == 0) {
        return false;
    }
    if (end < text.n && text.at[end] == '.' && digits(text, end + 1) > end + 1) {
        end = digits(text, end + 1);
    }
    if (exponent && end < text.n && (text.at[end] == 'e' || text.at[end] == 'E')) {
        size_t sign = end + 1 < text.n && (text.at[end + 1] == '+' || text.at[end + 1] == '-');
        size_t last = digits(text, end + 1 + sign);
        end = last > end + 1 + sign ? last : end;
    }
    return ends(text, end, suffix);
}

graft_json *graft_foreign_text(graft_span text)
{
    return graft_json_new_string(text.n > 0 ? text.at : "", text.n);
}

/* What JSON cannot hold becomes a number that no answer is. */
static graft_json *number_of(double value)
{
    return graft_json_new_double(isfinite(value) ? value : DBL_MAX);
}

/* Copies the text without underscores between digits; false if it holds others. */
static bool plain(char out[GRAFT_FOREIGN_MOST + 1], graft_span text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < GRAFT_FOREIGN_MOST; i++) {
        if (text.at[i] != '_') {
            out[n++] = text.at[i];
        } else if (i == 0 || i + 1 == text.n || digits(text, i - 1) != i || digits(text, i + 1) == i + 1) {
            return false;
        }
    }
    out[n] = 0;
    return text.n <= GRAFT_FOREIGN_MOST && strlen(out) == n;
}

static graft_json *integer_of(const char *digits_only)
{
    char *end;
    double value = strtod(digits_only, &end);
    if (fabs(value) < 9e18) {
        return graft_json_new_int((int64_t)strtoll(digits_only, NULL, 10));
    }
    return number_of(value);
}

graft_json *graft_foreign_integer(graft_span text)
{
    char buffer[GRAFT_FOREIGN_MOST + 1];
    return plain(buffer, graft_span_cut(text, 0, integer_end(text))) ? integer_of(buffer)
                                                                     : graft_foreign_text(text);
}

graft_json *graft_foreign_double(graft_span text)
{
    char buffer[GRAFT_FOREIGN_MOST + 1];
    return plain(buffer, text) ? number_of(strtod(buffer, NULL)) : graft_foreign_text(text);
}

/* Does Python's float() take it? Infinity and NaN as well, in any case. */
static bool is_float(const char *text)
{
    static const char *const words[] = {"inf", "infinity", "nan"};
    text += *text == '+' || *text == '-';
    for (size_t i = 0; i < 3; i++) {
        size_t k = 0;
        while (words[i][k] != 0 && (text[k] | 0x20) == words[i][k]) {
            k++;
        }
        if (words[i][k] == 0 && text[k] == 0) {
            return true;
        }
    }
    size_t whole = strspn(text, "0123456789"), part = 0;
    text += whole;
    if (*text == '.') {
        part = strspn(++text, "0123456789");
        text += part;
    }
    if (whole + part > 0 && (*text == 'e' || *text == 'E')) {
        text += 1 + (text[1] == '+' || text[1] == '-');
        size_t exponent = strspn(text, "0123456789");
        return exponent > 0 && text[exponent] == 0;
    }
    return whole + part > 0 && *text == 0;
}

graft_json *graft_foreign_number(graft_span text)
{
    char buffer[GRAFT_FOREIGN_MOST + 1];
    if (!plain(buffer, graft_span_strip(text))) {
        return graft_foreign_text(text);
    }
    const char *unsigned_part = buffer + (*buffer == '+' || *buffer == '-');
    size_t n = strspn(unsigned_part, "0123456789");
    if (n > 0 && unsigned_part[n] == 0) {
        return integer_of(buffer);
    }
    return is_float(buffer) ? number_of(strtod(buffer, NULL)) : graft_foreign_text(text);
}

graft_status graft_foreign_push(graft_json *list, graft_json *value)
{
    return value != NULL ? graft_json_push(list, value)
                         : graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
}

graft_status graft_foreign_set(graft_json *object, graft_span key, graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(graft_text_append(&name, key.at, key.n));
    if (value == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
        goto done;
    }
    graft_json *taken = value;
    value = NULL;
    GRAFT_TRY(graft_json_set(object, graft_text_z(&name), taken));
done:
    graft_json_free(value);
    graft_text_clear(&name);
    return status;
}
