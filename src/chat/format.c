/* chat/format.c - "%s" % value, and how both ways of formatting write text and numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/format.h"
#include "core/strings.h"

/* ---- pieces shared by both ---- */

static graft_status add_repeated(graft_jinja *j, graft_jbuffer *out, const char *text, int64_t n,
                                 graft_jorigin origin)
{
    graft_status status = GRAFT_OK;
    for (int64_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_j__add_z(j, out, text, origin));
    }
done:
    return status;
}

/* s, padded to the width. */
graft_status graft_jformat__add_padded(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s,
                               const graft_jspec *how, char align)
{
    graft_status status = GRAFT_OK;
    const char *fill = how->fill[0] != '\0' ? how->fill : " ";
    graft_jorigin filled = how->fill[0] != '\0' ? how->fill_origin : GRAFT_FROM_TEMPLATE;
    int64_t room = how->width - (int64_t)s->n_chars;
    room = room < 0 ? 0 : room;
    int64_t left = align == '>' ? room : align == '^' ? room / 2 : 0;
    GRAFT_TRY(add_repeated(j, out, fill, left, filled));
    GRAFT_TRY(graft_j__add_string(j, out, s));
    status = add_repeated(j, out, fill, room - left, filled);
done:
    return status;
}

/* Puts commas between the thousands of the digits at the start of `digits`. */
static void group_thousands(char *digits, size_t room)
{
    size_t n = strspn(digits, "0123456789"), total = strlen(digits);
    for (size_t at = n; at > 3 && total + 1 < room;) {
        at -= 3;
        memmove(digits + at + 1, digits + at, total - at + 1);
        digits[at] = ',';
        total++;
    }
}

/* sign, prefix and digits (of either formatting), padded. */
graft_status graft_jformat__add_number(graft_jinja *j, graft_jbuffer *out, bool negative, const char *prefix,
                               const char *digits, const graft_jspec *how, graft_jorigin origin)
{
    graft_status status = GRAFT_OK;
    const char *sign = negative ? "-" : how->sign == '+' ? "+" : how->sign == ' ' ? " " : "";
    int64_t room = how->width - (int64_t)(strlen(sign) + strlen(prefix) + strlen(digits));
    bool inside = how->align == '=' || (how->zero && how->align == 0);
    const char *fill = how->fill[0] != '\0' ? how->fill : how->zero ? "0" : " ";
    graft_jorigin filled =
        how->fill[0] != '\0' ? graft_j__origin_both(how->fill_origin, origin) : origin;
    char align = how->align == 0 ? '>' : how->align;
    room = room < 0 ? 0 : room;
    int64_t left = inside || align == '<' ? 0 : align == '^' ? room / 2 : room;
    GRAFT_TRY(add_repeated(j, out, fill, left, filled));
    GRAFT_TRY(graft_j__add_z(j, out, sign, origin));
    GRAFT_TRY(graft_j__add_z(j, out, prefix, origin));
    GRAFT_TRY(add_repeated(j, out, fill, inside ? room : 0, filled));
    GRAFT_TRY(graft_j__add_z(j, out, digits, origin));
    status = add_repeated(j, out, fill, inside ? 0 : room - left, filled);
done:
    return status;
}

graft_status graft_jformat__add_integer(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                                const graft_jspec *how)
{
    char digits[128], text[128];
    int64_t i = graft_j__as_int(value);
    uint64_t magnitude = i < 0 ? -(uint64_t)i : (uint64_t)i;
    const char *prefix = "";
    switch (how->type) {
    case 'x':
    case 'X':
        snprintf(digits, sizeof digits, how->type == 'x' ? "%llx" : "%llX",
                 (unsigned long long)magnitude);
        prefix = how->type == 'x' ? "0x" : "0X";
        break;
    case 'o':
        snprintf(digits, sizeof digits, "%llo", (unsigned long long)magnitude);
        prefix = "0o";
        break;
    case 'b': {
        size_t n = 0;
        for (uint64_t rest = magnitude; rest > 0 || n == 0; rest >>= 1) {
            digits[n++] = (char)('0' + (rest & 1));
        }
        for (size_t k = 0; k < n; k++) {
            text[k] = digits[n - 1 - k];
        }
        text[n] = '\0';
        memcpy(digits, text, n + 1);
        prefix = "0b";
        break;
    }
    default:
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)magnitude);
        break;
    }
    if (how->precision >= 100) {
        return graft_j__fail(j, "an integer is formatted with 100 or more digits");
    }
    if (how->precision > (int64_t)strlen(digits)) { /* only of % */
        size_t n = strlen(digits), zeros = (size_t)how->precision - n;
        memmove(digits + zeros, digits, n + 1);
        memset(digits, '0', zeros);
    }
    if (how->comma) {
        group_thousands(digits, sizeof digits);
    }
    return graft_jformat__add_number(j, out, i < 0, how->alternate ? prefix : "", digits, how, value->origin);
}

