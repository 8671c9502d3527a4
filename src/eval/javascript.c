/* javascript.c - values of JavaScript, as the leaderboard's converter finds them. */
#include <string.h>

#include "eval/foreign.h"

static graft_status convert(graft_json **out, graft_span text, const char *type,
                            const char *items, int depth);

static graft_status made(graft_json **out, graft_json *value)
{
    *out = value;
    return value != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
}

static bool quoted(graft_span text)
{
    return graft_span_quoted(text, '"') || graft_span_quoted(text, '\'');
}

/* A value whose type is not declared. */
static graft_json *guess(graft_span text)
{
    text = graft_span_strip(text);
    if (graft_span_is(text, "true") || graft_span_is(text, "false")) {
        return graft_json_new_bool(text.n == 4);
    }
    return quoted(text) ? graft_foreign_text(graft_span_inner(text)) : graft_foreign_number(text);
}

/* --- arrays of arrays --- */

/* For each place behind an inner array: where the whole one ends, if it goes on well; 0 otherwise. */
typedef struct tails {
    uint16_t end[GRAFT_FOREIGN_MOST + 3];
    uint16_t close[GRAFT_FOREIGN_MOST + 3]; /* the next "]" on the line behind which it goes on well */
} tails;

/* Behind an inner array stands `last`, or a comma and another one. */
static uint16_t tail_end(const tails *t, graft_span text, size_t at, char last)
{
    at = graft_span_skip_space(text, at);
    if (at < text.n && text.at[at] == last) {
        return (uint16_t)(at + 1);
    }
    if (at == text.n || text.at[at] != ',') {
        return 0;
    }
    at = graft_span_skip_space(text, at + 1);
    size_t close = graft_span_begins(text, at, "[") ? t->close[at + 1] : 0;
    return close > 0 ? t->end[close + 1] : 0;
}

/* From the end: what is behind is known then. */
static void find_tails(tails *t, graft_span text, char last)
{
    memset(t, 0, sizeof *t);
    for (size_t at = text.n; at-- > 0;) {
        bool good = text.at[at] == ']' && t->end[at + 1] > 0;
        t->close[at] = text.at[at] == '\n' ? 0 : good ? (uint16_t)at : t->close[at + 1];
        t->end[at] = tail_end(t, text, at, last);
    }
}

/* The part of the text that is an array of arrays. */
static bool find_nested(graft_span *out, graft_span text, size_t start, char last)
{
    tails t;
    size_t at = graft_span_skip_space(text, start);
    if (!graft_span_begins(text, at, "[")) {
        return false;
    }
    find_tails(&t, text, last);
    size_t close = t.close[at + 1];
    *out = graft_span_cut(text, 0, close > 0 ? t.end[close + 1] : 0);
    return close > 0;
}

static graft_status push_inner(graft_json *list, graft_span inner, bool first)
{
    graft_status status = GRAFT_OK;
    graft_json *items = graft_json_new_array(), *taken;
    graft_span item;
    inner = graft_span_strip(inner);
    if (first && graft_span_begins(inner, 0, "[")) {
        inner = graft_span_cut(inner, 1, inner.n);
    }
    for (bool more = true; graft_span_split(&item, &inner, &more);) {
        GRAFT_TRY(graft_foreign_push(items, guess(item)));
    }
    taken = items;
    items = NULL;
    status = graft_foreign_push(list, taken);
done:
    graft_json_free(items);
    return status;
}

static graft_status read_nested(graft_json *list, graft_span text)
{
    graft_status status = GRAFT_OK;
    bool first = true;
    for (size_t at = 0; (at = graft_span_find(text, at, "[")) < text.n;) {
        size_t end = graft_span_find_on_line(text, at + 1, "]");
        if (end < text.n) {
            GRAFT_TRY(push_inner(list, graft_span_cut(text, at + 1, end), first));
            first = false;
        }
        at = end < text.n ? end + 1 : at + 1;
    }
done:
    return status;
}

/* --- arrays --- */

/* Behind `new\s+Array(` at the beginning, or 0. */
static size_t past_new(graft_span text)
{
    size_t at = graft_span_begins(text, 0, "new") ? graft_span_skip_space(text, 3) : 0;
    return at > 3 && graft_span_begins(text, at, "Array(") ? at + strlen("Array(") : 0;
}

static graft_status read_items(graft_json *list, graft_span text, const char *items, int depth)
{
    graft_status status = GRAFT_OK;
    graft_span item;
    text = graft_span_strip(text);
    for (bool more = text.n > 0; graft_span_split(&item, &text, &more);) {
        graft_json *value = NULL;
        item = graft_span_strip(item);
        bool text_inside = item.n > 0 && (*item.at == '"' || *item.at == '\'');
        GRAFT_TRY(*items != 0 ? convert(&value, item, items, text_inside ? "String" : "", depth)
                              : made(&value, guess(item)));
        GRAFT_TRY(graft_foreign_push(list, value));
    }
done:
    return status;
}

