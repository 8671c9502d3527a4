/* export/grammar_text.c - literals, sets of characters, and text up to a mark. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "export/grammar_internal.h"

/* --- literals --- */

static graft_status append_escaped(graft_text *out, uint32_t c)
{
    bool plain = (c >= ' ' && c < 0x7f && c != '"' && c != '\\') || (c > 0xa0 && c < 0x2000);
    return plain         ? graft_text_append_codepoint(out, c)
           : c == '"'    ? graft_text_append_z(out, "\\\"")
           : c == '\\'   ? graft_text_append_z(out, "\\\\")
           : c == '\n'   ? graft_text_append_z(out, "\\n")
           : c < 0x100   ? graft_text_appendf(out, "\\x%02X", (unsigned)c)
           : c < 0x10000 ? graft_text_appendf(out, "\\u%04X", (unsigned)c)
                         : graft_text_appendf(out, "\\U%08X", (unsigned)c);
}

graft_status graft_grammar__literal(graft_text *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_char(out, '"'));
    for (size_t i = 0; i < n;) {
        uint32_t c = 0xfffd;
        size_t used = graft_utf8_decode(text + i, n - i, &c);
        GRAFT_TRY(append_escaped(out, c));
        i += used > 0 ? used : 1;
    }
    status = graft_text_append_char(out, '"');
done:
    return status;
}

graft_status graft_grammar__literal_z(graft_text *out, const char *text)
{
    return graft_grammar__literal(out, text, strlen(text));
}

static graft_status append_in_quotes(graft_text *out, unsigned char c, char quote)
{
    static const char short_of[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *at = c != 0 ? strchr(short_of, c) : NULL;
    if (c == (unsigned char)quote || c == '\\') {
        return graft_text_appendf(out, "\\%c", c);
    }
    return at != NULL  ? graft_text_appendf(out, "\\%c", letters[at - short_of])
           : c < 0x20  ? graft_text_appendf(out, "\\u%04x", c)
                       : graft_text_append_char(out, (char)c);
}

graft_status graft_grammar__quoted(graft_text *out, const char *text, size_t n, char quote)
{
    graft_status status = GRAFT_OK;
    graft_text spelled;
    graft_text_init(&spelled);
    GRAFT_TRY(graft_text_append_char(&spelled, quote));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(append_in_quotes(&spelled, (unsigned char)text[i], quote));
    }
    GRAFT_TRY(graft_text_append_char(&spelled, quote));
    status = graft_grammar__literal(out, spelled.data, spelled.len);
done:
    graft_text_clear(&spelled);
    return status;
}

/* --- sets of characters --- */

void graft_charset_add(graft_charset *set, uint32_t low, uint32_t high)
{
    if (set->n == GRAFT_GRAMMAR_MAX_RANGES) {
        set->overflow = true;
        return;
    }
    set->ranges[set->n].low = low;
    set->ranges[set->n++].high = high;
}

static int by_low(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b; /* `low` is the first member */
    return *x < *y ? -1 : *x > *y;
}

void graft_charset_sort(graft_charset *set)
{
    size_t n = 0;
    qsort(set->ranges, set->n, sizeof *set->ranges, by_low);
    for (size_t i = 0; i < set->n; i++) {
        if (n > 0 && set->ranges[i].low <= set->ranges[n - 1].high + 1) {
            uint32_t high = set->ranges[i].high;
            set->ranges[n - 1].high = high > set->ranges[n - 1].high ? high
                                                                     : set->ranges[n - 1].high;
        } else {
            set->ranges[n++] = set->ranges[i];
        }
    }
    set->n = n;
}

void graft_charset_invert(graft_charset *set)
{
    graft_charset out = {.overflow = set->overflow};
    uint32_t from = 0;
    graft_charset_sort(set);
    for (size_t i = 0; i < set->n; i++) {
        if (set->ranges[i].low > from) {
            graft_charset_add(&out, from, set->ranges[i].low - 1);
        }
        from = set->ranges[i].high + 1;
    }
    if (from <= 0x10ffff) {
        graft_charset_add(&out, from, 0x10ffff);
    }
    *set = out;
}

bool graft_charset_has(const graft_charset *set, uint32_t c)
{
    for (size_t i = 0; i < set->n; i++) {
        if (c >= set->ranges[i].low && c <= set->ranges[i].high) {
            return true;
        }
    }
    return false;
}

static graft_status append_bound(graft_text *out, uint32_t c)
{
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return plain         ? graft_text_append_char(out, (char)c)
           : c < 0x80    ? graft_text_appendf(out, "\\x%02X", (unsigned)c)
           : c < 0x10000 ? graft_text_appendf(out, "\\u%04X", (unsigned)c)
                         : graft_text_appendf(out, "\\U%08X", (unsigned)c);
}

