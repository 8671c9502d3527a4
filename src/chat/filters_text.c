/* chat/filters_text.c - filters that make text. */
#include <string.h>

#include "chat/filters.h"
#include "core/strings.h"

/* The filtered value as a string that keeps being markup. */
static graft_status soft(graft_jinja *j, const graft_jcall *call, const graft_jstring **out)
{
    return graft_j__to_string(j, call->self, out);
}

static graft_status keep_markup(graft_jinja *j, const graft_jstring *from, graft_jvalue *out)
{
    return from->markup ? graft_j__as_markup(j, out->u.s, out) : GRAFT_OK;
}

static graft_status recase(graft_jinja *j, const graft_jcall *call, graft_jcase how,
                           graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    GRAFT_TRY(soft(j, call, &s));
    GRAFT_TRY(graft_j__recase(j, s, how, out));
    status = keep_markup(j, s, out);
done:
    return status;
}

graft_status graft_jfilter__upper(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_UPPER, out);
}

graft_status graft_jfilter__lower(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_LOWER, out);
}

graft_status graft_jfilter__capitalize(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_CAPITALIZE, out);
}

/* Jinja's own idea of a title: words begin behind white space and - ( { [ <. */
graft_status graft_jfilter__title(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    graft_jbuffer buffer = {0};
    graft_jvalue part;
    size_t from = 0, bytes;
    GRAFT_TRY(soft(j, call, &s));
    while (from < s->n) {
        size_t at = from, first = 0;
        for (; at < s->n; at += bytes) {
            uint32_t c = 0;
            bytes = graft_utf8_decode(s->data + at, s->n - at, &c);
            bytes = bytes == 0 ? 1 : bytes;
            first = at == from ? bytes : first;
            if (graft_unicode__is_space(c) || (c < 0x80 && strchr("-({[<", (int)c) != NULL && c != 0)) {
                at += at == from ? bytes : 0; /* separators stand alone */
                break;
            }
        }
        GRAFT_TRY(graft_j__cut(j, s, from, from + first, &part));
        GRAFT_TRY(graft_j__recase(j, part.u.s, GRAFT_J_UPPER, &part));
        GRAFT_TRY(graft_j__add_string(j, &buffer, part.u.s));
        GRAFT_TRY(graft_j__cut(j, s, from + first, at, &part));
        GRAFT_TRY(graft_j__recase(j, part.u.s, GRAFT_J_LOWER, &part));
        GRAFT_TRY(graft_j__add_string(j, &buffer, part.u.s));
        from = at;
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

graft_status graft_jfilter__trim(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s, *chars = NULL;
    GRAFT_TRY(soft(j, call, &s));
    if (call->p[0].kind != GRAFT_J_MISSING && call->p[0].kind != GRAFT_J_NONE) {
        GRAFT_TRY(graft_j__need_string(j, &call->p[0], "strip arg", &chars));
    }
    status = graft_j__strip(j, s, chars, GRAFT_J_LEFT | GRAFT_J_RIGHT, out);
done:
    return status;
}

graft_status graft_jfilter__replace(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s, *old, *new_;
    int64_t max = -1;
    GRAFT_TRY(soft(j, call, &s));
    GRAFT_TRY(graft_j__to_string(j, &call->p[0], &old));
    GRAFT_TRY(graft_j__to_string(j, &call->p[1], &new_));
    if (call->p[2].kind != GRAFT_J_MISSING && call->p[2].kind != GRAFT_J_NONE) {
        GRAFT_TRY(graft_j__need_int(j, &call->p[2], "count", &max));
    }
    graft_jstring plain = *s;
    plain.markup = false;
    status = graft_j__replace(j, &plain, old, new_, max, out);
done:
    return status;
}

graft_status graft_jfilter__string(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    *out = *call->self;
    if (call->self->kind != GRAFT_J_STRING) {
        GRAFT_TRY(soft(j, call, &s));
        status = graft_j__cut(j, s, 0, s->n, out);
    }
done:
    return status;
}

graft_status graft_jfilter__escape(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    const graft_jstring *s;
    graft_status status = soft(j, call, &s);
    return status == GRAFT_OK ? graft_j__escape(j, s, out) : status;
}

graft_status graft_jfilter__forceescape(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    const graft_jstring *s;
    graft_status status = soft(j, call, &s);
    if (status == GRAFT_OK) {
        graft_jstring plain = *s;
        plain.markup = false;
        status = graft_j__escape(j, &plain, out);
    }
    return status;
}

graft_status graft_jfilter__safe(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    const graft_jstring *s;
    graft_status status = soft(j, call, &s);
    return status == GRAFT_OK ? graft_j__as_markup(j, s, out) : status;
}

static graft_status add_spaces(graft_jinja *j, graft_jbuffer *out, int64_t n)
{
    graft_status status = GRAFT_OK;
    for (int64_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_j__work(j, (size_t)(i & 15) == 0));
        GRAFT_TRY(graft_j__add(j, out, " ", 1, GRAFT_FROM_TEMPLATE));
    }
done:
    return status;
}

graft_status graft_jfilter__indent(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *width = &call->p[0];
    const graft_jstring *s;
    const bool first = graft_j__truth(&call->p[1]), blank = graft_j__truth(&call->p[2]);
    graft_jbuffer indention = {0}, ended = {0}, buffer = {0};
    graft_jvalue prefix, text;
    graft_jlist *lines;
    int64_t n = 4;
    GRAFT_TRY(graft_j__need_string(j, call->self, "the value to indent", &s));
    if (width->kind == GRAFT_J_STRING) {
        prefix = *width;
    } else {
        if (width->kind != GRAFT_J_MISSING) {
            GRAFT_TRY(graft_j__need_int(j, width, "the width", &n));
        }
        GRAFT_TRY(add_spaces(j, &indention, n));
        GRAFT_TRY(graft_j__finish(j, &indention, &prefix));
    }
    /* As Jinja does: a text that ends in a line end gets an empty last line. */
    GRAFT_TRY(graft_j__add_string(j, &ended, s));
    GRAFT_TRY(graft_j__add(j, &ended, "\n", 1, s->n > 0 ? graft_j__origin_at(s, s->n - 1) : s->uniform));
    GRAFT_TRY(graft_j__finish(j, &ended, &text));
    GRAFT_TRY(graft_j__list_new(j, &lines, 0));
    GRAFT_TRY(graft_j__splitlines(j, text.u.s, false, lines));
    for (size_t i = 0; i < lines->n; i++) {
        const graft_jstring *line = lines->items[i].u.s;
        bool empty = line->n == 0;
        if (i > 0) {
            GRAFT_TRY(graft_j__add(j, &buffer, "\n", 1, GRAFT_FROM_TEMPLATE));
        }
        if (i == 0 ? first : blank || !empty) {
            GRAFT_TRY(graft_j__add_string(j, &buffer, prefix.u.s));
        }
        if (!empty) {
            GRAFT_TRY(graft_j__add_string(j, &buffer, line));
        }
    }
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    status = keep_markup(j, s, out);
done:
    return status;
}

graft_status graft_jfilter__center(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    graft_jbuffer buffer = {0};
    int64_t width = 80;
    GRAFT_TRY(soft(j, call, &s));
    if (call->p[0].kind != GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the width", &width));
    }
    int64_t room = width > (int64_t)s->n_chars ? width - (int64_t)s->n_chars : 0;
    int64_t left = room / 2 + (room & width & 1);
    GRAFT_TRY(add_spaces(j, &buffer, left));
    GRAFT_TRY(graft_j__add_string(j, &buffer, s));
    GRAFT_TRY(add_spaces(j, &buffer, room - left));
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    status = keep_markup(j, s, out);
done:
    return status;
}

graft_status graft_jfilter__truncate(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    graft_jbuffer buffer = {0};
    graft_jvalue end, kept;
    int64_t length = 255, leeway = 5;
    size_t n;
    GRAFT_TRY(graft_j__length(j, call->self, &n));
    GRAFT_TRY(graft_j__string_z(j, &end, "..."));
    if (call->p[0].kind != GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the length", &length));
    }
    if (call->p[2].kind != GRAFT_J_MISSING) {
        const graft_jstring *text;
        GRAFT_TRY(graft_j__need_string(j, &call->p[2], "the end", &text));
        end = call->p[2];
    }
    if (call->p[3].kind != GRAFT_J_MISSING && call->p[3].kind != GRAFT_J_NONE) {
        GRAFT_TRY(graft_j__need_int(j, &call->p[3], "leeway", &leeway));
    }
    if (length < (int64_t)end.u.s->n_chars || leeway < 0) {
        return graft_j__fail(j, "expected length >= %zu and leeway >= 0", end.u.s->n_chars);
    }
    if (leeway > INT64_MAX - length || (int64_t)n <= length + leeway) {
        *out = *call->self;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__need_string(j, call->self, "the value to truncate", &s));
    size_t cut = graft_j__byte_at(s, (size_t)length - end.u.s->n_chars);
    if (!graft_j__truth(&call->p[1])) {
        graft_jvalue space;
        GRAFT_TRY(graft_j__string_z(j, &space, " "));
        size_t at = graft_j__rfind(s, 0, cut, space.u.s);
        cut = at != SIZE_MAX ? at : cut;
    }
    GRAFT_TRY(graft_j__cut(j, s, 0, cut, &kept));
    GRAFT_TRY(graft_j__add_string(j, &buffer, kept.u.s));
    GRAFT_TRY(graft_j__add_string(j, &buffer, end.u.s));
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

graft_status graft_jfilter__wordcount(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    int64_t n = 0;
    bool inside = false;
    GRAFT_TRY(soft(j, call, &s));
    for (size_t at = 0, bytes; at < s->n; at += bytes) {
        uint32_t c = 0;
        bytes = graft_utf8_decode(s->data + at, s->n - at, &c);
        bytes = bytes == 0 ? 1 : bytes;
        bool word = c == '_' || graft_unicode__is_alpha(c) || graft_unicode__is_digit(c);
        n += word && !inside;
        inside = word;
    }
    *out = graft_j__int(n);
done:
    return status;
}

/* Percent-encodes what is not unreserved; in a query "/" too, and spaces become "+". */
static graft_status add_quoted(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                               bool query)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s;
    GRAFT_TRY(graft_j__to_string(j, value, &s));
    for (size_t i = 0; i < s->n; i++) {
        char c = s->data[i], code[] = "%00";
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && !query);
        code[1] = "0123456789ABCDEF"[(unsigned char)c >> 4];
        code[2] = "0123456789ABCDEF"[c & 15];
        const char *text = plain ? &c : query && c == ' ' ? "+" : code;
        GRAFT_TRY(graft_j__add(j, out, text, text == code ? 3 : 1, graft_j__origin_at(s, i)));
    }
done:
    return status;
}

