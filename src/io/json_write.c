/* io/json_write.c - JSON values as text: compact, indented, or byte for byte as Python writes them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/files.h"
#include "io/json_internal.h"

/* --- numbers --- */

/* A finite positive double as decimal digits: 0.d1d2... * 10^point, no trailing zeros. */
typedef struct decimal {
    char digits[24];
    int n, point;
} decimal;

/* Written without a decimal sign, which the locale could change. */
static bool reads_back(const decimal *d, double value)
{
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", d->n, d->digits, d->point - d->n);
    return strtod(text, NULL) == value;
}

/* The next larger decimal of as many digits. */
static void step_up(decimal *d)
{
    int i = d->n - 1;
    while (i >= 0 && d->digits[i] == '9') {
        d->digits[i--] = '0';
    }
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->point++;
    }
}

/* Rounds to n significant digits; true if they read back as the same double. Above a power of two
 * doubles lie twice as far apart as below it, so there the next larger decimal may read back where
 * the nearest does not. */
static bool round_to(decimal *d, double value, int n)
{
    char text[48];
    const char *at = text;
    snprintf(text, sizeof text, "%.*e", n - 1, value);
    d->n = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            d->digits[d->n++] = *at;
        }
    }
    d->point = atoi(at + 1) + 1;
    if (reads_back(d, value)) {
        return true;
    }
    step_up(d);
    return reads_back(d, value);
}

/* The shortest digits that read back. Up to 15 always survive a normal double, so if 15 do, the
 * shortest are those without their trailing zeros; below the normal range every length is tried. */
static void shortest(decimal *d, double value)
{
    for (int n = value < 0x1p-1022 ? 1 : 15; n <= 17 && !round_to(d, value, n); n++) {
    }
    while (d->n > 1 && d->digits[d->n - 1] == '0') {
        d->n--;
    }
}

static graft_status write_digits(graft_text *out, const decimal *d)
{
    graft_status status = GRAFT_OK;
    int whole = d->point > 0 ? d->point : 0; /* digits before the point */
    if (whole == 0) {
        GRAFT_TRY(graft_text_append_z(out, "0."));
        for (int i = d->point; i < 0; i++) {
            GRAFT_TRY(graft_text_append_char(out, '0'));
        }
        return graft_text_append(out, d->digits, (size_t)d->n);
    }
    for (int i = 0; i < whole; i++) {
        GRAFT_TRY(graft_text_append_char(out, i < d->n ? d->digits[i] : '0'));
    }
    GRAFT_TRY(graft_text_append_char(out, '.'));
    if (d->n > whole) {
        GRAFT_TRY(graft_text_append(out, d->digits + whole, (size_t)(d->n - whole)));
    } else {
        GRAFT_TRY(graft_text_append_char(out, '0'));
    }
done:
    return status;
}

graft_status graft_json_write_double(graft_text *out, double value)
{
    graft_status status = GRAFT_OK;
    decimal d;
    if (isnan(value)) {
        return graft_text_append_z(out, "nan");
    }
    if (signbit(value)) {
        GRAFT_TRY(graft_text_append_char(out, '-'));
        value = -value;
    }
    if (isinf(value) || value == 0.0) {
        return graft_text_append_z(out, isinf(value) ? "inf" : "0.0");
    }
    shortest(&d, value);
    if (d.point > -4 && d.point <= 16) { /* repr's rule: 1e-05, 0.0001, 1e+16 */
        return write_digits(out, &d);
    }
    GRAFT_TRY(graft_text_append_char(out, d.digits[0]));
    if (d.n > 1) {
        GRAFT_TRY(graft_text_append_char(out, '.'));
        GRAFT_TRY(graft_text_append(out, d.digits + 1, (size_t)(d.n - 1)));
    }
    GRAFT_TRY(graft_text_appendf(out, "e%+03d", d.point - 1));
done:
    return status;
}

static graft_status write_double(graft_text *out, const graft_json *value, graft_json_style style)
{
    const char *spelling = graft_json_spelling(value);
    if (spelling != NULL && style != GRAFT_JSON_PYTHON) {
        return graft_text_append_z(out, spelling);
    }
    if (!isfinite(graft_json_double(value))) {
        return graft_text_append_z(out, "null"); /* JSON has no such numbers */
    }
    return graft_json_write_double(out, graft_json_double(value));
}

