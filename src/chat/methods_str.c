/* chat/methods_str.c - the methods of str. */
#include <string.h>

#include "chat/methods.h"
#include "core/strings.h"

static const graft_jstring *self_string(const graft_jcall *call)
{
    return call->self->u.s;
}

/* Parameter i as a string or, where it is left out or none, NULL. */
static graft_status optional_string(graft_jinja *j, const graft_jcall *call, size_t i,
                                    const char *what, const graft_jstring **out)
{
    *out = NULL;
    if (call->p[i].kind == GRAFT_J_MISSING || call->p[i].kind == GRAFT_J_NONE) {
        return GRAFT_OK;
    }
    return graft_j__need_string(j, &call->p[i], what, out);
}

graft_status graft_jmethod__optional_int(graft_jinja *j, const graft_jcall *call, size_t i, int64_t otherwise,
                                 int64_t *out)
{
    *out = otherwise;
    if (call->p[i].kind == GRAFT_J_MISSING || call->p[i].kind == GRAFT_J_NONE) {
        return GRAFT_OK;
    }
    return graft_j__need_int(j, &call->p[i], "an argument", out);
}

/* The bytes that [p[i]:p[i + 1]] means. False if the slice begins behind the end. */
static graft_status byte_range(graft_jinja *j, const graft_jcall *call, size_t i, size_t *from,
                               size_t *to, bool *inside)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call);
    int64_t n = (int64_t)s->n_chars, start, end;
    GRAFT_TRY(graft_jmethod__optional_int(j, call, i, 0, &start));
    GRAFT_TRY(graft_jmethod__optional_int(j, call, i + 1, n, &end));
    start = start < -n ? 0 : start < 0 ? start + n : start;
    end = end < -n ? 0 : end < 0 ? end + n : end > n ? n : end;
    *inside = start <= n && start <= end;
    *from = graft_j__byte_at(s, (size_t)(start < n ? start : n));
    *to = graft_j__byte_at(s, (size_t)end);
done:
    return status;
}

/* ---- str ---- */

static graft_status recase(graft_jinja *j, const graft_jcall *call, graft_jcase how,
                           graft_jvalue *out)
{
    return graft_j__recase(j, self_string(call), how, out);
}

static graft_status str_upper(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_UPPER, out);
}

static graft_status str_lower(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_LOWER, out);
}

static graft_status str_casefold(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_FOLD, out);
}

static graft_status str_title(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_TITLE, out);
}

static graft_status str_capitalize(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_CAPITALIZE, out);
}

static graft_status str_swapcase(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return recase(j, call, GRAFT_J_SWAP, out);
}

static graft_status strip(graft_jinja *j, const graft_jcall *call, int sides, graft_jvalue *out)
{
    const graft_jstring *chars;
    graft_status status = optional_string(j, call, 0, "strip arg", &chars);
    return status == GRAFT_OK ? graft_j__strip(j, self_string(call), chars, sides, out) : status;
}

static graft_status str_strip(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return strip(j, call, GRAFT_J_LEFT | GRAFT_J_RIGHT, out);
}

static graft_status str_lstrip(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return strip(j, call, GRAFT_J_LEFT, out);
}

static graft_status str_rstrip(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return strip(j, call, GRAFT_J_RIGHT, out);
}

typedef graft_status splitter(graft_jinja *j, const graft_jstring *s, const graft_jstring *sep,
                              int64_t max, graft_jlist *out);

static graft_status split(graft_jinja *j, const graft_jcall *call, splitter *how, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *sep;
    graft_jlist *list;
    int64_t max;
    GRAFT_TRY(optional_string(j, call, 0, "the separator", &sep));
    GRAFT_TRY(graft_jmethod__optional_int(j, call, 1, -1, &max));
    GRAFT_TRY(graft_j__list_new(j, &list, 0));
    GRAFT_TRY(how(j, self_string(call), sep, max, list));
    *out = graft_j__list(list);
done:
    return status;
}

static graft_status str_split(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return split(j, call, graft_j__split, out);
}

static graft_status str_rsplit(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return split(j, call, graft_j__rsplit, out);
}

static graft_status str_splitlines(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *list;
    GRAFT_TRY(graft_j__list_new(j, &list, 0));
    GRAFT_TRY(graft_j__splitlines(j, self_string(call), graft_j__truth(&call->p[0]), list));
    *out = graft_j__list(list);
done:
    return status;
}

