/* chat/printf.c - Python's two ways to format: "%s" % value and "{}".format(value). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/jinja.h"
#include "core/strings.h"

/* What stands between % (or :) and the type letter. */
typedef struct spec {
    char fill[5], align, sign; /* align: < > ^ = or 0 */
    bool alternate, zero, comma;
    int64_t width, precision; /* -1: none */
    char type;                /* 0: none */
} spec;

enum { MAX_WIDTH = 100000 };

/* ---- pieces shared by both ---- */

static graft_status add_repeated(graft_jinja *j, graft_jbuffer *out, const char *text, int64_t n,
                                 uint8_t origin)
{
    graft_status status = GRAFT_OK;
    for (int64_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_j__add_z(j, out, text, origin));
    }
done:
    return status;
}

/* s, padded to the width. */
static graft_status add_padded(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s,
                               const spec *how, char align)
{
    graft_status status = GRAFT_OK;
    const char *fill = how->fill[0] != '\0' ? how->fill : " ";
    int64_t room = how->width - (int64_t)s->n_chars;
    room = room < 0 ? 0 : room;
    int64_t left = align == '>' ? room : align == '^' ? room / 2 : 0;
    GRAFT_TRY(add_repeated(j, out, fill, left, GRAFT_FROM_TEMPLATE));
    GRAFT_TRY(graft_j__add_string(j, out, s));
    status = add_repeated(j, out, fill, room - left, GRAFT_FROM_TEMPLATE);
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
static graft_status add_number(graft_jinja *j, graft_jbuffer *out, bool negative, const char *prefix,
                               const char *digits, const spec *how, uint8_t origin)
{
    graft_status status = GRAFT_OK;
    const char *sign = negative ? "-" : how->sign == '+' ? "+" : how->sign == ' ' ? " " : "";
    int64_t room = how->width - (int64_t)(strlen(sign) + strlen(prefix) + strlen(digits));
    bool inside = how->align == '=' || (how->zero && how->align == 0);
    const char *fill = how->fill[0] != '\0' ? how->fill : how->zero ? "0" : " ";
    char align = how->align == 0 ? '>' : how->align;
    room = room < 0 ? 0 : room;
    int64_t left = inside || align == '<' ? 0 : align == '^' ? room / 2 : room;
    GRAFT_TRY(add_repeated(j, out, fill, left, origin));
    GRAFT_TRY(graft_j__add_z(j, out, sign, origin));
    GRAFT_TRY(graft_j__add_z(j, out, prefix, origin));
    GRAFT_TRY(add_repeated(j, out, fill, inside ? room : 0, origin));
    GRAFT_TRY(graft_j__add_z(j, out, digits, origin));
    status = add_repeated(j, out, fill, inside ? 0 : room - left, origin);
done:
    return status;
}

static graft_status add_integer(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                                const spec *how)
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
    return add_number(j, out, i < 0, how->alternate ? prefix : "", digits, how, value->origin);
}

static graft_status add_real(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                             const spec *how)
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
    return add_number(j, out, signbit(f) && !isnan(f), "", digits, how, value->origin);
}

