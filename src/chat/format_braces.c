/* chat/format_braces.c - "{}".format(value) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chat/format.h"

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
static graft_status parse_spec(graft_jinja *j, const graft_jstring *text, graft_jspec *how)
{
    const char *s = text->data, *end = s + text->n;
    size_t first = 1;
    *how = (graft_jspec){.precision = -1};
    while (first < text->n && ((unsigned char)s[first] & 0xc0) == 0x80) {
        first++;
    }
    if (text->n > first && strchr("<>=^", s[first]) != NULL && s[first] != '\0') {
        memcpy(how->fill, s, first);
        how->fill_origin = graft_j__origin_at(text, 0);
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
    while (s < end && *s >= '0' && *s <= '9' && how->width <= GRAFT_J_MAX_WIDTH) {
        how->width = how->width * 10 + (*s++ - '0');
    }
    if (s < end && *s == ',') {
        how->comma = true;
        s++;
    }
    if (s < end && *s == '.') {
        s++;
        how->precision = 0;
        while (s < end && *s >= '0' && *s <= '9' && how->precision <= GRAFT_J_MAX_WIDTH) {
            how->precision = how->precision * 10 + (*s++ - '0');
        }
    }
    if (s < end) {
        how->type = *s++;
    }
    if (s < end || how->width > GRAFT_J_MAX_WIDTH || how->precision > GRAFT_J_MAX_WIDTH) {
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
    graft_jspec how;
    GRAFT_TRY(parse_spec(j, spec_text, &how));
    if (spec_text->n == 0 || (value->kind == GRAFT_J_STRING && (how.type == 0 || how.type == 's'))) {
        GRAFT_TRY(graft_jformat__text_of(j, value, false, x->format->markup, how.precision, &text));
        return graft_jformat__add_padded(j, out, text, &how, how.align == 0 || how.align == '=' ? '<' : how.align);
    }
    bool integer = graft_j__is_integer(value);
    if (integer && (how.type == 0 || strchr("dnboxX", how.type) != NULL)) {
        if (how.precision >= 0) {
            return graft_j__fail(j, "Precision not allowed in integer format specifier");
        }
        return graft_jformat__add_integer(j, out, value, &how);
    }
    if (graft_j__is_number(value) && (how.type == 0 || strchr("eEfFgGn%", how.type) != NULL)) {
        if (how.type == 0 && how.precision < 0) {
            graft_jvalue magnitude = *value;
            magnitude.u.f = fabs(value->u.f);
            GRAFT_TRY(graft_jformat__text_of(j, &magnitude, false, false, -1, &text));
            const char *digits;
            GRAFT_TRY(graft_j__format(j, &digits, "%.*s", (int)text->n, text->data));
            return graft_jformat__add_number(j, out, signbit(value->u.f) != 0, "", digits, &how, value->origin);
        }
        how.type = how.type == 0 || how.type == 'n' ? 'g' : how.type;
        return graft_jformat__add_real(j, out, value, &how);
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
        GRAFT_TRY(graft_jformat__text_of(x->j, &value, conversion != 's', false, -1, &text));
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
