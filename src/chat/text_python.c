/* chat/text_python.c - Python's functions on strings: strip, split, replace, upper, ... */
#include "chat/text.h"

#include <string.h>

#include "chat/jinja.h"
#include "core/strings.h"

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
        } else if (how == GRAFT_J_FOLD) {
            n = graft_unicode__to_folded(c, to);
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