/* str(value) cut to the precision and, for markup, escaped. */
static graft_status text_of(graft_jinja *j, const graft_jvalue *value, bool repr, bool escape,
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
    while (peek(x) >= '0' && peek(x) <= '9' && *out <= MAX_WIDTH) {
        *out = (*out < 0 ? 0 : *out) * 10 + (peek(x) - '0');
        x->at++;
    }
    if (*out > MAX_WIDTH) {
        return graft_j__fail(x->j, "a width of more than %d", (int)MAX_WIDTH);
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

static graft_status read_percent_spec(percent *x, spec *how)
{
    graft_status status = GRAFT_OK;
    *how = (spec){.precision = -1};
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
static graft_status format_char(graft_jinja *j, const graft_jvalue *value, const spec *how,
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
    return add_padded(j, out, text.u.s, how, how->align == '<' ? '<' : '>');
}

static graft_status format_percent(percent *x, graft_jvalue *value, spec *how, graft_jbuffer *out)
{
    graft_jinja *j = x->j;
    graft_status status = GRAFT_OK;
    const graft_jstring *text;
    char type = how->type;
    if (type == 's' || type == 'r' || type == 'a') {
        GRAFT_TRY(text_of(j, value, type != 's', x->format->markup, how->precision, &text));
        return add_padded(j, out, text, how, how->align == '<' ? '<' : '>');
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
            return add_real(j, out, value, how);
        }
        if (value->kind == GRAFT_J_FLOAT) {
            if (!(fabs(value->u.f) < 0x1p63)) {
                return graft_j__fail(j, "cannot convert float to a 64-bit integer");
            }
            *value = graft_j__int((int64_t)value->u.f);
        }
        return add_integer(j, out, value, how);
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
        spec how;
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

/* ---- "{}".format(value) ---- */

typedef struct braces {
    graft_jinja *j;
    const graft_jstring *format;
    const graft_jargs *args;
    size_t next_index;
    bool automatic, manual;
} braces;

static bool all_digits(const char *text, size_t n)
{
    size_t at = 0;
    while (at < n && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return n > 0 && at == n;
}

static graft_status named_argument(braces *x, const char *name, size_t n, graft_jvalue *out)
{
    graft_jinja *j = x->j;
    bool number = all_digits(name, n);
    if (n == 0 || number) {
        x->automatic |= n == 0;
        x->manual |= number;
        if (x->automatic && x->manual) {
            return graft_j__fail(j, "cannot switch between automatic and manual field numbering");
        }
        size_t index = n == 0 ? x->next_index++ : (size_t)strtoull(name, NULL, 10);
        if (index >= x->args->n) {
            return graft_j__fail(j, "Replacement index %zu out of range for positional args tuple",
                                 index);
        }
        *out = x->args->values[index];
        return GRAFT_OK;
    }
    for (size_t i = 0; i < x->args->n_keywords; i++) {
        const graft_jkeyword *keyword = &x->args->keywords[i];
        if (keyword->n == n && memcmp(keyword->name, name, n) == 0) {
            *out = keyword->value;
            return GRAFT_OK;
        }
    }
    return graft_j__fail(j, "'%.*s' is not among the arguments of format", (int)n, name);
}

/* first(.attribute | [item])* */
static graft_status look_up(braces *x, const char *path, size_t n, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    size_t at = 0;
    while (at < n && path[at] != '.' && path[at] != '[') {
        at++;
    }
    GRAFT_TRY(named_argument(x, path, at, out));
    while (at < n) {
        bool item = path[at] == '[';
        size_t from = ++at;
        graft_jvalue subject = *out, key;
        while (at < n && (item ? path[at] != ']' : path[at] != '.' && path[at] != '[')) {
            at++;
        }
        if (at == from || (item && at == n)) {
            return graft_j__fail(x->j, "a field of the format has an empty or open attribute");
        }
        if (!item) {
            GRAFT_TRY(graft_j__getattr(x->j, &subject, path + from, at - from, out));
            continue;
        }
        if (all_digits(path + from, at - from)) { /* a bracket or brace follows */
            key = graft_j__int(strtoll(path + from, NULL, 10));
        } else {
            GRAFT_TRY(graft_j__string(x->j, &key, path + from, at - from, GRAFT_FROM_TEMPLATE));
        }
        GRAFT_TRY(graft_j__getitem(x->j, &subject, &key, out));
        at++;
        if (at < n && path[at] != '.' && path[at] != '[') {
            return graft_j__fail(x->j, "only '.' or '[' may follow ']' in a format field");
        }
    }
done:
    return status;
}

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static graft_status parse_spec(graft_jinja *j, const graft_jstring *text, spec *how)
{
    const char *s = text->data, *end = s + text->n;
    size_t first = 1;
    *how = (spec){.precision = -1};
    while (first < text->n && ((unsigned char)s[first] & 0xc0) == 0x80) {
        first++;
    }
    if (text->n > first && strchr("<>=^", s[first]) != NULL && s[first] != '\0') {
        memcpy(how->fill, s, first);
        how->align = s[first];
        s += first + 1;
    } else if (text->n > 0 && strchr("<>=^", *s) != NULL && *s != '\0') {
        how->align = *s++;
    }
    if (s < end && (*s == '+' || *s == '-' || *s == ' ')) {
        how->sign = *s++;
    }
    if (s < end && *s == '#') {
        how->alternate = true;
        s++;
    }
    if (s < end && *s == '0') {
        how->zero = true;
        s++;
    }
    while (s < end && *s >= '0' && *s <= '9' && how->width <= MAX_WIDTH) {
        how->width = how->width * 10 + (*s++ - '0');
    }
    if (s < end && *s == ',') {
        how->comma = true;
        s++;
    }
    if (s < end && *s == '.') {
        s++;
        how->precision = 0;
        while (s < end && *s >= '0' && *s <= '9' && how->precision <= MAX_WIDTH) {
            how->precision = how->precision * 10 + (*s++ - '0');
        }
    }
    if (s < end) {
        how->type = *s++;
    }
    if (s < end || how->width > MAX_WIDTH || how->precision > MAX_WIDTH) {
        return graft_j__fail(j, "invalid format specifier '%.*s'", (int)text->n, text->data);
    }
    return GRAFT_OK;
}

static graft_status format_value(braces *x, const graft_jvalue *value, const graft_jstring *spec_text,
                                 graft_jbuffer *out)
{
    graft_jinja *j = x->j;
    graft_status status = GRAFT_OK;
    const graft_jstring *text;
    spec how;
    GRAFT_TRY(parse_spec(j, spec_text, &how));
    if (spec_text->n == 0 || (value->kind == GRAFT_J_STRING && (how.type == 0 || how.type == 's'))) {
        GRAFT_TRY(text_of(j, value, false, x->format->markup, how.precision, &text));
        return add_padded(j, out, text, &how, how.align == 0 || how.align == '=' ? '<' : how.align);
    }
    bool integer = graft_j__is_integer(value);
    if (integer && (how.type == 0 || strchr("dnboxX", how.type) != NULL)) {
        if (how.precision >= 0) {
            return graft_j__fail(j, "Precision not allowed in integer format specifier");
        }
        return add_integer(j, out, value, &how);
    }
    if (graft_j__is_number(value) && (how.type == 0 || strchr("eEfFgGn%", how.type) != NULL)) {
        if (how.type == 0 && how.precision < 0) {
            graft_jvalue magnitude = *value;
            magnitude.u.f = fabs(value->u.f);
            GRAFT_TRY(text_of(j, &magnitude, false, false, -1, &text));
            const char *digits;
            GRAFT_TRY(graft_j__format(j, &digits, "%.*s", (int)text->n, text->data));
            return add_number(j, out, signbit(value->u.f) != 0, "", digits, &how, value->origin);
        }
        how.type = how.type == 0 || how.type == 'n' ? 'g' : how.type;
        return add_real(j, out, value, &how);
    }
    status = graft_j__fail(j, "format code '%.*s' does not fit an object of type '%s'",
                           (int)spec_text->n, spec_text->data, graft_j__type_name(value));
done:
    return status;
}

static graft_status format_text(braces *x, const char *text, size_t n, unsigned depth,
                                graft_jbuffer *out);

/* What stands between the braces: path[!conversion][:spec]. */
static graft_status format_field(braces *x, const char *field, size_t n, unsigned depth,
                                 graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer spec_buffer = {0};
    graft_jvalue value, spec_text;
    const graft_jstring *text;
    size_t path = 0;
    bool bracket = false;
    while (path < n && (bracket || (field[path] != '!' && field[path] != ':'))) {
        bracket = bracket ? field[path] != ']' : field[path] == '[';
        path++;
    }
    GRAFT_TRY(look_up(x, field, path, &value));
    size_t at = path;
    if (at < n && field[at] == '!') {
        char conversion = at + 1 < n ? field[at + 1] : '\0';
        if (conversion == '\0' || strchr("rsa", conversion) == NULL) {
            return graft_j__fail(x->j, "Unknown conversion specifier in a format field");
        }
        GRAFT_TRY(text_of(x->j, &value, conversion != 's', false, -1, &text));
        GRAFT_TRY(graft_j__cut(x->j, text, 0, text->n, &value));
        at += 2;
        if (at < n && field[at] != ':') {
            return graft_j__fail(x->j, "expected ':' after conversion specifier");
        }
    }
    at += at < n;
    GRAFT_TRY(format_text(x, field + at, n - at, depth + 1, &spec_buffer));
    GRAFT_TRY(graft_j__finish(x->j, &spec_buffer, &spec_text));
    status = format_value(x, &value, spec_text.u.s, out);
done:
    return status;
}

static graft_status format_text(braces *x, const char *text, size_t n, unsigned depth,
                                graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    if (depth > 2) {
        return graft_j__fail(x->j, "Max string recursion exceeded");
    }
    for (size_t at = 0; at < n;) {
        size_t run = at;
        while (run < n && text[run] != '{' && text[run] != '}') {
            run++;
        }
        size_t base = (size_t)(text - x->format->data);
        GRAFT_TRY(graft_j__add_part(x->j, out, x->format, base + at, base + run));
        at = run;
        if (at >= n) {
            break;
        }
        if (at + 1 < n && text[at + 1] == text[at]) {
            GRAFT_TRY(graft_j__add_part(x->j, out, x->format, base + at, base + at + 1));
            at += 2;
            continue;
        }
        if (text[at] == '}') {
            return graft_j__fail(x->j, "Single '}' encountered in format string");
        }
        size_t open = 1, end = at + 1;
        while (end < n && open > 0) {
            open += text[end] == '{';
            open -= text[end] == '}';
            end++;
        }
        if (open > 0) {
            return graft_j__fail(x->j, "expected '}' before end of string");
        }
        GRAFT_TRY(format_field(x, text + at + 1, end - at - 2, depth, out));
        at = end;
    }
done:
    return status;
}

graft_status graft_j__str_format(graft_jinja *j, const graft_jstring *format,
                                 const graft_jargs *args, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    braces x = {.j = j, .format = format, .args = args};
    graft_jbuffer buffer = {0};
    GRAFT_TRY(format_text(&x, format->data, format->n, 0, &buffer));
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}
