/* export/grammar_pattern.c - regular expressions of ECMA 262 as expressions of a grammar.
 *
 * Literals, classes, groups, alternatives and repetition; ^ and $ at the ends of the whole. What looks
 * around or back, and what names sets of Unicode, has no grammar. */
#include <string.h>

#include "export/grammar_internal.h"

enum { MAX_NESTED = 40, MAX_BYTES = 1 << 16 };

typedef struct translator {
    const char *at, *end;
    char quote;
    bool bad;      /* there is something that cannot be translated */
    bool nullable; /* what was read last matches the empty text, too */
    size_t depth;
    graft_text any; /* one character of any kind */
} translator;

static bool more(const translator *t)
{
    return !t->bad && t->at < t->end;
}

static bool takes(translator *t, const char *what)
{
    size_t n = strlen(what);
    if (!more(t) || (size_t)(t->end - t->at) < n || memcmp(t->at, what, n) != 0) {
        return false;
    }
    t->at += n;
    return true;
}

static uint32_t take_character(translator *t)
{
    uint32_t c = 0;
    size_t used = more(t) ? graft_utf8_decode(t->at, (size_t)(t->end - t->at), &c) : 0;
    t->bad = t->bad || used == 0;
    t->at += used;
    return c;
}

/* --- classes --- */

static void add_words(graft_charset *set)
{
    graft_charset_add(set, '0', '9');
    graft_charset_add(set, 'A', 'Z');
    graft_charset_add(set, '_', '_');
    graft_charset_add(set, 'a', 'z');
}