static graft_status partition(graft_jinja *j, const graft_jcall *call, bool last, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call), *sep;
    graft_jlist *list;
    GRAFT_TRY(graft_j__need_string(j, &call->p[0], "the separator", &sep));
    if (sep->n == 0) {
        return graft_j__fail(j, "empty separator");
    }
    GRAFT_TRY(graft_j__work(j, s->n / 64 * (sep->n / 64 + 1)));
    size_t at = last ? graft_j__rfind(s, 0, s->n, sep) : graft_j__find(s, 0, s->n, sep);
    size_t from = at != SIZE_MAX ? at : last ? 0 : s->n;
    size_t to = at != SIZE_MAX ? at + sep->n : from;
    GRAFT_TRY(graft_j__list_new(j, &list, 3));
    GRAFT_TRY(graft_j__cut(j, s, 0, from, &list->items[0]));
    GRAFT_TRY(graft_j__cut(j, s, from, to, &list->items[1]));
    GRAFT_TRY(graft_j__cut(j, s, to, s->n, &list->items[2]));
    list->n = 3;
    *out = graft_j__tuple(list);
done:
    return status;
}

static graft_status str_partition(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return partition(j, call, false, out);
}

static graft_status str_rpartition(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return partition(j, call, true, out);
}

/* startswith and endswith: of one string or any of a tuple. */
static graft_status affix(graft_jinja *j, const graft_jcall *call, bool suffix, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call), *part;
    bool inside, hit = false, many = call->p[0].kind == GRAFT_J_TUPLE;
    size_t from, to, n = many ? call->p[0].u.list->n : 1;
    GRAFT_TRY(byte_range(j, call, 1, &from, &to, &inside));
    for (size_t i = 0; i < n && !hit; i++) {
        const graft_jvalue *arg = many ? &call->p[0].u.list->items[i] : &call->p[0];
        GRAFT_TRY(graft_j__need_string(
            j, arg, suffix ? "endswith first arg" : "startswith first arg", &part));
        hit = inside && part->n <= to - from &&
              memcmp(s->data + (suffix ? to - part->n : from), part->data, part->n) == 0;
    }
    *out = graft_j__bool(hit);
done:
    return status;
}

static graft_status str_startswith(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return affix(j, call, false, out);
}

static graft_status str_endswith(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return affix(j, call, true, out);
}

static graft_status remove_affix(graft_jinja *j, const graft_jcall *call, bool suffix,
                                 graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call), *part;
    GRAFT_TRY(graft_j__need_string(j, &call->p[0], "the argument", &part));
    bool has = part->n <= s->n &&
               memcmp(s->data + (suffix ? s->n - part->n : 0), part->data, part->n) == 0;
    status = graft_j__cut(j, s, has && !suffix ? part->n : 0, has && suffix ? s->n - part->n : s->n,
                          out);
done:
    return status;
}

static graft_status str_removeprefix(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return remove_affix(j, call, false, out);
}

static graft_status str_removesuffix(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return remove_affix(j, call, true, out);
}

/* The place of p[0] as a number of characters, -1 if absent. */
static graft_status place(graft_jinja *j, const graft_jcall *call, bool last, int64_t *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call), *needle;
    size_t from, to, at = SIZE_MAX;
    bool inside;
    GRAFT_TRY(graft_j__need_string(j, &call->p[0], "the argument", &needle));
    GRAFT_TRY(byte_range(j, call, 1, &from, &to, &inside));
    GRAFT_TRY(graft_j__work(j, s->n / 64 * (needle->n / 64 + 1)));
    if (inside) {
        at = last ? graft_j__rfind(s, from, to, needle) : graft_j__find(s, from, to, needle);
    }
    *out = at == SIZE_MAX ? -1 : (int64_t)graft_j__chars_before(s, at);
done:
    return status;
}

static graft_status find(graft_jinja *j, const graft_jcall *call, bool last, bool must,
                         graft_jvalue *out)
{
    int64_t at;
    graft_status status = place(j, call, last, &at);
    if (status == GRAFT_OK && at < 0 && must) {
        return graft_j__fail(j, "substring not found");
    }
    *out = graft_j__int(status == GRAFT_OK ? at : -1);
    return status;
}

static graft_status str_find(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return find(j, call, false, false, out);
}

static graft_status str_rfind(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return find(j, call, true, false, out);
}

static graft_status str_index(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return find(j, call, false, true, out);
}

static graft_status str_rindex(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return find(j, call, true, true, out);
}

