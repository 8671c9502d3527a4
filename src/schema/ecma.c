#include "schema/ecma.h"

#include <string.h>

/* ECMA's white space, and everything else, as what stands inside a class. They begin and end in a
 * class of their own, so that a hyphen beside them makes no range. */
#define SPACES "\\s\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}" \
               "\\x{3000}\\x{feff}\\s"
#define NO_SPACES "\\d\\x00-\\x08\\x0e-\\x1f\\x21-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}" \
                  "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}" \
                  "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}\\d"

typedef struct translator {
    graft_text *out;
    const char *text;
    size_t n, at;
    bool in_class;
} translator;

static graft_status wrong(const translator *t, const char *what)
{
    return graft_fail(GRAFT_E_DATA, "at character %zu: %s", t->at, what);
}

/* Up to `most` hexadecimal digits at text[at..): their value, and how many. */
static uint32_t hex(const translator *t, size_t at, size_t most, size_t *n)
{
    uint32_t value = 0;
    for (*n = 0; *n < most && at + *n < t->n; ++*n) {
        char c = t->text[at + *n];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            break;
        }
        value = value * 16 + (uint32_t)digit;
    }
    return value;
}

/* \xHH, \uHHHH (two of them for what lies above U+FFFF), \u{H...}; at the backslash. */
static graft_status translate_code(translator *t)
{
    size_t n, from = t->at + 2;
    bool braces = t->text[t->at + 1] == 'u' && from < t->n && t->text[from] == '{';
    size_t wanted = t->text[t->at + 1] == 'x' ? 2 : 4;
    uint32_t code = hex(t, from + braces, braces ? 6 : wanted, &n);
    if (braces ? n == 0 || from + 1 + n >= t->n || t->text[from + 1 + n] != '}' : n != wanted) {
        return wrong(t, "hexadecimal digits are missing");
    }
    from += braces ? n + 2 : n;
    if (code >= 0xd800 && code < 0xdc00 && from + 1 < t->n &&
        memcmp(t->text + from, "\\u", 2) == 0) {
        uint32_t low = hex(t, from + 2, 4, &n);
        if (n == 4 && low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            from += 6;
        }
    }
    t->at = from;
    return graft_text_appendf(t->out, "\\x{%x}", (unsigned)code);
}

/* Names of general categories that PCRE2 has only in short. */
static const char *short_category(const char *name, size_t n)
{
    static const struct { const char *name, *category; } known[] = {
        {"Letter", "L"}, {"Cased_Letter", "L&"}, {"LC", "L&"}, {"Uppercase_Letter", "Lu"},
        {"Lowercase_Letter", "Ll"}, {"Titlecase_Letter", "Lt"}, {"Modifier_Letter", "Lm"},
        {"Other_Letter", "Lo"}, {"Mark", "M"}, {"Combining_Mark", "M"}, {"Nonspacing_Mark", "Mn"},
        {"Spacing_Mark", "Mc"}, {"Enclosing_Mark", "Me"}, {"Number", "N"},
        {"Decimal_Number", "Nd"}, {"digit", "Nd"}, {"Letter_Number", "Nl"}, {"Other_Number", "No"},
        {"Punctuation", "P"}, {"punct", "P"}, {"Connector_Punctuation", "Pc"},
        {"Dash_Punctuation", "Pd"}, {"Open_Punctuation", "Ps"}, {"Close_Punctuation", "Pe"},
        {"Initial_Punctuation", "Pi"}, {"Final_Punctuation", "Pf"}, {"Other_Punctuation", "Po"},
        {"Symbol", "S"}, {"Math_Symbol", "Sm"}, {"Currency_Symbol", "Sc"},
        {"Modifier_Symbol", "Sk"}, {"Other_Symbol", "So"}, {"Separator", "Z"},
        {"Space_Separator", "Zs"}, {"Line_Separator", "Zl"}, {"Paragraph_Separator", "Zp"},
        {"Other", "C"}, {"Control", "Cc"}, {"cntrl", "Cc"}, {"Format", "Cf"}, {"Surrogate", "Cs"},
        {"Private_Use", "Co"}, {"Unassigned", "Cn"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (n == strlen(known[i].name) && memcmp(name, known[i].name, n) == 0) {
            return known[i].category;
        }
    }
    return NULL;
}

/* \p{Name} and \P{Name}; at the backslash. */
static graft_status translate_property(translator *t)
{
    static const char *const keys[] = {"General_Category=", "gc="};
    const char *name = t->text + t->at + 3, *category;
    const char *end = t->at + 3 < t->n && name[-1] == '{' ? memchr(name, '}', t->n - t->at - 3)
                                                          : NULL;
    if (end == NULL) {
        return wrong(t, "\\p without {name}");
    }
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(keys[i]);
        name += (size_t)(end - name) >= n && memcmp(name, keys[i], n) == 0 ? n : 0;
    }
    size_t n = (size_t)(end - name);
    category = short_category(name, n);
    char letter = t->text[t->at + 1];
    t->at = (size_t)(end - t->text) + 1;
    return category != NULL ? graft_text_appendf(t->out, "\\%c{%s}", letter, category)
                            : graft_text_appendf(t->out, "\\%c{%.*s}", letter, (int)n, name);
}

static graft_status translate_escape(translator *t)
{
    if (t->at + 1 >= t->n) {
        return wrong(t, "the pattern ends in a backslash");
    }
    char c = t->text[t->at + 1];
    const char *inside = c == 's' ? SPACES : c == 'S' ? NO_SPACES : NULL;
    if (c == 'x' || c == 'u') {
        return translate_code(t);
    }
    if (c == 'p' || c == 'P') {
        return translate_property(t);
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && strchr(t->in_class ? "sSdDwWbcfnrtv" : "sSdDwWbBcfnrtvk", c) == NULL) {
        return graft_fail(GRAFT_E_DATA, "at character %zu: ECMA 262 has no \\%c", t->at, c);
    }
    t->at += 2;
    if (inside != NULL) {
        return graft_text_appendf(t->out, t->in_class ? "%s" : "[%s]", inside);
    }
    if (c == 'v') {
        return graft_text_append_z(t->out, "\\x0b");
    }
    return graft_text_append(t->out, t->text + t->at - 2, 2);
}

graft_status graft_schema__translate(graft_text *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    translator t = {.out = out, .text = text, .n = n};
    while (t.at < n) {
        char c = text[t.at];
        if (c == '\\') {
            GRAFT_TRY(translate_escape(&t));
            continue;
        }
        if (t.in_class && c == '[') { /* PCRE2 knows [:alpha:] and the like */
            GRAFT_TRY(graft_text_append_char(out, '\\'));
        } else if (!t.in_class && c == '(' && t.at + 1 < n && text[t.at + 1] == '*') {
            GRAFT_TRY(wrong(&t, "nothing to repeat"));
        } else if (!t.in_class && c == '[') {
            t.in_class = true;
        } else if (c == ']') {
            t.in_class = false;
        }
        GRAFT_TRY(graft_text_append_char(out, c));
        t.at++;
    }
done:
    return status;
}
