/* chat/python_literal.c - the values of Python source text, without running any. */
#include "chat/python_literal.h"

#include <string.h>

#include "core/memory.h"

enum { MAX_DEPTH = 100, MAX_NUMBER = 400, MAX_NAME = 256 };

typedef struct source {
    const char *begin, *at, *end;
    int depth;
} source;

static graft_status bad(const source *s, const char *what)
{
    return graft_fail(GRAFT_E_DATA, "at byte %zu: %s", (size_t)(s->at - s->begin), what);
}

static int peek(const source *s)
{
    return s->at < s->end ? (unsigned char)*s->at : -1;
}

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(source *s)
{
    while (is_space(peek(s))) {
        s->at++;
    }
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool take(source *s, const char *what)
{
    size_t n = strlen(what);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, what, n) != 0) {
        return false;
    }
    s->at += n;
    return true;
}

/* --- strings --- */

/* At most `max` digits of a base; -1 if there are fewer than `min`. */
static int64_t read_digits(source *s, int base, int min, int max)
{
    int64_t value = 0;
    int n = 0;
    for (; n < max; n++, s->at++) {
        int c = peek(s), digit = is_digit(c) ? c - '0'
                               : c >= 'a' && c <= 'f' ? c - 'a' + 10
                               : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
        if (digit >= base) {
            break;
        }
        value = value * base + digit;
    }
    return n < min ? -1 : value;
}

/* A code point of \x, \u or \U; two surrogates in a row are one. */
static graft_status read_codepoint(source *s, graft_text *out, int digits)
{
    int64_t point = read_digits(s, 16, digits, digits);
    if (point >= 0xd800 && point < 0xdc00 && take(s, "\\u")) {
        int64_t low = read_digits(s, 16, 4, 4);
        point = low >= 0xdc00 && low < 0xe000
                    ? 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00) : -1;
    }
    if (point < 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return bad(s, "an escape that is no character");
    }
    return graft_text_append_codepoint(out, (uint32_t)point);
}