graft_status graft_jfilter__urlencode(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    graft_jiter *iter;
    graft_jvalue pairs = *call->self;
    if (pairs.kind == GRAFT_J_STRING || !graft_j__is_iterable(&pairs)) {
        GRAFT_TRY(add_quoted(j, &buffer, &pairs, false));
        return graft_j__finish(j, &buffer, out);
    }
    if (pairs.kind == GRAFT_J_DICT) {
        const graft_jmethod *items = graft_j__find_method(&pairs, "items", 5);
        GRAFT_TRY(items->run(j, &(graft_jcall){.self = call->self}, &pairs));
    }
    GRAFT_TRY(graft_j__iterate(j, &pairs, &iter));
    for (size_t i = 0;; i++) {
        graft_jvalue pair;
        graft_jlist *parts;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &pair, &end));
        if (end) {
            break;
        }
        GRAFT_TRY(graft_j__collect(j, &pair, &parts));
        if (parts->n != 2) {
            return graft_j__fail(j, "urlencode needs pairs, not %zu values", parts->n);
        }
        GRAFT_TRY(graft_j__add_z(j, &buffer, i > 0 ? "&" : "", GRAFT_FROM_TEMPLATE));
        GRAFT_TRY(add_quoted(j, &buffer, &parts->items[0], true));
        GRAFT_TRY(graft_j__add_z(j, &buffer, "=", GRAFT_FROM_TEMPLATE));
        GRAFT_TRY(add_quoted(j, &buffer, &parts->items[1], true));
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