graft_status graft_jformat__add_real(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                             const graft_jspec *how)
{
    double f = graft_j__as_float(value);
    char digits[1024], format[] = "%.*f";
    bool percent = how->type == '%';
    if (how->precision > 300) {
        return graft_j__fail(j, "a number is formatted with more than 300 digits");
    }
    if (!isfinite(f)) {
        snprintf(digits, sizeof digits, "%s", isnan(f) ? "nan" : "inf");
    } else {
        format[3] = percent ? 'f' : how->type;
        snprintf(digits, sizeof digits, format, how->precision < 0 ? 6 : (int)how->precision,
                 fabs(percent ? f * 100 : f));
    }
    if (how->comma) {
        group_thousands(digits, sizeof digits);
    }
    if (percent) {
        strcat(digits, "%");
    }
    return graft_jformat__add_number(j, out, signbit(f) && !isnan(f), "", digits, how, value->origin);
}

/* str(value) cut to the precision and, for markup, escaped. */
graft_status graft_jformat__text_of(graft_jinja *j, const graft_jvalue *value, bool repr, bool escape,
                            int64_t precision, const graft_jstring **out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    graft_jvalue text;
    GRAFT_TRY((repr ? graft_j__add_repr : graft_j__add_str)(j, &buffer, value));
    GRAFT_TRY(graft_j__finish(j, &buffer, &text));
    if (escape && !(value->kind == GRAFT_J_STRING && value->u.s->markup && !repr)) {
        GRAFT_TRY(graft_j__escape(j, text.u.s, &text));
    }
    if (precision >= 0 && (uint64_t)precision < text.u.s->n_chars) {
        size_t end = graft_j__byte_at(text.u.s, (size_t)precision);
        GRAFT_TRY(graft_j__cut(j, text.u.s, 0, end, &text));
    }
    *out = text.u.s;
done:
    return status;
}

/* ---- "%s" % value ---- */

typedef struct percent {
    graft_jinja *j;
    const graft_jstring *format;
    size_t at;
    const graft_jvalue *args;
    size_t n_used;
} percent;

static graft_status next_argument(percent *x, graft_jvalue *out)
{
    const graft_jvalue *args = x->args;
    if (args->kind == GRAFT_J_TUPLE) {
        if (x->n_used >= args->u.list->n) {
            return graft_j__fail(x->j, "not enough arguments for format string");
        }
        *out = args->u.list->items[x->n_used++];
        return GRAFT_OK;
    }
    if (x->n_used++ > 0) {
        return graft_j__fail(x->j, "not enough arguments for format string");
    }
    *out = *args;
    return GRAFT_OK;
}

static char peek(const percent *x)
{
    return x->at < x->format->n ? x->format->data[x->at] : '\0';
}

/* A number or * behind a % (or a dot). */
static graft_status read_count(percent *x, int64_t *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue value;
    if (peek(x) == '*') {
        x->at++;
        GRAFT_TRY(next_argument(x, &value));
        GRAFT_TRY(graft_j__need_int(x->j, &value, "a width", out));
    }
    while (peek(x) >= '0' && peek(x) <= '9' && *out <= GRAFT_J_MAX_WIDTH) {
        *out = (*out < 0 ? 0 : *out) * 10 + (peek(x) - '0');
        x->at++;
    }
    if (*out > GRAFT_J_MAX_WIDTH) {
        return graft_j__fail(x->j, "a width of more than %d", (int)GRAFT_J_MAX_WIDTH);
    }
done:
    return status;
}

/* (name) behind %: looks the argument up in the mapping. */
static graft_status read_key(percent *x, graft_jvalue *out, bool *found)
{
    graft_status status = GRAFT_OK;
    *found = peek(x) == '(';
    if (!*found) {
        return GRAFT_OK;
    }
    const char *begin = x->format->data + x->at + 1;
    const char *end = memchr(begin, ')', x->format->n - x->at - 1);
    if (end == NULL) {
        return graft_j__fail(x->j, "incomplete format key");
    }
    if (x->args->kind != GRAFT_J_DICT) {
        return graft_j__fail(x->j, "format requires a mapping");
    }
    const graft_jvalue *value = graft_j__dict_get(x->args->u.dict, begin, (size_t)(end - begin));
    if (value == NULL) {
        return graft_j__fail(x->j, "'%.*s' is not in the mapping to format", (int)(end - begin),
                             begin);
    }
    *out = *value;
    x->at += (size_t)(end - begin) + 2;
    return status;
}

static graft_status read_percent_spec(percent *x, graft_jspec *how)
{
    graft_status status = GRAFT_OK;
    *how = (graft_jspec){.precision = -1};
    for (; peek(x) != '\0' && strchr("#0- +", peek(x)) != NULL; x->at++) {
        char flag = peek(x);
        how->alternate |= flag == '#';
        how->zero |= flag == '0';
        how->align = flag == '-' ? '<' : how->align;
        how->sign = flag == '+' || (flag == ' ' && how->sign == 0) ? flag : how->sign;
    }
    GRAFT_TRY(read_count(x, &how->width));
    if (peek(x) == '.') {
        x->at++;
        how->precision = 0;
        GRAFT_TRY(read_count(x, &how->precision));
    }
    while (peek(x) != '\0' && strchr("hlL", peek(x)) != NULL) {
        x->at++;
    }
    how->type = peek(x);
    if (how->type == '\0') {
        return graft_j__fail(x->j, "incomplete format");
    }
    x->at++;
done:
    return status;
}

