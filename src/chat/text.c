/* chat/text.c - building and cutting template strings; every byte keeps its origin. */
#include "chat/text.h"

#include <string.h>

#include "chat/jinja.h"
#include "core/memory.h"
#include "core/strings.h"

/* ---- buffers ---- */

static graft_status make_room(graft_jinja *j, graft_jbuffer *out, size_t n, bool with_origin)
{
    graft_status status = GRAFT_OK;
    size_t need, capacity = out->capacity;
    if (!graft_size_add(out->n, n, &need)) {
        need = SIZE_MAX;
    }
    with_origin |= out->origin != NULL;
    if (need > capacity) {
        capacity = need < 32 ? 64 : need <= SIZE_MAX / 2 ? need * 2 : need;
        char *data;
        GRAFT_TRY(graft_j__bytes(j, &data, capacity));
        if (out->n > 0) {
            memcpy(data, out->data, out->n);
        }
        out->data = data;
    }
    if (with_origin && (out->origin == NULL || capacity > out->capacity)) {
        char *origin;
        GRAFT_TRY(graft_j__bytes(j, &origin, capacity));
        if (out->origin != NULL) {
            memcpy(origin, out->origin, out->n);
        } else {
            memset(origin, out->uniform, out->n);
        }
        out->origin = origin;
    }
    out->capacity = capacity;
done:
    return status;
}

static size_t count_chars(const char *bytes, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++) {
        chars += ((unsigned char)bytes[i] & 0xc0) != 0x80;
    }
    return chars;
}

/* origins NULL: all of them are `uniform`. */
static graft_status append(graft_jinja *j, graft_jbuffer *out, const char *bytes, size_t n,
                           const char *origins, uint8_t uniform, size_t n_chars)
{
    if (n == 0) {
        return GRAFT_OK;
    }
    if (out->n == 0) {
        out->uniform = uniform;
    }
    bool mixed = origins != NULL || (out->origin == NULL && uniform != out->uniform);
    graft_status status = make_room(j, out, n, mixed);
    if (status == GRAFT_OK) {
        memcpy(out->data + out->n, bytes, n);
        if (origins != NULL) {
            memcpy(out->origin + out->n, origins, n);
        } else if (out->origin != NULL) {
            memset(out->origin + out->n, uniform, n);
        }
        out->n += n;
        out->n_chars += n_chars;
    }
    return status;
}

graft_status graft_j__add(graft_jinja *j, graft_jbuffer *out, const char *bytes, size_t n,
                          uint8_t origin)
{
    return append(j, out, bytes, n, NULL, origin, count_chars(bytes, n));
}

graft_status graft_j__add_z(graft_jinja *j, graft_jbuffer *out, const char *text, uint8_t origin)
{
    return graft_j__add(j, out, text, strlen(text), origin);
}

graft_status graft_j__add_string(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s)
{
    return append(j, out, s->data, s->n, s->origin, s->uniform, s->n_chars);
}

graft_status graft_j__add_part(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s,
                               size_t from, size_t to)
{
    const char *origins = s->origin != NULL ? s->origin + from : NULL;
    return append(j, out, s->data + from, to - from, origins, s->uniform,
                  count_chars(s->data + from, to - from));
}

graft_status graft_j__add_escaped(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s)
{
    static const char special[] = "&<>'\"";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    graft_status status = GRAFT_OK;
    size_t from = 0;
    for (size_t i = 0; i < s->n && !s->markup; i++) {
        const char *found = s->data[i] != '\0' ? strchr(special, s->data[i]) : NULL;
        if (found != NULL) {
            GRAFT_TRY(graft_j__add_part(j, out, s, from, i));
            GRAFT_TRY(graft_j__add_z(j, out, entities[found - special], graft_j__origin_at(s, i)));
            from = i + 1;
        }
    }
    status = graft_j__add_part(j, out, s, from, s->n);
done:
    return status;
}

