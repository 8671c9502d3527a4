/* java.c - values of Java, as the leaderboard's converter finds them. */
#include <string.h>

#include "eval/foreign.h"

static graft_status convert(graft_json **out, graft_span text, const char *type,
                            const char *items, int depth);

static graft_status made(graft_json **out, graft_json *value)
{
    *out = value;
    return value != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
}

/* A value whose type is not declared. */
static graft_json *guess(graft_span text)
{
    if (graft_span_is(text, "true") || graft_span_is(text, "false")) {
        return graft_json_new_bool(text.n == 4);
    }
    if (graft_span_quoted(text, '"')) {
        return graft_foreign_text(graft_span_inner(text));
    }
    if (graft_span_is_integer(text, "lL")) {
        return graft_foreign_integer(text);
    }
    if (graft_span_is_decimal(text, true, "fF")) {
        return graft_foreign_double(text);
    }
    return graft_foreign_number(text);
}

static graft_status push_item(graft_json *list, graft_span text, const char *items, int depth)
{
    graft_json *value = NULL;
    graft_status status = *items != 0 ? convert(&value, text, items, "", depth)
                                      : made(&value, guess(text));
    return status == GRAFT_OK ? graft_foreign_push(list, value) : status;
}

/* An item of an ArrayList, of which texts lose what should be their quotes. */
static graft_status push_listed(graft_json *list, graft_span text, const char *items, int depth)
{
    text = graft_span_strip(text);
    if (strcmp(items, "char") == 0 || strcmp(items, "String") == 0) {
        return graft_foreign_push(list, graft_foreign_text(graft_span_inner(text)));
    }
    return push_item(list, text, items, depth);
}

/* Where \w* that begins at `at` ends. */
static size_t word_end(graft_span text, size_t at)
{
    for (; at < text.n; at++) {
        unsigned char c = (unsigned char)text.at[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= 0x80 && graft_span_space_at(text, at) == 0);
        if (!letter && c != '_' && (c < '0' || c > '9')) {
            break;
        }
    }
    return at;
}

/* Behind the next `new\s+`, searched from *at on, which moves behind the "new". text.n + 1: none. */
static size_t find_new(graft_span text, size_t *at)
{
    while ((*at = graft_span_find(text, *at, "new")) < text.n) {
        *at += 3;
        size_t behind = graft_span_skip_space(text, *at);
        if (behind > *at) {
            return behind;
        }
    }
    return text.n + 1;
}

/* Behind `what`, if it stands there; 0 otherwise. */
static size_t past(graft_span text, size_t at, const char *what)
{
    return at > 0 && graft_span_begins(text, at, what) ? at + strlen(what) : 0;
}

/* Behind `ArrayList<\w*` and `what`. */
static size_t past_list(graft_span text, size_t at, const char *what)
{
    at = past(text, at, "ArrayList<");
    return at > 0 ? past(text, word_end(text, at), what) : 0;
}

/* --- new T[]{...} --- */

static graft_status read_array(graft_json **out, graft_span text, const char *items, int depth)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    *out = NULL;
    for (size_t at = 0, p; (p = find_new(text, &at)) <= text.n;) {
        size_t name = word_end(text, p);
        p = name > p ? past(text, name, "[]") : 0;
        p = p > 0 ? past(text, graft_span_skip_space(text, p), "{") : 0;
        size_t end = p > 0 ? graft_span_find_on_line(text, p, "}") : text.n;
        if (end == text.n) {
            continue;
        }
        graft_span rest = graft_span_cut(text, p, end), item;
        for (bool more = true; graft_span_split(&item, &rest, &more);) {
            item = graft_span_strip(item);
            GRAFT_TRY(item.n > 0 ? push_item(list, item, items, depth) : GRAFT_OK);
        }
        *out = list;
        list = NULL;
        break;
    }
    if (*out == NULL) {
        status = made(out, graft_foreign_text(text));
    }
done:
    graft_json_free(list);
    return status;
}

/* --- new ArrayList<T>(...) --- */

/* Arrays.asList(...) */
static bool find_as_list(graft_span *inside, graft_span text)
{
    for (size_t at = 0, p; (p = find_new(text, &at)) <= text.n;) {
        p = past_list(text, p, ">(Arrays.asList(");
        if (p == 0 || p >= text.n || text.at[p] == '\n') {
            continue;
        }
        size_t end = graft_span_find_on_line(text, p + 1, "))");
        if (end < text.n) {
            *inside = graft_span_cut(text, p, end);
            return true;
        }
    }
    return false;
}

/* {{ add(...); add(...); }} */
static bool find_adds(graft_span *inside, graft_span text)
{
    for (size_t at = 0, p; (p = find_new(text, &at)) <= text.n;) {
        p = past_list(text, p, ">()");
        p = p > 0 ? past(text, graft_span_skip_space(text, p), "{{") : 0;
        size_t start = p > 0 ? graft_span_skip_space(text, p) : text.n;
        size_t end = graft_span_find(text, start + 1, "}}");
        if (end < text.n) {
            *inside = graft_span_cut(text, start, end);
            return true;
        }
    }
    return false;
}

static bool find_empty(graft_span text)
{
    for (size_t at = 0, p; (p = find_new(text, &at)) <= text.n;) {
        if (past_list(text, p, ">()") > 0) {
            return true;
        }
    }
    return false;
}

static graft_status read_adds(graft_json *list, graft_span text, const char *items, int depth)
{
    graft_status status = GRAFT_OK;
    for (size_t at = 0; (at = graft_span_find(text, at, "add(")) < text.n;) {
        size_t p = at + 4;
        size_t end = p < text.n && text.at[p] != '\n' ? graft_span_find_on_line(text, p + 1, ")")
                                                      : text.n;
        if (end < text.n) {
            GRAFT_TRY(push_listed(list, graft_span_cut(text, p, end), items, depth));
        }
        at = end < text.n ? end + 1 : at + 1;
    }
done:
    return status;
}