static void add_spaces(graft_charset *set)
{
    static const uint32_t spaces[][2] = {{9, 13}, {0x20, 0x20}, {0xa0, 0xa0}, {0x1680, 0x1680},
        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
        {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        graft_charset_add(set, spaces[i][0], spaces[i][1]);
    }
}

/* \d, \w, \s and their opposites. False: c is the letter of none. */
static bool add_class(graft_charset *set, uint32_t c)
{
    graft_charset one = {0};
    switch (c) {
    case 'd': case 'D': graft_charset_add(&one, '0', '9'); break;
    case 'w': case 'W': add_words(&one); break;
    case 's': case 'S': add_spaces(&one); break;
    default: return false;
    }
    if (c < 'a') {
        graft_charset_invert(&one);
    }
    for (size_t i = 0; i < one.n; i++) {
        graft_charset_add(set, one.ranges[i].low, one.ranges[i].high);
    }
    return true;
}

static uint32_t take_hex(translator *t, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = take_character(t);
        bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'f' && c < 128;
        t->bad = t->bad || (!digit && !letter);
        value = value * 16 + (digit ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

/* What stands behind a backslash as one character. */
static uint32_t take_escape(translator *t)
{
    static const char letters[] = "nrtfv0", meanings[] = "\n\r\t\f\v\0";
    uint32_t c = take_character(t);
    const char *at = c != 0 && c < 128 ? strchr(letters, (int)c) : NULL;
    if (at != NULL) {
        t->bad = t->bad || (c == '0' && more(t) && *t->at >= '0' && *t->at <= '9');
        return (unsigned char)meanings[at - letters];
    }
    if (c == 'x' || c == 'u') {
        return take_hex(t, c == 'x' ? 2 : 4);
    }
    /* letters and digits mean something else: references, word borders, sets of Unicode */
    t->bad = t->bad || (c < 128 && ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')));
    return c;
}

/* One member of a class: a character, or (*is_class) a set that was added. */
static uint32_t take_member(translator *t, graft_charset *set, bool *is_class)
{
    *is_class = false;
    if (!takes(t, "\\")) {
        return take_character(t);
    }
    if (more(t) && add_class(set, (unsigned char)*t->at)) {
        t->at++;
        *is_class = true;
        return 0;
    }
    if (takes(t, "b")) {
        return '\b';
    }
    return takes(t, "-") ? '-' : take_escape(t);
}

/* Behind "[". */
static void take_set(translator *t, graft_charset *set)
{
    bool negative = takes(t, "^"), is_class;
    while (more(t) && *t->at != ']') {
        uint32_t low = take_member(t, set, &is_class), high = low;
        bool range = !is_class && t->end - t->at >= 2 && t->at[0] == '-' && t->at[1] != ']';
        if (range) {
            t->at++;
            high = take_member(t, set, &is_class);
            t->bad = t->bad || is_class || high < low;
        }
        if (!is_class) {
            graft_charset_add(set, low, high);
        }
    }
    t->bad = t->bad || !takes(t, "]") || set->overflow;
    graft_charset_sort(set);
    if (negative) {
        graft_charset_invert(set);
    }
}

/* --- expressions --- */

static graft_status alternatives(translator *t, graft_text *out, size_t *weight);

static graft_status group(translator *t, graft_text *out, size_t *weight)
{
    graft_status status = GRAFT_OK;
    takes(t, "?:");
    t->bad = t->bad || (more(t) && *t->at == '?') || ++t->depth > MAX_NESTED;
    GRAFT_TRY(graft_text_append_char(out, '('));
    GRAFT_TRY(alternatives(t, out, weight));
    GRAFT_TRY(graft_text_append_char(out, ')'));
    t->depth--;
    t->bad = t->bad || !takes(t, ")");
done:
    return status;
}

static graft_status atom(translator *t, graft_text *out, size_t *weight)
{
    graft_charset set = {0};
    *weight = 1;
    t->nullable = false;
    if (takes(t, "(")) {
        return group(t, out, weight);
    }
    if (takes(t, ".")) {
        graft_charset_add(&set, '\n', '\n');
        graft_charset_add(&set, '\r', '\r');
        graft_charset_add(&set, 0x2028, 0x2029);
        graft_charset_invert(&set);
    } else if (takes(t, "[")) {
        take_set(t, &set);
    } else if (takes(t, "\\")) {
        bool class = more(t) && add_class(&set, (unsigned char)*t->at);
        t->at += class;
        uint32_t c = class ? 0 : take_escape(t);
        if (!class) {
            graft_charset_add(&set, c, c);
        }
    } else {
        t->bad = t->bad || strchr("^$*+?{", *t->at) != NULL;
        uint32_t c = take_character(t);
        graft_charset_add(&set, c, c);
    }
    size_t before = out->len;
    graft_charset_sort(&set);
    graft_status status = t->bad ? GRAFT_OK : graft_grammar__charset(out, &set, t->quote);
    t->bad = t->bad || out->len == before; /* nothing matches */
    return status;
}

static bool take_number(translator *t, size_t *value)
{
    const char *begin = t->at;
    *value = 0;
    while (more(t) && *t->at >= '0' && *t->at <= '9') {
        *value = *value * 10 + (size_t)(*t->at - '0');
        t->bad = t->bad || *value > GRAFT_GRAMMAR_MAX_REPEAT;
        t->at++;
    }
    return t->at > begin;
}

/* Behind an atom: how often it stands there. */
static graft_status repetition(translator *t, graft_text *out, size_t *weight)
{
    graft_status status = GRAFT_OK;
    size_t low = 0, high = 0;
    bool nullable = t->nullable;
    if (takes(t, "*") || takes(t, "+") || takes(t, "?")) {
        t->bad = t->bad || (nullable && t->at[-1] != '?'); /* llama.cpp would not end */
        t->nullable = nullable || t->at[-1] != '+';
        GRAFT_TRY(graft_text_append_char(out, t->at[-1]));
    } else if (takes(t, "{")) {
        t->bad = t->bad || !take_number(t, &low);
        high = low;
        bool open = takes(t, ",") && !take_number(t, &high);
        t->bad = t->bad || !takes(t, "}") || (!open && high < low);
        *weight *= high > low ? high : low > 0 ? low : 1;
        t->bad = t->bad || *weight > GRAFT_GRAMMAR_MAX_REPEAT || (open ? nullable : high == 0);
        t->nullable = nullable || low == 0;
        GRAFT_TRY(open ? graft_text_appendf(out, "{%zu,}", low)
                       : graft_text_appendf(out, "{%zu,%zu}", low, high));
    } else {
        return GRAFT_OK;
    }
    takes(t, "?"); /* what is lazy matches the same */
    t->bad = t->bad || (more(t) && (*t->at == '*' || *t->at == '+' || *t->at == '?'));
done:
    return status;
}

/* On the outermost level what is not tied to the ends may have anything before and behind it. */
static graft_status sequence(translator *t, graft_text *out, size_t *weight)
{
    graft_status status = GRAFT_OK;
    bool outer = t->depth == 0, tied = false, empty = true, nullable = true;
    *weight = 0;
    if (outer && !takes(t, "^")) {
        GRAFT_TRY(graft_text_appendf(out, "%s* ", t->any.data));
        empty = false;
    }
    while (more(t) && *t->at != '|' && *t->at != ')') {
        size_t own = 0;
        if (outer && *t->at == '$') {
            t->at++;
            tied = true;
            t->bad = t->bad || (more(t) && *t->at != '|');
            break;
        }
        GRAFT_TRY(atom(t, out, &own));
        GRAFT_TRY(t->bad ? GRAFT_OK : repetition(t, out, &own));
        GRAFT_TRY(graft_text_append_char(out, ' '));
        *weight += own;
        nullable = nullable && t->nullable;
        t->bad = t->bad || out->len > MAX_BYTES;
        empty = false;
    }
    if (outer && !tied) {
        GRAFT_TRY(graft_text_appendf(out, "%s*", t->any.data));
    } else if (empty) {
        GRAFT_TRY(graft_text_append_z(out, "\"\""));
    }
    t->nullable = nullable;
done:
    return status;
}

static graft_status alternatives(translator *t, graft_text *out, size_t *weight)
{
    graft_status status = GRAFT_OK;
    bool nullable = false;
    size_t sum = 0, own;
    do {
        GRAFT_TRY(sum > 0 ? graft_text_append_z(out, " | ") : GRAFT_OK);
        GRAFT_TRY(sequence(t, out, &own));
        sum += own + 1;
        nullable = nullable || t->nullable;
    } while (takes(t, "|"));
    *weight = sum;
    t->nullable = nullable;
done:
    return status;
}

graft_status graft_grammar__pattern(graft_text *out, bool *understood, const char *pattern, size_t n,
                                    char quote)
{
    graft_status status = GRAFT_OK;
    translator t = {.at = pattern, .end = pattern + n, .quote = quote};
    graft_charset none = {0};
    size_t weight;
    graft_text text;
    graft_text_init(&text);
    graft_text_init(&t.any);
    graft_charset_invert(&none);
    GRAFT_TRY(graft_grammar__charset(&t.any, &none, quote));
    GRAFT_TRY(alternatives(&t, &text, &weight));
    *understood = !t.bad && t.at == t.end;
    if (*understood) {
        GRAFT_TRY(graft_text_append(out, graft_text_z(&text), text.len));
    }
done:
    graft_text_clear(&text);
    graft_text_clear(&t.any);
    return status;
}