static graft_status new_string(graft_jinja *j, graft_jvalue *out, graft_jstring what)
{
    graft_jstring *s;
    graft_status status = graft_j__alloc(j, &s, 1, sizeof *s);
    if (status == GRAFT_OK) {
        *s = what;
        *out = (graft_jvalue){.kind = GRAFT_J_STRING, .origin = what.uniform, .u.s = s};
    }
    return status;
}

graft_status graft_j__finish(graft_jinja *j, graft_jbuffer *buffer, graft_jvalue *out)
{
    return new_string(j, out,
                      (graft_jstring){.data = buffer->data != NULL ? buffer->data : "",
                                      .origin = buffer->origin,
                                      .n = buffer->n,
                                      .n_chars = buffer->n_chars,
                                      .uniform = buffer->n > 0 ? buffer->uniform
                                                               : GRAFT_FROM_TEMPLATE});
}

/* ---- strings ---- */

graft_status graft_j__string(graft_jinja *j, graft_jvalue *out, const char *bytes, size_t n,
                             uint8_t origin)
{
    return new_string(j, out,
                      (graft_jstring){.data = bytes != NULL ? bytes : "",
                                      .n = n,
                                      .n_chars = count_chars(bytes, n),
                                      .uniform = origin});
}

graft_status graft_j__string_z(graft_jinja *j, graft_jvalue *out, const char *text)
{
    return graft_j__string(j, out, text, strlen(text), GRAFT_FROM_TEMPLATE);
}

graft_status graft_j__to_string(graft_jinja *j, const graft_jvalue *value, const graft_jstring **out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    graft_jvalue text;
    if (value->kind == GRAFT_J_STRING) {
        *out = value->u.s;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__add_str(j, &buffer, value));
    GRAFT_TRY(graft_j__finish(j, &buffer, &text));
    *out = text.u.s;
done:
    return status;
}

graft_status graft_j__need_string(graft_jinja *j, const graft_jvalue *value, const char *what,
                                  const graft_jstring **out)
{
    if (value->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, value);
    }
    if (value->kind != GRAFT_J_STRING) {
        return graft_j__fail(j, "%s must be a string, not '%s'", what, graft_j__type_name(value));
    }
    *out = value->u.s;
    return GRAFT_OK;
}

graft_status graft_j__as_markup(graft_jinja *j, const graft_jstring *s, graft_jvalue *out)
{
    graft_jstring copy = *s;
    copy.markup = true;
    return new_string(j, out, copy);
}

graft_status graft_j__escape(graft_jinja *j, const graft_jstring *s, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    GRAFT_TRY(graft_j__add_escaped(j, &buffer, s));
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    status = graft_j__as_markup(j, out->u.s, out);
done:
    return status;
}

graft_status graft_j__cut(graft_jinja *j, const graft_jstring *s, size_t from, size_t to,
                          graft_jvalue *out)
{
    graft_jstring part = *s;
    part.data += from;
    part.n = to - from;
    part.n_chars = s->n_chars == s->n ? part.n : count_chars(part.data, part.n);
    if (s->origin != NULL) {
        part.origin += from;
    }
    if (part.n == 0) {
        part.origin = NULL;
        part.uniform = GRAFT_FROM_TEMPLATE;
    }
    return new_string(j, out, part);
}

size_t graft_j__byte_at(const graft_jstring *s, size_t at)
{
    if (s->n_chars == s->n || at == 0) {
        return at < s->n ? at : s->n;
    }
    size_t byte = 0;
    for (; byte < s->n; byte++) {
        if (((unsigned char)s->data[byte] & 0xc0) != 0x80 && at-- == 0) {
            break;
        }
    }
    return byte;
}

size_t graft_j__chars_before(const graft_jstring *s, size_t byte)
{
    return s->n_chars == s->n ? byte : count_chars(s->data, byte);
}

uint8_t graft_j__origin_at(const graft_jstring *s, size_t byte)
{
    return s->origin != NULL ? (uint8_t)s->origin[byte] : s->uniform;
}