/* Behind a backslash. */
static graft_status read_escape(source *s, graft_text *out)
{
    static const char names[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    graft_status status = GRAFT_OK;
    int c = peek(s);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (c >= '0' && c <= '7') {
        return graft_text_append_codepoint(out, (uint32_t)read_digits(s, 8, 1, 3));
    }
    s->at += c >= 0;
    if (name) {
        return graft_text_append_char(out, values[name - names]);
    }
    switch (c) {
    case -1: return bad(s, "the text ends inside a string");
    case '\n': return GRAFT_OK; /* the line goes on */
    case 'x': return read_codepoint(s, out, 2);
    case 'u': return read_codepoint(s, out, 4);
    case 'U': return read_codepoint(s, out, 8);
    default: break; /* Python keeps the backslash of what it does not know */
    }
    GRAFT_TRY(graft_text_append_char(out, '\\'));
    GRAFT_TRY(graft_text_append_char(out, (char)c));
done:
    return status;
}

/* The string whose quote stands at s->at. */
static graft_status read_quoted(source *s, graft_text *out, bool raw)
{
    graft_status status = GRAFT_OK;
    char quote[4] = {(char)peek(s), 0, 0, 0};
    source start = *s;
    s->at++;
    if (s->end - s->at >= 2 && s->at[0] == quote[0] && s->at[1] == quote[0]) {
        s->at += 2;
        quote[1] = quote[2] = quote[0];
    }
    while (!take(s, quote)) {
        int c = peek(s);
        if (c < 0 || (c == '\n' && !quote[1])) {
            return bad(&start, "a string without its closing quote");
        }
        s->at++;
        if (c == '\\' && !raw) {
            GRAFT_TRY(read_escape(s, out));
            continue;
        }
        GRAFT_TRY(graft_text_append_char(out, (char)c));
        if (c == '\\' && s->at < s->end) { /* raw: the next one closes nothing */
            GRAFT_TRY(graft_text_append_char(out, *s->at++));
        }
    }
done:
    return status;
}

/* Is s->at the beginning of a string? *prefix: letters before the quote; *raw: one of them is r. */
static bool begins_string(const source *s, size_t *prefix, bool *raw)
{
    *raw = false;
    for (*prefix = 0; *prefix < 3 && (size_t)(s->end - s->at) > *prefix; ++*prefix) {
        char c = s->at[*prefix];
        if (c == '"' || c == '\'') {
            return true;
        }
        if (!strchr("rRuUbB", c) || !c) {
            return false;
        }
        *raw = *raw || c == 'r' || c == 'R';
    }
    return false;
}

static graft_status read_string(source *s, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    size_t prefix;
    bool raw;
    source start = *s;
    graft_text_init(&text);
    while (begins_string(s, &prefix, &raw)) {
        s->at += prefix;
        GRAFT_TRY(read_quoted(s, &text, raw));
        const char *behind = s->at;
        skip_space(s);
        if (!begins_string(s, &prefix, &raw)) {
            s->at = behind;
            break;
        }
    }
    if (!graft_utf8_valid(graft_text_z(&text), text.len, NULL)) {
        status = bad(&start, "a string that is not UTF-8");
        goto done;
    }
    *out = graft_json_new_string(graft_text_z(&text), text.len);
    status = *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: a string");
done:
    graft_text_clear(&text);
    return status;
}

/* --- numbers --- */

static graft_status read_based(source *s, graft_json **out, bool negative)
{
    static const struct {
        const char *prefix;
        int base;
    } known[] = {{"0x", 16}, {"0X", 16}, {"0o", 8}, {"0O", 8}, {"0b", 2}, {"0B", 2}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (take(s, known[i].prefix)) {
            int64_t value = read_digits(s, known[i].base, 1, 15);
            if (value < 0 || is_word(peek(s))) {
                return bad(s, "a number that is too long or has no digits");
            }
            *out = graft_json_new_int(negative ? -value : value);
            return *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: a number");
        }
    }
    return bad(s, "not a number");
}

/* Spells the number in JSON's way, so that its digits are kept: "-.5" is -0.5, "1." is 1.0. */
static graft_status read_number(source *s, graft_json **out)
{
    graft_status status = GRAFT_OK;
    char spelt[MAX_NUMBER + 4];
    size_t n = 0, before = 0;
    source start = *s;
    bool negative = peek(s) == '-';
    s->at += negative || peek(s) == '+';
    if (peek(s) == '0' && s->end - s->at > 1 && strchr("xXoObB", s->at[1])) {
        return read_based(s, out, negative);
    }
    if (negative) {
        spelt[n++] = '-';
    }
    while (peek(s) == '0' && s->end - s->at > 1 && is_digit((unsigned char)s->at[1])) {
        s->at++; /* 00 */
    }
    for (int c = peek(s); n < MAX_NUMBER; c = peek(s)) {
        char last = n ? spelt[n - 1] : 0;
        if (c == '.' && (last == 0 || last == '-')) {
            spelt[n++] = '0';
        } else if (!is_digit(c) && last == '.') {
            spelt[n++] = '0';
        }
        bool sign = (c == '-' || c == '+') && (last == 'e' || last == 'E');
        if (!is_digit(c) && c != '.' && c != 'e' && c != 'E' && c != '_' && !sign) {
            break;
        }
        if (c != '_') {
            spelt[n++] = (char)c;
            before += is_digit(c);
        }
        s->at++;
    }
    if (!before || is_word(peek(s)) || graft_json_parse(out, spelt, n) == GRAFT_E_DATA) {
        return bad(&start, "not a number, or one that is too large");
    }
    status = *out ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: a number");
    return status;
}

/* --- containers --- */

static graft_status read_value(source *s, graft_json **out);

/* The next thing inside brackets: *ended if it is `close`. A comma is due unless `first`. */
static graft_status next_item(source *s, char close, bool first, bool *ended)
{
    skip_space(s);
    if (!first && peek(s) == ',') {
        s->at++;
        skip_space(s);
        first = true;
    }
    *ended = peek(s) == close;
    s->at += *ended;
    return *ended || first ? GRAFT_OK : bad(s, "',' or a closing bracket is missing");
}

/* [a, b] or (a, b); (a) is a. */
static graft_status read_list(source *s, graft_json **out, char close)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array(), *item = NULL;
    bool ended = false;
    s->at++;
    for (bool first = true;; first = false) {
        const char *before = s->at;
        GRAFT_TRY(next_item(s, close, first, &ended));
        if (ended) {
            if (close == ')' && graft_json_length(list) == 1 && !memchr(before, ',',
                                                                        (size_t)(s->at - before))) {
                *out = graft_json_retain(graft_json_at(list, 0));
                goto done;
            }
            break;
        }
        GRAFT_TRY(read_value(s, &item));
        GRAFT_TRY(graft_json_push(list, item));
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

/* The key as json.dumps writes it. */
static graft_status key_text(const source *s, graft_text *out, const graft_json *key)
{
    size_t n;
    const char *text = graft_json_string(key, &n);
    out->len = 0;
    if (text) {
        return memchr(text, 0, n) ? bad(s, "a key that holds a zero byte")
                                  : graft_text_append(out, text, n);
    }
    if (graft_json_is(key, GRAFT_JSON_ARRAY) || graft_json_is(key, GRAFT_JSON_OBJECT)) {
        return bad(s, "a key that is a container");
    }
    return graft_json_write(out, key, GRAFT_JSON_COMPACT);
}

/* {k: v} or the set {a, b}, which becomes an array. */
static graft_status read_braces(source *s, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *object = NULL, *set = NULL, *key = NULL, *value = NULL;
    graft_text text;
    bool ended = false;
    graft_text_init(&text);
    s->at++;
    for (bool first = true;; first = false) {
        GRAFT_TRY(next_item(s, '}', first, &ended));
        if (ended) {
            break;
        }
        GRAFT_TRY(read_value(s, &key));
        skip_space(s);
        if (peek(s) == ':' && !set) {
            s->at++;
            GRAFT_TRY(key_text(s, &text, key));
            if (graft_json_has(object, graft_text_z(&text))) {
                status = bad(s, "a key that stands there twice");
                goto done;
            }
            GRAFT_TRY(read_value(s, &value));
            object = object ? object : graft_json_new_object();
            GRAFT_TRY(graft_json_set(object, graft_text_z(&text), value));
            graft_json_free(key);
        } else if (!object) {
            graft_json *taken = key;
            key = NULL;
            set = set ? set : graft_json_new_array();
            GRAFT_TRY(graft_json_push(set, taken));
        } else {
            status = bad(s, "':' is missing behind a key");
            goto done;
        }
        key = NULL;
    }
    *out = set ? set : object ? object : graft_json_new_object();
    set = object = NULL;
done:
    graft_text_clear(&text);
    graft_json_free(key);
    graft_json_free(set);
    graft_json_free(object);
    return status;
}

static graft_status read_named(source *s, graft_json **out)
{
    static const struct {
        const char *name;
        int value; /* 2: None */
    } known[] = {{"True", 1}, {"False", 0}, {"None", 2}, {"true", 1}, {"false", 0}, {"null", 2}};
    source start = *s;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (take(s, known[i].name) && !is_word(peek(s))) {
            *out = known[i].value == 2 ? NULL : graft_json_new_bool(known[i].value == 1);
            return GRAFT_OK;
        }
        s->at = start.at;
    }
    return bad(s, peek(s) < 0 ? "the text ends where a value is expected"
                              : "something that is not a Python literal");
}

static graft_status read_value(source *s, graft_json **out)
{
    graft_status status;
    size_t prefix;
    bool raw;
    *out = NULL;
    skip_space(s);
    int c = peek(s);
    if (c == '[' || c == '(' || c == '{') {
        if (s->depth >= MAX_DEPTH) {
            return bad(s, "nested too deeply");
        }
        s->depth++;
        status = c == '{' ? read_braces(s, out) : read_list(s, out, c == '[' ? ']' : ')');
        s->depth--;
        return status;
    }
    if (begins_string(s, &prefix, &raw)) {
        return read_string(s, out);
    }
    return is_digit(c) || c == '-' || c == '+' || c == '.' ? read_number(s, out)
                                                           : read_named(s, out);
}

graft_status graft_python_value(graft_json **out, const char **at, const char *end)
{
    source s = {*at, *at, end, 0};
    graft_status status = read_value(&s, out);
    *at = s.at;
    return status;
}

graft_status graft_python_or_json(graft_json **out, const char *text, size_t n)
{
    graft_status status = graft_json_parse(out, text, n), second;
    source s = {text, text, text + n, 0};
    if (status != GRAFT_E_DATA) {
        return status;
    }
    second = read_value(&s, out);
    skip_space(&s);
    if (second == GRAFT_OK && s.at == s.end) {
        return GRAFT_OK;
    }
    graft_json_free(*out);
    *out = NULL;
    return second == GRAFT_E_MEMORY ? second : graft_json_parse(out, text, n);
}

/* --- calls --- */

/* Copies the text up to `stop` without the spaces around it; false if it is not a name. */
static bool read_name(source *s, char *out, char stop, bool spaces)
{
    skip_space(s);
    size_t n = 0;
    for (; peek(s) >= 0 && *s->at != stop; s->at++) {
        int c = peek(s);
        bool ok = spaces ? !strchr("()[]{},='\"\n", c) : is_word(c) || c == '.' || c == '-';
        if (!ok && is_space(c) && c != '\n') { /* f (a = 1) */
            skip_space(s);
            if (peek(s) != stop) {
                return false;
            }
            break;
        }
        if (!ok || n + 1 >= MAX_NAME || !c) {
            return false;
        }
        out[n++] = (char)c;
    }
    while (n && out[n - 1] == ' ') {
        n--;
    }
    out[n] = 0;
    return n > 0 && take(s, (char[]){stop, 0}) && graft_utf8_valid(out, n, NULL);
}

/* One call; *understood stays false if there is none. */
static graft_status read_call(source *s, graft_json *calls, bool spaces, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *call = NULL, *arguments = NULL, *value = NULL;
    char name[MAX_NAME], key[MAX_NAME];
    bool ended = false;
    *understood = false;
    if (!read_name(s, name, '(', spaces)) {
        return GRAFT_OK;
    }
    arguments = graft_json_new_object();
    for (bool first = true;; first = false) {
        GRAFT_TRY(next_item(s, ')', first, &ended));
        if (ended) {
            break;
        }
        if (!read_name(s, key, '=', false) || graft_json_has(arguments, key)) {
            goto done;
        }
        GRAFT_TRY(read_value(s, &value));
        GRAFT_TRY(graft_json_set(arguments, key, value));
    }
    call = graft_json_new_object();
    graft_json *taken = arguments;
    GRAFT_TRY(graft_json_set_string(call, "name", name));
    arguments = NULL;
    GRAFT_TRY(graft_json_set(call, "arguments", taken));
    taken = call;
    call = NULL;
    GRAFT_TRY(graft_json_push(calls, taken));
    *understood = true;
done:
    graft_json_free(call);
    graft_json_free(arguments);
    return status;
}

static graft_status read_calls(source *s, graft_json *calls, bool *understood)
{
    graft_status status = GRAFT_OK;
    bool ended = false;
    skip_space(s);
    bool brackets = take(s, "[");
    do {
        GRAFT_TRY(read_call(s, calls, brackets, understood));
        if (!*understood) {
            goto done;
        }
        skip_space(s);
        ended = brackets ? take(s, "]") : s->at == s->end;
    } while (!ended && take(s, ","));
    skip_space(s);
    *understood = ended && s->at == s->end;
done:
    return status;
}

graft_status graft_python_calls(graft_json *calls, const char *text, size_t n, bool *understood)
{
    source s = {text, text, text + n, 0};
    graft_json *found = graft_json_new_array();
    graft_status status = read_calls(&s, found, understood);
    if (status == GRAFT_E_DATA) {
        *understood = false;
        status = GRAFT_OK;
    }
    for (size_t i = 0; *understood && status == GRAFT_OK && i < graft_json_length(found); i++) {
        status = graft_json_push(calls, graft_json_retain(graft_json_at(found, i)));
    }
    graft_json_free(found);
    return status;
}