static graft_status read_array(graft_json **out, graft_span text, const char *items, int depth)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    graft_span nested = {0};
    text = graft_span_strip(text);
    bool bracket = graft_span_begins(text, 0, "[");
    size_t start = bracket ? 1 : past_new(text);
    size_t end = start > 0 ? graft_span_find_on_line(text, start, bracket ? "]" : ")") : text.n;
    *out = NULL;
    if (start > 0 && find_nested(&nested, text, start, bracket ? ']' : ')')) {
        GRAFT_TRY(read_nested(list, nested));
    } else if (end < text.n) {
        GRAFT_TRY(read_items(list, graft_span_cut(text, start, end), items, depth));
    } else {
        status = made(out, graft_foreign_text(text));
        goto done;
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

/* --- objects --- */

static graft_span without_quotes(graft_span text)
{
    while (text.n > 0 && (*text.at == '"' || *text.at == '\'')) {
        text = graft_span_cut(text, 1, text.n);
    }
    while (text.n > 0 && (text.at[text.n - 1] == '"' || text.at[text.n - 1] == '\'')) {
        text.n--;
    }
    return text;
}

/* Behind a comma at `comma` and the white space after it, if a key follows: something and a colon
 * before the next comma. 0 otherwise. */
static size_t past_comma(graft_span text, size_t comma)
{
    size_t start = comma + 1, behind = graft_span_skip_space(text, start);
    size_t next = graft_span_find(text, start, ","), colon = next;
    while (colon > start && text.at[colon - 1] != ':') {
        colon--;
    }
    if (colon-- <= start + 1) {
        return 0; /* no colon, or nothing before it */
    }
    return colon > behind ? behind : graft_span_character_before(text, colon);
}

/* Where the value at `at` ends, and, in *next, where the next key begins. */
static size_t value_end(graft_span text, size_t at, size_t *next)
{
    for (size_t end = at; (end = graft_span_find(text, end, ",")) < text.n; end++) {
        *next = past_comma(text, end);
        if (*next > 0) {
            return end;
        }
    }
    return *next = text.n;
}

static graft_status set_entry(graft_json *object, graft_span key, graft_span value)
{
    graft_json *made_of = NULL;
    graft_status status = GRAFT_OK;
    key = without_quotes(graft_span_strip(key));
    value = graft_span_strip(value);
    if (value.n > 0 && value.at[0] == '[' && value.at[value.n - 1] == ']') {
        status = read_array(&made_of, value, "", 1);
    } else {
        made_of = guess(without_quotes(value));
    }
    return status == GRAFT_OK ? graft_foreign_set(object, key, made_of) : status;
}

static graft_status read_object(graft_json **out, graft_span text)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object();
    text = graft_span_strip(text);
    size_t end = graft_span_begins(text, 0, "{") ? graft_span_find_on_line(text, 1, "}") : text.n;
    *out = NULL;
    if (end == text.n) {
        status = made(out, graft_foreign_text(text));
        goto done;
    }
    graft_span inside = graft_span_cut(text, 1, end);
    for (size_t at = 0, next; at < inside.n; at = next) {
        size_t colon = graft_span_find(inside, at, ":");
        next = colon == at ? at + 1 : inside.n;
        if (colon > at && colon < inside.n) {
            size_t from = graft_span_skip_space(inside, colon + 1);
            size_t to = value_end(inside, from, &next);
            GRAFT_TRY(set_entry(object, graft_span_cut(inside, at, colon),
                                graft_span_cut(inside, from, to)));
        }
    }
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    return status;
}

/* --- by type --- */

static graft_json *plain(graft_span text, const char *type)
{
    if (strcmp(type, "String") == 0 && quoted(text)) {
        return graft_foreign_text(graft_span_inner(text));
    }
    if ((strcmp(type, "integer") == 0 && graft_span_is_integer(text, "")) ||
        (strcmp(type, "Bigint") == 0 && graft_span_is_integer(text, "n"))) {
        return graft_foreign_integer(text);
    }
    if (strcmp(type, "float") == 0 && graft_span_is_decimal(text, false, "")) {
        return graft_foreign_double(text);
    }
    bool is_true = graft_span_is(text, "true");
    if (strcmp(type, "Boolean") == 0 && (is_true || graft_span_is(text, "false"))) {
        return graft_json_new_bool(is_true);
    }
    return graft_foreign_text(text);
}

/* Items of arrays are of a type whose items are of none: three levels at most. */
static graft_status convert(graft_json **out, graft_span text, const char *type,
                            const char *items, int depth)
{
    if (depth < 3 && strcmp(type, "array") == 0) {
        return read_array(out, text, items, depth + 1);
    }
    if (strcmp(type, "dict") == 0) {
        return read_object(out, text);
    }
    return made(out, plain(text, type));
}

graft_status graft_foreign_javascript(graft_json **out, graft_span text, const char *type,
                                      const char *items)
{
    return convert(out, text, type, items, 0);
}