static graft_status read_list(graft_json **out, graft_span text, const char *items, int depth)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    graft_span inside, item;
    *out = NULL;
    if (find_as_list(&inside, text)) {
        for (bool more = true; graft_span_split(&item, &inside, &more);) {
            GRAFT_TRY(push_listed(list, item, items, depth));
        }
    } else if (find_adds(&inside, text)) {
        GRAFT_TRY(read_adds(list, inside, items, depth));
    } else if (!find_empty(text)) {
        status = made(out, graft_foreign_text(text));
        goto done;
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

/* --- new HashMap<K, V>() {{ put("k", v); }} --- */

/* Behind `new\s+HashMap<`, from `from` on; text.n + 1 if it is nowhere. */
static size_t find_map(graft_span text, size_t from)
{
    for (size_t at = from, p; (p = find_new(text, &at)) <= text.n;) {
        if (past(text, p, "HashMap<") > 0) {
            return p + strlen("HashMap<");
        }
    }
    return text.n + 1;
}

/* Behind `>\s*\(\)` at `at`, or 0. */
static size_t past_call(graft_span text, size_t at)
{
    at = past(text, at, ">");
    return at > 0 ? past(text, graft_span_skip_space(text, at), "()") : 0;
}

static bool find_puts(graft_span *inside, graft_span text)
{
    for (size_t at = find_map(text, 0); at < text.n; at++) {
        size_t p = text.at[at] == '>' ? past_call(text, at) : 0;
        p = p > 0 ? past(text, graft_span_skip_space(text, p), "{") : 0;
        if (p == 0) {
            continue;
        }
        p = graft_span_skip_space(text, p);
        size_t second = past(text, p, "{");
        /* The second brace is taken if a last one is left to close both. */
        p = second > 0 ? graft_span_skip_space(text, second) : p;
        size_t end = graft_span_find(text, p, "}");
        *inside = graft_span_cut(text, p, end);
        return end < text.n;
    }
    return false;
}

static bool is_empty_map(graft_span text)
{
    for (size_t from = 0, p; (p = find_map(text, from)) <= text.n;) {
        size_t end = graft_span_find(text, p, "\n");
        for (size_t at = p; at < end; at++) {
            if (text.at[at] == '>' && past_call(text, at) > 0) {
                return true;
            }
        }
        from = end;
    }
    return false;
}

/* One put("key", value): true if it stands at `at`; *end is behind it. */
static bool read_put(graft_span *key, graft_span *value, graft_span text, size_t at, size_t *end)
{
    size_t start = at + strlen("put(\"");
    for (size_t q = start; graft_span_begins(text, at, "put(\""); q++) {
        q = graft_span_find_on_line(text, q, "\",");
        if (q >= text.n) {
            return false;
        }
        size_t v = graft_span_skip_space(text, q + 2);
        size_t close = graft_span_find_on_line(text, v, ")");
        if (close < text.n) {
            *key = graft_span_cut(text, start, q);
            *value = graft_span_strip(graft_span_cut(text, v, close));
            *end = close + 1;
            return true;
        }
    }
    return false;
}

static graft_status read_map(graft_json **out, graft_span text)
{
    graft_status status = GRAFT_OK;
    graft_json *map = graft_json_new_object();
    graft_span inside, key, value;
    bool filled = find_puts(&inside, text);
    *out = NULL;
    if (!filled && !is_empty_map(text)) {
        status = made(out, graft_foreign_text(text));
        goto done;
    }
    for (size_t at = 0, end; filled && at < inside.n; at = end) {
        at = graft_span_find(inside, at, "put(\"");
        end = at + 1;
        if (at < inside.n && read_put(&key, &value, inside, at, &end)) {
            GRAFT_TRY(graft_foreign_set(map, key, guess(value)));
        }
    }
    *out = map;
    map = NULL;
done:
    graft_json_free(map);
    return status;
}

/* --- by type --- */

static graft_json *plain(graft_span text, const char *type)
{
    bool integer = strcmp(type, "integer") == 0 || strcmp(type, "short") == 0 || strcmp(type, "byte") == 0;
    if ((integer && graft_span_is_integer(text, "")) ||
        (strcmp(type, "long") == 0 && graft_span_is_integer(text, "lL"))) {
        return graft_foreign_integer(text);
    }
    if ((strcmp(type, "float") == 0 && graft_span_is_decimal(text, true, "fF")) ||
        (strcmp(type, "double") == 0 && graft_span_is_decimal(text, true, ""))) {
        return graft_foreign_double(text);
    }
    bool is_true = graft_span_is(text, "true");
    if (strcmp(type, "boolean") == 0 && (is_true || graft_span_is(text, "false"))) {
        return graft_json_new_bool(is_true);
    }
    return graft_foreign_text(text);
}

/* Items of lists are of a type without items: two levels at most. */
static graft_status convert(graft_json **out, graft_span text, const char *type,
                            const char *items, int depth)
{
    bool nested = depth < 2;
    if (nested && strcmp(type, "Array") == 0) {
        return read_array(out, text, items, depth + 1);
    }
    if (nested && strcmp(type, "ArrayList") == 0) {
        return read_list(out, text, items, depth + 1);
    }
    if (strcmp(type, "HashMap") == 0) {
        return read_map(out, text);
    }
    return made(out, plain(text, type));
}

graft_status graft_foreign_java(graft_json **out, graft_span text, const char *type,
                                const char *items)
{
    return convert(out, text, type, items, 0);
}