bool graft_j__is(const graft_jstring *s, const char *text)
{
    return strlen(text) == s->n && memcmp(s->data, text, s->n) == 0;
}

bool graft_j__same(const graft_jstring *a, const graft_jstring *b)
{
    return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

size_t graft_j__find(const graft_jstring *s, size_t from, size_t to, const graft_jstring *needle)
{
    if (from > to || needle->n > to - from) {
        return SIZE_MAX;
    }
    const char *found = memmem(s->data + from, to - from, needle->data, needle->n);
    return found != NULL ? (size_t)(found - s->data) : SIZE_MAX;
}

size_t graft_j__rfind(const graft_jstring *s, size_t from, size_t to, const graft_jstring *needle)
{
    if (from > to || needle->n > to - from) {
        return SIZE_MAX;
    }
    for (size_t at = to - needle->n + 1; at-- > from;) {
        if (memcmp(s->data + at, needle->data, needle->n) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

/* ---- Python's string functions ---- */

/* Code point at byte `at`; *bytes tells how many it has. */
static uint32_t char_at(const graft_jstring *s, size_t at, size_t *bytes)
{
    uint32_t c = 0;
    *bytes = graft_utf8_decode(s->data + at, s->n - at, &c);
    if (*bytes == 0) {
        *bytes = 1; /* cannot happen: inputs are valid UTF-8 */
    }
    return c;
}

static bool strips(const graft_jstring *s, size_t at, size_t bytes, const graft_jstring *chars)
{
    if (chars == NULL) {
        return graft_unicode__is_space(char_at(s, at, &bytes));
    }
    return memmem(chars->data, chars->n, s->data + at, bytes) != NULL;
}

static size_t char_before(const graft_jstring *s, size_t at)
{
    do {
        at--;
    } while (at > 0 && ((unsigned char)s->data[at] & 0xc0) == 0x80);
    return at;
}

graft_status graft_j__strip(graft_jinja *j, const graft_jstring *s, const graft_jstring *chars,
                            int sides, graft_jvalue *out)
{
    size_t from = 0, to = s->n, bytes;
    while ((sides & GRAFT_J_LEFT) != 0 && from < to) {
        char_at(s, from, &bytes);
        if (!strips(s, from, bytes, chars)) {
            break;
        }
        from += bytes;
    }
    while ((sides & GRAFT_J_RIGHT) != 0 && to > from) {
        size_t last = char_before(s, to);
        if (!strips(s, last, to - last, chars)) {
            break;
        }
        to = last;
    }
    return graft_j__cut(j, s, from, to, out);
}

static graft_status push_part(graft_jinja *j, graft_jlist *list, const graft_jstring *s, size_t from,
                              size_t to)
{
    graft_jvalue part;
    graft_status status = graft_j__cut(j, s, from, to, &part);
    return status == GRAFT_OK ? graft_j__list_push(j, list, part) : status;
}

/* The next word at or behind *at: [*from, *to). False if there is none. */
static bool next_word(const graft_jstring *s, size_t at, size_t *from, size_t *to)
{
    size_t bytes;
    while (at < s->n && graft_unicode__is_space(char_at(s, at, &bytes))) {
        at += bytes;
    }
    *from = at;
    while (at < s->n && !graft_unicode__is_space(char_at(s, at, &bytes))) {
        at += bytes;
    }
    *to = at;
    return *to > *from;
}

static graft_status split_words(graft_jinja *j, const graft_jstring *s, int64_t max, graft_jlist *out)
{
    graft_status status = GRAFT_OK;
    size_t from, to = 0;
    while (next_word(s, to, &from, &to)) {
        if (max == 0) { /* the rest, without the white space at its end */
            graft_jvalue rest;
            GRAFT_TRY(graft_j__cut(j, s, from, s->n, &rest));
            GRAFT_TRY(graft_j__strip(j, rest.u.s, NULL, GRAFT_J_RIGHT, &rest));
            status = graft_j__list_push(j, out, rest);
            goto done;
        }
        GRAFT_TRY(push_part(j, out, s, from, to));
        max -= max > 0;
    }
done:
    return status;
}

graft_status graft_j__split(graft_jinja *j, const graft_jstring *s, const graft_jstring *sep,
                            int64_t max, graft_jlist *out)
{
    graft_status status = graft_j__work(j, s->n / 64);
    if (status != GRAFT_OK || sep == NULL) {
        return status != GRAFT_OK ? status : split_words(j, s, max, out);
    }
    if (sep->n == 0) {
        return graft_j__fail(j, "empty separator");
    }
    size_t from = 0;
    for (size_t at; max != 0 && (at = graft_j__find(s, from, s->n, sep)) != SIZE_MAX;) {
        GRAFT_TRY(push_part(j, out, s, from, at));
        from = at + sep->n;
        max -= max > 0;
    }
    status = push_part(j, out, s, from, s->n);
done:
    return status;
}

static void reverse_list(graft_jlist *list)
{
    for (size_t a = 0, b = list->n; a + 1 < b; a++, b--) {
        graft_jvalue swap = list->items[a];
        list->items[a] = list->items[b - 1];
        list->items[b - 1] = swap;
    }
}

static graft_status rsplit_words(graft_jinja *j, const graft_jstring *s, int64_t max,
                                 graft_jlist *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue rest;
    GRAFT_TRY(graft_j__strip(j, s, NULL, GRAFT_J_RIGHT, &rest));
    while (rest.u.s->n > 0) {
        const graft_jstring *r = rest.u.s;
        size_t from = r->n, bytes;
        if (max == 0) {
            GRAFT_TRY(graft_j__strip(j, r, NULL, GRAFT_J_LEFT, &rest));
            GRAFT_TRY(graft_j__list_push(j, out, rest));
            break;
        }
        while (from > 0 && !graft_unicode__is_space(char_at(r, char_before(r, from), &bytes))) {
            from = char_before(r, from);
        }
        GRAFT_TRY(push_part(j, out, r, from, r->n));
        GRAFT_TRY(graft_j__cut(j, r, 0, from, &rest));
        GRAFT_TRY(graft_j__strip(j, rest.u.s, NULL, GRAFT_J_RIGHT, &rest));
        max -= max > 0;
    }
    reverse_list(out);
done:
    return status;
}

graft_status graft_j__rsplit(graft_jinja *j, const graft_jstring *s, const graft_jstring *sep,
                             int64_t max, graft_jlist *out)
{
    graft_status status = GRAFT_OK;
    if (sep == NULL) {
        return rsplit_words(j, s, max, out);
    }
    if (sep->n == 0) {
        return graft_j__fail(j, "empty separator");
    }
    size_t to = s->n;
    for (size_t at; max != 0 && (at = graft_j__rfind(s, 0, to, sep)) != SIZE_MAX;) {
        GRAFT_TRY(push_part(j, out, s, at + sep->n, to));
        to = at;
        max -= max > 0;
    }
    GRAFT_TRY(push_part(j, out, s, 0, to));
    reverse_list(out);
done:
    return status;
}

graft_status graft_j__splitlines(graft_jinja *j, const graft_jstring *s, bool keep, graft_jlist *out)
{
    graft_status status = GRAFT_OK;
    size_t from = 0, bytes;
    for (size_t at = 0; at < s->n; at += bytes) {
        uint32_t c = char_at(s, at, &bytes);
        if ((c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
            c == 0x2029) {
            if (c == '\r' && at + 1 < s->n && s->data[at + 1] == '\n') {
                bytes = 2;
            }
            GRAFT_TRY(push_part(j, out, s, from, keep ? at + bytes : at));
            from = at + bytes;
        }
    }
    if (from < s->n) {
        status = push_part(j, out, s, from, s->n);
    }
done:
    return status;
}

/* An empty `old` stands before every character and at the end. */
static graft_status insert_everywhere(graft_jinja *j, const graft_jstring *s,
                                      const graft_jstring *new_, int64_t max, graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    size_t bytes = 0;
    for (size_t at = 0; at <= s->n; at += bytes) {
        if (max != 0) {
            GRAFT_TRY(graft_j__add_string(j, out, new_));
            max -= max > 0;
        }
        if (at == s->n) {
            break;
        }
        char_at(s, at, &bytes);
        GRAFT_TRY(graft_j__add_part(j, out, s, at, at + bytes));
    }
done:
    return status;
}

graft_status graft_j__replace(graft_jinja *j, const graft_jstring *s, const graft_jstring *old,
                              const graft_jstring *new_, int64_t max, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    size_t from = 0;
    GRAFT_TRY(graft_j__work(j, s->n / 64));
    if (old->n == 0) {
        GRAFT_TRY(insert_everywhere(j, s, new_, max, &buffer));
        status = graft_j__finish(j, &buffer, out);
        goto done;
    }
    for (size_t at; max != 0 && (at = graft_j__find(s, from, s->n, old)) != SIZE_MAX;) {
        GRAFT_TRY(graft_j__add_part(j, &buffer, s, from, at));
        GRAFT_TRY(graft_j__add_string(j, &buffer, new_));
        from = at + old->n;
        max -= max > 0;
    }
    if (from == 0) {
        status = graft_j__cut(j, s, 0, s->n, out); /* nothing found: the string itself */
        goto done;
    }
    GRAFT_TRY(graft_j__add_part(j, &buffer, s, from, s->n));
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

/* Python's lower() of a capital sigma: a final one has its own letter. */
static bool is_final_sigma(const graft_jstring *s, size_t at, size_t bytes)
{
    bool before = false;
    size_t n;
    for (size_t i = at; i > 0;) {
        i = char_before(s, i);
        uint32_t c = char_at(s, i, &n);
        if (!graft_unicode__is_case_ignorable(c)) {
            before = graft_unicode__is_cased(c);
            break;
        }
    }
    for (size_t i = at + bytes; before && i < s->n; i += n) {
        uint32_t c = char_at(s, i, &n);
        if (!graft_unicode__is_case_ignorable(c)) {
            return !graft_unicode__is_cased(c);
        }
    }
    return before;
}

graft_status graft_j__recase(graft_jinja *j, const graft_jstring *s, graft_jcase how,
                             graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    bool in_word = false;
    size_t bytes;
    for (size_t at = 0; at < s->n; at += bytes) {
        uint32_t to[3], c = char_at(s, at, &bytes);
        bool begins = how == GRAFT_J_TITLE ? !in_word : at == 0;
        size_t n;
        if (how == GRAFT_J_UPPER || (how == GRAFT_J_SWAP && graft_unicode__is_lower(c))) {
            n = graft_unicode__to_upper(c, to);
        } else if (begins && (how == GRAFT_J_TITLE || how == GRAFT_J_CAPITALIZE)) {
            n = graft_unicode__to_title(c, to);
        } else if (how == GRAFT_J_SWAP && !graft_unicode__is_upper(c)) {
            to[0] = c;
            n = 1;
        } else {
            n = graft_unicode__to_lower(c, to);
            if (c == 0x3a3) {
                to[0] = is_final_sigma(s, at, bytes) ? 0x3c2 : 0x3c3;
            }
        }
        for (size_t i = 0; i < n; i++) {
            char utf8[4];
            GRAFT_TRY(graft_j__add(j, &buffer, utf8, graft_utf8_encode(to[i], utf8),
                                   graft_j__origin_at(s, at)));
        }
        in_word = graft_unicode__is_cased(c);
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

bool graft_j__all_cased(const graft_jstring *s, bool upper)
{
    bool any = false;
    size_t bytes;
    for (size_t at = 0; at < s->n; at += bytes) {
        uint32_t c = char_at(s, at, &bytes);
        if (graft_unicode__is_cased(c)) {
            if (!(upper ? graft_unicode__is_upper(c) : graft_unicode__is_lower(c))) {
                return false;
            }
            any = true;
        }
    }
    return any;
}