/* The part of a range that is written as it is; the quote, the backslash and controls are not. */
static graft_status append_range(graft_text *out, uint32_t low, uint32_t high, char quote)
{
    graft_status status = GRAFT_OK;
    const uint32_t holes[] = {(unsigned char)quote, '\\', 0xd800};
    low = quote != 0 && low < 0x20 ? 0x20 : low;
    for (size_t i = 0; i < 3; i++) {
        uint32_t last = holes[i] == 0xd800 ? 0xdfff : holes[i];
        if ((quote == 0 && i < 2) || last < low || holes[i] > high || low > high) {
            continue;
        }
        if (holes[i] > low) {
            GRAFT_TRY(append_range(out, low, holes[i] - 1, quote));
        }
        return last < high ? append_range(out, last + 1, high, quote) : GRAFT_OK;
    }
    if (low > high) {
        goto done;
    }
    GRAFT_TRY(append_bound(out, low));
    if (high > low) {
        GRAFT_TRY(graft_text_append_char(out, '-'));
        GRAFT_TRY(append_bound(out, high));
    }
done:
    return status;
}

/* Alternatives for what a backslash stands before. */
static graft_status append_escapes(graft_text *out, const graft_charset *set, char quote)
{
    graft_status status = GRAFT_OK;
    const char special[] = {quote, '\\', '\b', '\f', '\n', '\r', '\t'};
    static const char letters[] = "?\\bfnrt";
    graft_text class;
    bool all = true;
    graft_text_init(&class);
    for (size_t i = 0; i < sizeof special; i++) {
        if (graft_charset_has(set, (unsigned char)special[i])) {
            GRAFT_TRY(append_bound(&class, (unsigned char)(i == 0 ? quote : letters[i])));
        }
    }
    if (class.len > 0) {
        GRAFT_TRY(graft_text_appendf(out, "%s\"\\\\\" [%s]", out->len > 0 ? " | " : "", class.data));
    }
    for (uint32_t c = 0; c < 0x20; c++) {
        all = all && graft_charset_has(set, c);
    }
    if (all) {
        GRAFT_TRY(graft_text_appendf(out, "%s\"\\\\u00\" [01] [0-9a-fA-F]",
                                     out->len > 0 ? " | " : ""));
    }
done:
    graft_text_clear(&class);
    return status;
}

graft_status graft_grammar__charset(graft_text *out, const graft_charset *set, char quote)
{
    graft_status status = GRAFT_OK;
    graft_text class, all;
    bool several;
    graft_text_init(&class);
    graft_text_init(&all);
    for (size_t i = 0; i < set->n; i++) {
        GRAFT_TRY(append_range(&class, set->ranges[i].low, set->ranges[i].high, quote));
    }
    if (class.len > 0) {
        GRAFT_TRY(graft_text_appendf(&all, "[%s]", class.data));
    }
    size_t before = all.len;
    if (quote != 0) {
        GRAFT_TRY(append_escapes(&all, set, quote));
    }
    several = all.len > before;
    if (all.len > 0) {
        GRAFT_TRY(graft_text_appendf(out, several ? "(%s)" : "%s", all.data));
    }
done:
    graft_text_clear(&class);
    graft_text_clear(&all);
    return status;
}

/* --- text up to a mark --- */

enum { MAX_MARK = 96 };

typedef struct mark_text {
    uint32_t c[MAX_MARK];
    size_t n;
    size_t border[MAX_MARK + 1]; /* of c[0..i): the longest proper part that begins and ends it */
} mark_text;

static void read_mark(mark_text *mark, const char *text)
{
    size_t n = strlen(text);
    mark->n = 0;
    for (size_t i = 0; i < n && mark->n < MAX_MARK;) {
        size_t used = graft_utf8_decode(text + i, n - i, &mark->c[mark->n]);
        mark->n += used > 0;
        i += used > 0 ? used : 1;
    }
    mark->border[0] = 0;
    for (size_t i = 1, k = 0; i <= mark->n; i++) {
        if (i == 1) {
            mark->border[1] = 0;
            continue;
        }
        while (k > 0 && mark->c[k] != mark->c[i - 1]) {
            k = mark->border[k];
        }
        k += mark->c[k] == mark->c[i - 1];
        mark->border[i] = k;
    }
}

/* How much of the mark stands at the end once `state` of it did and c follows (Knuth, Morris, Pratt). */
static size_t next_state(const mark_text *mark, size_t state, uint32_t c)
{
    while (state > 0 && mark->c[state] != c) {
        state = mark->border[state];
    }
    return state + (mark->c[state] == c);
}

static graft_status append_one(graft_text *out, uint32_t c)
{
    graft_status status = GRAFT_OK;
    char bytes[4];
    size_t n = graft_utf8_encode(c, bytes);
    status = graft_grammar__literal(out, bytes, n);
    return status;
}