/* %c: a character, or the number of one. */
static graft_status format_char(graft_jinja *j, const graft_jvalue *value, const graft_jspec *how,
                                graft_jbuffer *out)
{
    graft_jvalue text = *value;
    if (graft_j__is_integer(value)) {
        int64_t code = graft_j__as_int(value);
        char *utf8;
        if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
            return graft_j__fail(j, "%%c needs the number of a character");
        }
        graft_status status = graft_j__bytes(j, &utf8, 4);
        if (status == GRAFT_OK) {
            size_t n = graft_utf8_encode((uint32_t)code, utf8);
            status = graft_j__string(j, &text, utf8, n, value->origin);
        }
        if (status != GRAFT_OK) {
            return status;
        }
    }
    if (text.kind != GRAFT_J_STRING || text.u.s->n_chars != 1) {
        return graft_j__fail(j, "%%c requires int or char");
    }
    return graft_jformat__add_padded(j, out, text.u.s, how, how->align == '<' ? '<' : '>');
}

static graft_status format_percent(percent *x, graft_jvalue *value, graft_jspec *how, graft_jbuffer *out)
{
    graft_jinja *j = x->j;
    graft_status status = GRAFT_OK;
    const graft_jstring *text;
    char type = how->type;
    if (type == 's' || type == 'r' || type == 'a') {
        GRAFT_TRY(graft_jformat__text_of(j, value, type != 's', x->format->markup, how->precision, &text));
        return graft_jformat__add_padded(j, out, text, how, how->align == '<' ? '<' : '>');
    }
    if (strchr("diuxXo", type) != NULL || strchr("eEfFgG", type) != NULL) {
        bool integer = strchr("diuxXo", type) != NULL;
        if (value->kind == GRAFT_J_UNDEFINED) {
            return graft_j__fail_undefined(j, value);
        }
        if (!graft_j__is_number(value) || (strchr("xXo", type) != NULL && value->kind == GRAFT_J_FLOAT)) {
            return graft_j__fail(j, "%%%c format: a number is required, not %s", type,
                                 graft_j__type_name(value));
        }
        if (!integer) {
            return graft_jformat__add_real(j, out, value, how);
        }
        if (value->kind == GRAFT_J_FLOAT) {
            if (!(fabs(value->u.f) < 0x1p63)) {
                return graft_j__fail(j, "cannot convert float to a 64-bit integer");
            }
            graft_jorigin origin = value->origin;
            *value = graft_j__int((int64_t)value->u.f);
            value->origin = origin;
        }
        return graft_jformat__add_integer(j, out, value, how);
    }
    if (type == 'c') {
        return format_char(j, value, how, out);
    }
    status = graft_j__fail(j, "unsupported format character '%c'", type);
done:
    return status;
}

graft_status graft_j__percent(graft_jinja *j, const graft_jstring *format, const graft_jvalue *args,
                              graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    percent x = {.j = j, .format = format, .args = args};
    graft_jbuffer buffer = {0};
    while (x.at < format->n) {
        const char *mark = memchr(format->data + x.at, '%', format->n - x.at);
        size_t to = mark != NULL ? (size_t)(mark - format->data) : format->n;
        graft_jvalue value;
        bool keyed;
        graft_jspec how;
        GRAFT_TRY(graft_j__add_part(j, &buffer, format, x.at, to));
        x.at = to + 1;
        if (mark == NULL) {
            break;
        }
        GRAFT_TRY(read_key(&x, &value, &keyed));
        GRAFT_TRY(read_percent_spec(&x, &how));
        if (how.type == '%') {
            GRAFT_TRY(graft_j__add_z(j, &buffer, "%", graft_j__origin_at(format, to)));
            continue;
        }
        if (!keyed) {
            GRAFT_TRY(next_argument(&x, &value));
        }
        GRAFT_TRY(format_percent(&x, &value, &how, &buffer));
    }
    /* what has items counts as a mapping, which need not be used */
    bool mapping = args->kind == GRAFT_J_DICT || args->kind == GRAFT_J_LIST ||
                   args->kind == GRAFT_J_RANGE || args->kind == GRAFT_J_UNDEFINED;
    if (args->kind == GRAFT_J_TUPLE ? x.n_used < args->u.list->n : x.n_used == 0 && !mapping) {
        return graft_j__fail(j, "not all arguments converted during string formatting");
    }
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    if (format->markup) {
        status = graft_j__as_markup(j, out->u.s, out);
    }
done:
    return status;
}