static graft_status str_count(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call), *needle;
    size_t from, to, n = 0;
    bool inside;
    GRAFT_TRY(graft_j__need_string(j, &call->p[0], "the argument", &needle));
    GRAFT_TRY(byte_range(j, call, 1, &from, &to, &inside));
    GRAFT_TRY(graft_j__work(j, s->n / 64));
    if (inside && needle->n == 0) {
        n = graft_j__chars_before(s, to) - graft_j__chars_before(s, from) + 1;
    }
    for (size_t at; inside && needle->n > 0 && (at = graft_j__find(s, from, to, needle)) != SIZE_MAX;) {
        n++;
        from = at + needle->n;
    }
    *out = graft_j__int((int64_t)n);
done:
    return status;
}

static graft_status str_replace(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *old, *new_;
    graft_jvalue escaped;
    int64_t max;
    GRAFT_TRY(graft_j__need_string(j, &call->p[0], "replace() argument 1", &old));
    GRAFT_TRY(graft_j__need_string(j, &call->p[1], "replace() argument 2", &new_));
    GRAFT_TRY(graft_jmethod__optional_int(j, call, 2, -1, &max));
    if (self_string(call)->markup) {
        GRAFT_TRY(graft_j__escape(j, new_, &escaped));
        new_ = escaped.u.s;
    }
    status = graft_j__replace(j, self_string(call), old, new_, max, out);
done:
    return status;
}