graft_status graft_jfilter__format(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jargs *args = call->args;
    const graft_jstring *format;
    graft_jvalue values;
    GRAFT_TRY(soft(j, call, &format));
    if (args->n > 0 && args->n_keywords > 0) {
        return graft_j__fail(j, "can't handle positional and keyword arguments at the same time");
    }
    if (args->n_keywords > 0) {
        graft_jdict *dict;
        GRAFT_TRY(graft_j__dict_new(j, &dict));
        for (size_t i = 0; i < args->n_keywords; i++) {
            GRAFT_TRY(graft_j__set_keyword(j, dict, &args->keywords[i]));
        }
        values = graft_j__dict(dict);
    } else {
        graft_jlist *list;
        GRAFT_TRY(graft_j__list_new(j, &list, args->n));
        memcpy(list->items, args->values, args->n * sizeof *args->values);
        list->n = args->n;
        values = graft_j__tuple(list);
    }
    status = graft_j__percent(j, format, &values, out);
done:
    return status;
}

graft_status graft_jfilter__tojson(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *indent = &call->p[1], *separators = &call->p[2];
    graft_jbuffer spaces = {0}, buffer = {0};
    graft_jvalue item, key, level;
    graft_jdumps how = {.ensure_ascii = graft_j__truth(&call->p[0]),
                        .sort_keys = graft_j__truth(&call->p[3])};
    bool lines = indent->kind != GRAFT_J_MISSING && indent->kind != GRAFT_J_NONE;
    GRAFT_TRY(graft_j__string_z(j, &item, lines ? "," : ", "));
    GRAFT_TRY(graft_j__string_z(j, &key, ": "));
    how.item_separator = item.u.s;
    how.key_separator = key.u.s;
    if (lines && indent->kind == GRAFT_J_STRING) {
        how.indent = indent->u.s;
    } else if (lines) {
        int64_t n;
        GRAFT_TRY(graft_j__need_int(j, indent, "indent", &n));
        GRAFT_TRY(add_spaces(j, &spaces, n));
        GRAFT_TRY(graft_j__finish(j, &spaces, &level));
        how.indent = level.u.s;
    }
    if (separators->kind != GRAFT_J_MISSING && separators->kind != GRAFT_J_NONE) {
        graft_jlist *two;
        GRAFT_TRY(graft_j__collect(j, separators, &two));
        if (two->n != 2) {
            return graft_j__fail(j, "tojson needs two separators, not %zu", two->n);
        }
        GRAFT_TRY(graft_j__need_string(j, &two->items[0], "a separator", &how.item_separator));
        GRAFT_TRY(graft_j__need_string(j, &two->items[1], "a separator", &how.key_separator));
    }
    GRAFT_TRY(graft_j__dumps(j, call->self, &how, &buffer));
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}