static graft_status state_body(graft_text *body, const mark_text *mark, size_t state,
                               const graft_rule *names, const char *then, bool needed)
{
    graft_status status = GRAFT_OK;
    graft_text class;
    graft_text_init(&class);
    if (!needed) {
        GRAFT_TRY(graft_text_append_z(body, "|"));
    }
    for (size_t i = 0; i < mark->n; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++) {
            again = again || mark->c[k] == mark->c[i];
        }
        size_t next = next_state(mark, state, mark->c[i]);
        if (again) {
            continue;
        }
        GRAFT_TRY(append_bound(&class, mark->c[i]));
        if (next == mark->n && then == NULL) {
            continue;
        }
        GRAFT_TRY(graft_text_append_z(body, body->len > 1 ? " | " : " "));
        GRAFT_TRY(append_one(body, mark->c[i]));
        GRAFT_TRY(graft_text_appendf(body, " %s", next == mark->n ? then : names[next].name));
    }
    GRAFT_TRY(graft_text_appendf(body, " | [^%s] %s", class.data, names[0].name));
done:
    graft_text_clear(&class);
    return status;
}

graft_status graft_grammar__until(graft_grammar_maker *m, graft_rule *out, const char *mark,
                                  const char *then, bool needed)
{
    graft_status status = GRAFT_OK;
    mark_text text;
    graft_rule names[MAX_MARK];
    graft_text body;
    graft_text_init(&body);
    read_mark(&text, mark);
    for (size_t i = 0; i < text.n; i++) {
        GRAFT_TRY(graft_grammar__name(m, &names[i], "text"));
    }
    for (size_t i = 0; i < text.n; i++) {
        graft_text_clear(&body);
        GRAFT_TRY(state_body(&body, &text, i, names, then, needed));
        GRAFT_TRY(graft_grammar__define(m, &names[i], &body));
    }
    *out = names[0];
done:
    graft_text_clear(&body);
    return status;
}

/* --- keys that are not declared --- */

/* Keys[from..to) are sorted and share their first `depth` bytes. A string that is none of them goes on
 * like one of them up to some character, and then differs or ends. */
static graft_status other_than(graft_grammar_maker *m, graft_rule *out, const char *const *keys,
                               size_t from, size_t to, size_t depth, char quote)
{
    graft_status status = GRAFT_OK;
    graft_charset others = {0};
    graft_text body, plain;
    graft_rule inner;
    graft_text_init(&body);
    graft_text_init(&plain);
    bool ends = keys[from][depth] != 0;
    if (ends) {
        GRAFT_TRY(graft_grammar__literal(&body, &quote, 1));
    }
    for (size_t i = from; i < to;) {
        uint32_t c = 0;
        size_t used = graft_utf8_decode(keys[i] + depth, strlen(keys[i] + depth) + 1, &c), end = i;
        if (c == 0 || used == 0) {
            i++;
            continue;
        }
        while (end < to && strncmp(keys[end] + depth, keys[i] + depth, used) == 0) {
            end++;
        }
        graft_charset_add(&others, c, c);
        GRAFT_TRY(other_than(m, &inner, keys, i, end, depth + used, quote));
        GRAFT_TRY(graft_text_append_z(&body, body.len > 0 ? " | " : ""));
        plain.len = 0;
        graft_charset one = {.ranges = {{c, c}}, .n = 1};
        GRAFT_TRY(graft_grammar__charset(&plain, &one, quote));
        GRAFT_TRY(graft_text_appendf(&body, "%s %s", graft_text_z(&plain), inner.name));
        i = end;
    }
    graft_charset_invert(&others);
    plain.len = 0;
    GRAFT_TRY(graft_grammar__charset(&plain, &others, quote));
    GRAFT_TRY(graft_text_appendf(&body, "%s%s keychar%s* ", body.len > 0 ? " | " : "",
                                 graft_text_z(&plain), quote == '"' ? "" : "-single"));
    GRAFT_TRY(graft_grammar__literal(&body, &quote, 1));
    status = graft_grammar__rule(m, out, "key", &body);
done:
    graft_text_clear(&body);
    graft_text_clear(&plain);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

graft_status graft_grammar__other_key(graft_grammar_maker *m, graft_rule *out,
                                      const char *const *keys, size_t n, char quote)
{
    graft_status status = GRAFT_OK;
    const char **sorted = NULL;
    graft_rule rest;
    graft_text body;
    graft_text_init(&body);
    GRAFT_TRY(graft_grammar__literal(&body, &quote, 1));
    if (n == 0) {
        GRAFT_TRY(graft_text_appendf(&body, " keychar%s* ", quote == '"' ? "" : "-single"));
        GRAFT_TRY(graft_grammar__literal(&body, &quote, 1));
    } else {
        GRAFT_TRY(graft_alloc(&sorted, n, sizeof *sorted));
        memcpy(sorted, keys, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_bytes);
        GRAFT_TRY(other_than(m, &rest, sorted, 0, n, 0, quote));
        GRAFT_TRY(graft_text_appendf(&body, " %s", rest.name));
    }
    status = graft_grammar__rule(m, out, "key", &body);
done:
    graft_free(sorted);
    graft_text_clear(&body);
    return status;
}