static graft_status write_int(graft_text *out, const graft_json *value)
{
    uint64_t big;
    return graft_json_big(value, &big) ? graft_text_appendf(out, "%" PRIu64, big)
                                        : graft_text_appendf(out, "%" PRId64, graft_json_int(value));
}

/* --- strings --- */

static graft_status write_escape(graft_text *out, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c != 0 ? strchr(plain, c) : NULL;
    if (found != NULL) {
        char escape[2] = {'\\', letters[found - plain]};
        return graft_text_append(out, escape, sizeof escape);
    }
    return graft_text_appendf(out, "\\u%04x", c);
}

graft_status graft_json__write_string(graft_text *out, const char *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    size_t plain = 0; /* bytes[plain..i) go out as they are */
    GRAFT_TRY(graft_text_append_char(out, '"'));
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        GRAFT_TRY(graft_text_append(out, bytes + plain, i - plain));
        GRAFT_TRY(write_escape(out, c));
        plain = i + 1;
    }
    GRAFT_TRY(graft_text_append(out, bytes + plain, n - plain));
    GRAFT_TRY(graft_text_append_char(out, '"'));
done:
    return status;
}

/* --- arrays and objects --- */

/* What stands before item i of an array or object that is `depth` deep. */
static graft_status write_separator(graft_text *out, size_t i, graft_json_style style, int depth)
{
    graft_status status = GRAFT_OK;
    if (i > 0) {
        GRAFT_TRY(graft_text_append_z(out, style == GRAFT_JSON_PYTHON ? ", " : ","));
    }
    if (style == GRAFT_JSON_PRETTY) {
        GRAFT_TRY(graft_text_appendf(out, "\n%*s", 2 * depth, ""));
    }
done:
    return status;
}

static graft_status write_value(graft_text *out, const graft_json *value, graft_json_style style,
                                int depth);

static graft_status write_array(graft_text *out, const graft_json *value, graft_json_style style,
                                int depth)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(value); i++) {
        GRAFT_TRY(write_separator(out, i, style, depth + 1));
        GRAFT_TRY(write_value(out, graft_json_at(value, i), style, depth + 1));
    }
done:
    return status;
}

static graft_status write_object(graft_text *out, const graft_json *value, graft_json_style style,
                                 int depth)
{
    graft_status status = GRAFT_OK;
    size_t i = 0;
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it); i++) {
        GRAFT_TRY(write_separator(out, i, style, depth + 1));
        GRAFT_TRY(graft_json__write_string(out, it.key, strlen(it.key)));
        GRAFT_TRY(graft_text_append_z(out, style == GRAFT_JSON_COMPACT ? ":" : ": "));
        GRAFT_TRY(write_value(out, it.value, style, depth + 1));
    }
done:
    return status;
}

static graft_status write_value(graft_text *out, const graft_json *value, graft_json_style style,
                                int depth)
{
    graft_status status = GRAFT_OK;
    graft_json_type type = graft_json_get_type(value);
    const char *text;
    size_t n;
    switch (type) {
    case GRAFT_JSON_NULL: return graft_text_append_z(out, "null");
    case GRAFT_JSON_BOOL: return graft_text_append_z(out, graft_json_bool(value) ? "true" : "false");
    case GRAFT_JSON_INT: return write_int(out, value);
    case GRAFT_JSON_DOUBLE: return write_double(out, value, style);
    case GRAFT_JSON_STRING:
        text = graft_json_string(value, &n);
        return graft_json__write_string(out, text, n);
    default: break;
    }
    GRAFT_TRY(graft_text_append_char(out, type == GRAFT_JSON_ARRAY ? '[' : '{'));
    GRAFT_TRY(type == GRAFT_JSON_ARRAY ? write_array(out, value, style, depth)
                                       : write_object(out, value, style, depth));
    if (style == GRAFT_JSON_PRETTY && graft_json_length(value) > 0) {
        GRAFT_TRY(graft_text_appendf(out, "\n%*s", 2 * depth, ""));
    }
    GRAFT_TRY(graft_text_append_char(out, type == GRAFT_JSON_ARRAY ? ']' : '}'));
done:
    return status;
}

graft_status graft_json_write(graft_text *out, const graft_json *value, graft_json_style style)
{
    return write_value(out, value, style, 0);
}

graft_status graft_json_save(const graft_json *value, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_write(&text, value, GRAFT_JSON_PRETTY));
    GRAFT_TRY(graft_text_append_char(&text, '\n'));
    GRAFT_TRY(graft_file_write(path, text.data, text.len));
done:
    graft_text_clear(&text);
    return status;
}