static graft_status str_join(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *separator = self_string(call);
    graft_jbuffer buffer = {0};
    graft_jiter *iter;
    GRAFT_TRY(graft_j__iterate(j, &call->p[0], &iter));
    for (size_t i = 0;; i++) {
        graft_jvalue item;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            break;
        }
        if (item.kind != GRAFT_J_STRING) {
            return graft_j__fail(j, "sequence item %zu: expected str instance, %s found", i,
                                 graft_j__type_name(&item));
        }
        if (i > 0) {
            GRAFT_TRY(graft_j__add_string(j, &buffer, separator));
        }
        GRAFT_TRY((separator->markup ? graft_j__add_escaped : graft_j__add_string)(j, &buffer,
                                                                                   item.u.s));
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

static graft_status str_format(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return graft_j__str_format(j, self_string(call), call->args, out);
}

/* left and right: how much of the room goes to which side. */
static graft_status justify(graft_jinja *j, const graft_jcall *call, int sides, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call), *fill;
    graft_jbuffer buffer = {0};
    int64_t width;
    GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the width", &width));
    GRAFT_TRY(optional_string(j, call, 1, "the fill character", &fill));
    if (fill != NULL && fill->n_chars != 1) {
        return graft_j__fail(j, "The fill character must be exactly one character long");
    }
    int64_t room = width > (int64_t)s->n_chars ? width - (int64_t)s->n_chars : 0;
    /* center: Python gives the odd one to the left when the width is odd */
    int64_t left = sides == GRAFT_J_LEFT ? room : sides == 0 ? 0 : room / 2 + (room & width & 1);
    for (int64_t i = 0; i <= room; i++) {
        if (i == left) {
            GRAFT_TRY(graft_j__add_string(j, &buffer, s));
        }
        if (i < room && fill != NULL) {
            GRAFT_TRY(graft_j__add_string(j, &buffer, fill));
        } else if (i < room) {
            GRAFT_TRY(graft_j__add_z(j, &buffer, " ", GRAFT_FROM_TEMPLATE));
        }
        GRAFT_TRY(graft_j__work(j, (size_t)(i & 15) == 0));
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

static graft_status str_ljust(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return justify(j, call, 0, out);
}

static graft_status str_rjust(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return justify(j, call, GRAFT_J_LEFT, out);
}

static graft_status str_center(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return justify(j, call, GRAFT_J_LEFT | GRAFT_J_RIGHT, out);
}

static graft_status str_zfill(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = self_string(call);
    graft_jbuffer buffer = {0};
    int64_t width;
    GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the width", &width));
    size_t sign = s->n > 0 && (s->data[0] == '+' || s->data[0] == '-') ? 1 : 0;
    GRAFT_TRY(graft_j__add_part(j, &buffer, s, 0, sign));
    for (int64_t i = (int64_t)s->n_chars; i < width; i++) {
        GRAFT_TRY(graft_j__add_z(j, &buffer, "0", GRAFT_FROM_TEMPLATE));
        GRAFT_TRY(graft_j__work(j, (size_t)(i & 15) == 0));
    }
    GRAFT_TRY(graft_j__add_part(j, &buffer, s, sign, s->n));
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

/* True if there are characters and all satisfy the predicate. */
static graft_status all_chars(const graft_jcall *call, bool (*is)(uint32_t), graft_jvalue *out)
{
    const graft_jstring *s = self_string(call);
    bool all = s->n > 0;
    for (size_t at = 0; at < s->n && all;) {
        uint32_t c = 0;
        size_t bytes = graft_utf8_decode(s->data + at, s->n - at, &c);
        all = is(c);
        at += bytes == 0 ? 1 : bytes;
    }
    *out = graft_j__bool(all);
    return GRAFT_OK;
}

static bool is_alnum(uint32_t c)
{
    return graft_unicode__is_alpha(c) || graft_unicode__is_digit(c);
}

static bool is_ascii(uint32_t c)
{
    return c < 0x80;
}

static graft_status str_isalpha(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    return all_chars(call, graft_unicode__is_alpha, out);
}

static graft_status str_isdigit(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    return all_chars(call, graft_unicode__is_digit, out);
}

static graft_status str_isalnum(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    return all_chars(call, is_alnum, out);
}

static graft_status str_isspace(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    return all_chars(call, graft_unicode__is_space, out);
}

static graft_status str_isascii(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    graft_status status = all_chars(call, is_ascii, out);
    out->u.b |= self_string(call)->n == 0;
    return status;
}

static graft_status str_isupper(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    *out = graft_j__bool(graft_j__all_cased(self_string(call), true));
    return GRAFT_OK;
}

static graft_status str_islower(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    *out = graft_j__bool(graft_j__all_cased(self_string(call), false));
    return GRAFT_OK;
}

/* ---- the table ---- */

/* name, signature, function, hidden by the sandbox, strings of markup stay markup */
const graft_jmethod graft_jmethods_of_str[] = {
    {"upper", "", str_upper, false, true},
    {"lower", "", str_lower, false, true},
    {"casefold", "", str_casefold, false, true},
    {"title", "", str_title, false, true},
    {"capitalize", "", str_capitalize, false, true},
    {"swapcase", "", str_swapcase, false, true},
    {"strip", "/chars=", str_strip, false, true},
    {"lstrip", "/chars=", str_lstrip, false, true},
    {"rstrip", "/chars=", str_rstrip, false, true},
    {"split", "sep=,maxsplit=", str_split, false, true},
    {"rsplit", "sep=,maxsplit=", str_rsplit, false, true},
    {"splitlines", "keepends=", str_splitlines, false, true},
    {"partition", "/sep", str_partition, false, true},
    {"rpartition", "/sep", str_rpartition, false, true},
    {"startswith", "/prefix,start=,end=", str_startswith, false, false},
    {"endswith", "/suffix,start=,end=", str_endswith, false, false},
    {"removeprefix", "/prefix", str_removeprefix, false, true},
    {"removesuffix", "/suffix", str_removesuffix, false, true},
    {"find", "/sub,start=,end=", str_find, false, false},
    {"rfind", "/sub,start=,end=", str_rfind, false, false},
    {"index", "/sub,start=,end=", str_index, false, false},
    {"rindex", "/sub,start=,end=", str_rindex, false, false},
    {"count", "/sub,start=,end=", str_count, false, false},
    {"replace", "/old,new,count=", str_replace, false, true},
    {"join", "/iterable", str_join, false, true},
    {"format", NULL, str_format, false, true},
    {"ljust", "/width,fillchar=", str_ljust, false, true},
    {"rjust", "/width,fillchar=", str_rjust, false, true},
    {"center", "/width,fillchar=", str_center, false, true},
    {"zfill", "/width", str_zfill, false, true},
    {"isalpha", "", str_isalpha, false, false},
    {"isdigit", "", str_isdigit, false, false},
    {"isdecimal", "", str_isdigit, false, false},
    {"isnumeric", "", str_isdigit, false, false},
    {"isalnum", "", str_isalnum, false, false},
    {"isspace", "", str_isspace, false, false},
    {"isascii", "", str_isascii, false, false},
    {"isupper", "", str_isupper, false, false},
    {"islower", "", str_islower, false, false},
    {"istitle", NULL, NULL, false, false},
    {"isidentifier", NULL, NULL, false, false},
    {"isprintable", NULL, NULL, false, false},
    {"encode", NULL, NULL, false, false},
    {"expandtabs", NULL, NULL, false, false},
    {"format_map", NULL, NULL, false, false},
    {"maketrans", NULL, NULL, false, false},
    {"translate", NULL, NULL, false, false},
    {NULL, NULL, NULL, false, false},
};
