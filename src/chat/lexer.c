/* chat/lexer.c - template text to tokens.
 *
 * White space follows Jinja2 with trim_blocks and lstrip_blocks: "{%-" and "-%}" take all of it,
 * "%}" and "#}" take one line end, and what stands before "{%" or "{#" on its line goes if it is
 * white space only; "+" keeps it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/jinja.h"
#include "core/strings.h"

typedef struct lexer {
    graft_jinja *j;
    const char *source;
    size_t n, at;
    bool line_starting; /* the last match ended a line */
    size_t newlines_stripped;
    graft_jtokens *tokens;
    char *open; /* brackets to be closed */
    size_t n_open, open_capacity;
} lexer;

static const char *const token_names[] = {
    [GRAFT_T_EOF] = "end of template", [GRAFT_T_DATA] = "template text",
    [GRAFT_T_VARIABLE_BEGIN] = "{{", [GRAFT_T_VARIABLE_END] = "}}", [GRAFT_T_BLOCK_BEGIN] = "{%",
    [GRAFT_T_BLOCK_END] = "%}", [GRAFT_T_NAME] = "name", [GRAFT_T_STRING] = "string",
    [GRAFT_T_INTEGER] = "integer", [GRAFT_T_FLOAT] = "float", [GRAFT_T_ADD] = "+",
    [GRAFT_T_SUB] = "-", [GRAFT_T_DIV] = "/", [GRAFT_T_FLOORDIV] = "//", [GRAFT_T_MUL] = "*",
    [GRAFT_T_MOD] = "%", [GRAFT_T_POW] = "**", [GRAFT_T_TILDE] = "~", [GRAFT_T_LBRACKET] = "[",
    [GRAFT_T_RBRACKET] = "]", [GRAFT_T_LPAREN] = "(", [GRAFT_T_RPAREN] = ")",
    [GRAFT_T_LBRACE] = "{", [GRAFT_T_RBRACE] = "}", [GRAFT_T_EQ] = "==", [GRAFT_T_NE] = "!=",
    [GRAFT_T_GT] = ">", [GRAFT_T_GTEQ] = ">=", [GRAFT_T_LT] = "<", [GRAFT_T_LTEQ] = "<=",
    [GRAFT_T_ASSIGN] = "=", [GRAFT_T_DOT] = ".", [GRAFT_T_COLON] = ":", [GRAFT_T_PIPE] = "|",
    [GRAFT_T_COMMA] = ",", [GRAFT_T_SEMICOLON] = ";"};

/* Operators, longer ones before their beginnings. */
static const graft_jtoken_kind operators[] = {
    GRAFT_T_FLOORDIV, GRAFT_T_POW, GRAFT_T_EQ, GRAFT_T_NE, GRAFT_T_GTEQ, GRAFT_T_LTEQ, GRAFT_T_ADD,
    GRAFT_T_SUB, GRAFT_T_DIV, GRAFT_T_MUL, GRAFT_T_MOD, GRAFT_T_TILDE, GRAFT_T_LBRACKET,
    GRAFT_T_RBRACKET, GRAFT_T_LPAREN, GRAFT_T_RPAREN, GRAFT_T_LBRACE, GRAFT_T_RBRACE, GRAFT_T_GT,
    GRAFT_T_LT, GRAFT_T_ASSIGN, GRAFT_T_DOT, GRAFT_T_COLON, GRAFT_T_PIPE, GRAFT_T_COMMA,
    GRAFT_T_SEMICOLON};

const char *graft_j__token_name(graft_jtoken_kind kind)
{
    return token_names[kind];
}

static graft_status emit(lexer *x, graft_jtoken token)
{
    graft_jtokens *tokens = x->tokens;
    if (tokens->n == tokens->capacity) {
        size_t capacity = tokens->capacity != 0 ? tokens->capacity * 2 : 256;
        graft_jtoken *items;
        graft_status status = graft_j__alloc(x->j, &items, capacity, sizeof *items);
        if (status != GRAFT_OK) {
            return status;
        }
        if (tokens->n > 0) {
            memcpy(items, tokens->items, tokens->n * sizeof *items);
        }
        tokens->items = items;
        tokens->capacity = capacity;
    }
    token.line = x->j->line;
    tokens->items[tokens->n++] = token;
    return GRAFT_OK;
}

static bool starts(const lexer *x, size_t at, const char *with)
{
    size_t n = strlen(with);
    return n <= x->n - at && memcmp(x->source + at, with, n) == 0;
}

/* Bytes of the white space character at `at`, 0 if there is none. */
static size_t space_at(const lexer *x, size_t at)
{
    uint32_t c;
    if (at >= x->n) {
        return 0;
    }
    size_t bytes = graft_utf8_decode(x->source + at, x->n - at, &c);
    return bytes > 0 && graft_unicode__is_space(c) ? bytes : 0;
}

static size_t skip_space(const lexer *x, size_t at)
{
    for (size_t bytes; (bytes = space_at(x, at)) > 0;) {
        at += bytes;
    }
    return at;
}

static uint32_t count_lines(const lexer *x, size_t from, size_t to)
{
    uint32_t lines = 0;
    for (size_t i = from; i < to; i++) {
        lines += x->source[i] == '\n';
    }
    return lines;
}

/* Moves on to `to`, counting lines. */
static void advance(lexer *x, size_t to)
{
    x->j->line += count_lines(x, x->at, to);
    x->line_starting = to > x->at && x->source[to - 1] == '\n';
    x->at = to;
}

/* Where [from, to) ends when white space is stripped from its right. */
static size_t strip_right(const lexer *x, size_t from, size_t to)
{
    while (to > from) {
        size_t begin = to - 1;
        while (begin > from && ((unsigned char)x->source[begin] & 0xc0) == 0x80) {
            begin--;
        }
        if (space_at(x, begin) != to - begin) {
            break;
        }
        to = begin;
    }
    return to;
}

/* Template text [x->at, to) before a tag with the given sign ('-', '+' or 0). */
static graft_status lex_data(lexer *x, size_t to, char sign, bool before_variable)
{
    size_t from = x->at, end = to;
    uint32_t stripped_lines = 0;
    if (sign == '-') {
        end = strip_right(x, from, to);
        stripped_lines = count_lines(x, end, to);
    } else if (sign != '+' && !before_variable) {
        size_t line = to;
        while (line > from && x->source[line - 1] != '\n') {
            line--;
        }
        if ((line > from || x->line_starting) && skip_space(x, line) >= to) {
            end = line;
        }
    }
    graft_status status = GRAFT_OK;
    if (end > from) {
        status = emit(x, (graft_jtoken){
                             .kind = GRAFT_T_DATA, .text = x->source + from, .n = end - from});
    }
    x->j->line += count_lines(x, from, end) + stripped_lines;
    x->at = to;
    return status;
}

/* What a tag end takes with it: all white space after '-', one line end unless '+'. */
static size_t after_end(const lexer *x, size_t end, char sign, bool trims)
{
    if (sign == '-') {
        return skip_space(x, end);
    }
    return trims && sign != '+' && end < x->n && x->source[end] == '\n' ? end + 1 : end;
}

static char sign_at(const lexer *x, size_t at)
{
    return at < x->n && (x->source[at] == '-' || x->source[at] == '+') ? x->source[at] : 0;
}

static graft_status lex_comment(lexer *x)
{
    for (size_t i = x->at; i + 1 < x->n; i++) {
        if (x->source[i] == '#' && x->source[i + 1] == '}') {
            char sign = i > x->at ? sign_at(x, i - 1) : 0;
            advance(x, after_end(x, i + 2, sign, true));
            return GRAFT_OK;
        }
    }
    return graft_j__fail(x->j, "missing end of comment tag");
}

/* If a tag `{% word %}` begins at `at`: its end and signs. */
static bool word_tag(const lexer *x, size_t at, const char *word, char *sign, char *end_sign,
                     size_t *end)
{
    if (!starts(x, at, "{%")) {
        return false;
    }
    *sign = sign_at(x, at + 2);
    at = skip_space(x, at + 2 + (*sign != 0));
    if (!starts(x, at, word)) {
        return false;
    }
    at = skip_space(x, at + strlen(word));
    *end_sign = sign_at(x, at);
    at += *end_sign != 0;
    *end = at + 2;
    return starts(x, at, "%}");
}

static graft_status lex_raw(lexer *x)
{
    char sign, end_sign;
    size_t end;
    for (size_t i = x->at; i < x->n; i++) {
        if (x->source[i] == '{' && word_tag(x, i, "endraw", &sign, &end_sign, &end)) {
            graft_status status = lex_data(x, i, sign, false);
            advance(x, after_end(x, end, end_sign, true));
            return status;
        }
    }
    return graft_j__fail(x->j, "missing end of raw directive");
}

static bool is_digit(char c, int base)
{
    return (c >= '0' && c < '0' + (base < 10 ? base : 10)) ||
           (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/* The end of digits that may be separated by single underscores. */
static size_t skip_digits(const lexer *x, size_t at, int base)
{
    while (at < x->n && (is_digit(x->source[at], base) ||
                         (x->source[at] == '_' && at + 1 < x->n && is_digit(x->source[at + 1], base)))) {
        at++;
    }
    return at;
}

/* The end of the float at `at`, or `at` if there is none. */
static size_t float_end(const lexer *x, size_t at)
{
    if (at > 0 && x->source[at - 1] == '.') {
        return at;
    }
    size_t end = skip_digits(x, at, 10);
    bool is_float = false;
    if (end + 1 < x->n && x->source[end] == '.' && is_digit(x->source[end + 1], 10)) {
        end = skip_digits(x, end + 1, 10);
        is_float = true;
    }
    if (end < x->n && (x->source[end] == 'e' || x->source[end] == 'E')) {
        size_t digits = end + 1 + (sign_at(x, end + 1) != 0);
        if (digits < x->n && is_digit(x->source[digits], 10)) {
            end = skip_digits(x, digits, 10);
            is_float = true;
        }
    }
    return is_float ? end : at;
}

static graft_status lex_number(lexer *x)
{
    char digits[64];
    size_t end = float_end(x, x->at), n = 0, from = x->at;
    bool is_float = end > x->at;
    int base = 10;
    if (!is_float) {
        char mark = from + 1 < x->n && x->source[from] == '0' ? (char)(x->source[from + 1] | 0x20) : 0;
        int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
        if (marked != 10 && skip_digits(x, from + 2, marked) > from + 2) {
            base = marked;
            from += 2;
        }
        end = skip_digits(x, from, base);
        if (base == 10 && x->source[from] == '0') { /* decimal zero takes only zeros */
            end = from;
            while (end < x->n && (x->source[end] == '0' ||
                                  (x->source[end] == '_' && starts(x, end + 1, "0")))) {
                end++;
            }
        }
    }
    for (size_t i = from; i < end; i++) {
        if (x->source[i] != '_') {
            if (n + 1 >= sizeof digits) {
                return graft_j__fail(x->j, "a number has more than %zu digits", sizeof digits - 1);
            }
            digits[n++] = x->source[i];
        }
    }
    digits[n] = '\0';
    graft_jtoken token = {.text = x->source + x->at, .n = end - x->at};
    errno = 0;
    if (is_float) {
        token.kind = GRAFT_T_FLOAT;
        token.value = graft_j__float(strtod(digits, NULL));
    } else {
        token.kind = GRAFT_T_INTEGER;
        token.value = graft_j__int(strtoll(digits, NULL, base));
        if (errno == ERANGE) {
            return graft_j__fail(x->j, "integer %s does not fit in 64 bits", digits);
        }
    }
    graft_status status = emit(x, token);
    advance(x, end);
    return status;
}

/* A number of at most `max` digits behind a backslash; false if there are fewer than `min`. */
static bool escape_number(const char *text, size_t n, int base, size_t min, size_t max, size_t *used,
                          uint32_t *out)
{
    *out = 0;
    *used = 0;
    while (*used < n && *used < max && is_digit(text[*used], base)) {
        char c = text[(*used)++];
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a') + 10;
        *out = *out * (uint32_t)base + digit;
    }
    return *used >= min;
}

/* One escape, text[0] behind the backslash; *used bytes of it. Python's "unicode-escape". */
static graft_status unescape(lexer *x, const char *text, size_t n, size_t *used,
                             graft_jbuffer *out)
{
    static const char letters[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    char bytes[4];
    uint32_t c = 0;
    *used = 1;
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if (text[0] == letters[i]) {
            return graft_j__add(x->j, out, &letters[i + 1], 1, GRAFT_FROM_TEMPLATE);
        }
    }
    bool ok = true;
    size_t digits = 0;
    if (text[0] == '\n') {
        return GRAFT_OK;
    }
    if (text[0] >= '0' && text[0] <= '7') {
        escape_number(text, n, 8, 1, 3, used, &c);
    } else if (text[0] == 'x' || text[0] == 'u' || text[0] == 'U') {
        size_t want = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : 8;
        ok = escape_number(text + 1, n - 1, 16, want, want, &digits, &c);
        *used = 1 + digits;
    } else if (text[0] == 'N') {
        return graft_j__fail(x->j, "characters by name (\\N) are not supported");
    } else {
        *used = 0; /* an unknown escape stands for itself */
        return graft_j__add(x->j, out, "\\", 1, GRAFT_FROM_TEMPLATE);
    }
    if (!ok || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return graft_j__fail(x->j, "a string has a broken escape \\%c", text[0]);
    }
    return graft_j__add(x->j, out, bytes, graft_utf8_encode(c, bytes), GRAFT_FROM_TEMPLATE);
}

static graft_status lex_string(lexer *x)
{
    graft_status status = GRAFT_OK;
    const char quote = x->source[x->at];
    size_t end = x->at + 1;
    bool escapes = false;
    while (end < x->n && x->source[end] != quote) {
        escapes |= x->source[end] == '\\';
        end += x->source[end] == '\\' ? 2 : 1;
    }
    if (end >= x->n) {
        return graft_j__fail(x->j, "unexpected char '%c': a string without its end", quote);
    }
    const char *text = x->source + x->at + 1;
    size_t n = end - x->at - 1;
    graft_jtoken token = {.kind = GRAFT_T_STRING, .text = x->source + x->at, .n = n + 2};
    if (!escapes) {
        GRAFT_TRY(graft_j__string(x->j, &token.value, text, n, GRAFT_FROM_TEMPLATE));
    } else {
        graft_jbuffer out = {0};
        for (size_t i = 0; i < n;) {
            size_t run = 0, used = 0;
            while (i + run < n && text[i + run] != '\\') {
                run++;
            }
            GRAFT_TRY(graft_j__add(x->j, &out, text + i, run, GRAFT_FROM_TEMPLATE));
            i += run;
            if (i < n) {
                GRAFT_TRY(unescape(x, text + i + 1, n - i - 1, &used, &out));
                i += 1 + used;
            }
        }
        GRAFT_TRY(graft_j__finish(x->j, &out, &token.value));
    }
    GRAFT_TRY(emit(x, token));
    advance(x, end + 1);
done:
    return status;
}

/* Keeps brackets balanced: inside of them }} and %} do not end a tag. */
static graft_status balance(lexer *x, char c)
{
    graft_status status = GRAFT_OK;
    const char *open = "([{", *close = ")]}";
    if (strchr(open, c) != NULL) {
        if (x->n_open == x->open_capacity) {
            size_t capacity = x->open_capacity != 0 ? x->open_capacity * 2 : 64;
            char *grown;
            GRAFT_TRY(graft_j__bytes(x->j, &grown, capacity));
            if (x->n_open > 0) {
                memcpy(grown, x->open, x->n_open);
            }
            x->open = grown;
            x->open_capacity = capacity;
        }
        x->open[x->n_open++] = close[strchr(open, c) - open];
    } else if (strchr(close, c) != NULL) {
        if (x->n_open == 0) {
            return graft_j__fail(x->j, "unexpected '%c'", c);
        }
        if (x->open[--x->n_open] != c) {
            return graft_j__fail(x->j, "unexpected '%c', expected '%c'", c, x->open[x->n_open]);
        }
    }
done:
    return status;
}

static graft_status lex_operator(lexer *x)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        const char *text = token_names[operators[i]];
        if (starts(x, x->at, text)) {
            if (text[1] == '\0') {
                GRAFT_TRY(balance(x, text[0]));
            }
            GRAFT_TRY(emit(x, (graft_jtoken){
                                  .kind = operators[i], .text = text, .n = strlen(text)}));
            advance(x, x->at + strlen(text));
            return GRAFT_OK;
        }
    }
    uint32_t c = 0;
    graft_utf8_decode(x->source + x->at, x->n - x->at, &c);
    if (c >= ' ' && c < 0x7f) {
        return graft_j__fail(x->j, "unexpected char '%c'", (char)c);
    }
    return graft_j__fail(x->j, "unexpected char U+%04X", (unsigned)c);
done:
    return status;
}

/* Bytes of the letter, digit or underscore at `at`, 0 if there is none. */
static size_t name_char_at(const lexer *x, size_t at)
{
    uint32_t c;
    size_t bytes = at < x->n ? graft_utf8_decode(x->source + at, x->n - at, &c) : 0;
    return bytes > 0 && (c == '_' || graft_unicode__is_alpha(c) || graft_unicode__is_digit(c)) ? bytes
                                                                                              : 0;
}

/* One token inside of a tag. */
static graft_status lex_inside(lexer *x)
{
    size_t space = skip_space(x, x->at);
    char c = x->source[x->at];
    if (space > x->at) {
        advance(x, space);
        return GRAFT_OK;
    }
    if (c >= '0' && c <= '9') {
        return lex_number(x);
    }
    if (name_char_at(x, x->at) > 0) {
        size_t end = x->at;
        for (size_t bytes; (bytes = name_char_at(x, end)) > 0;) {
            end += bytes;
        }
        graft_status status = emit(x, (graft_jtoken){.kind = GRAFT_T_NAME,
                                                     .text = x->source + x->at,
                                                     .n = end - x->at});
        advance(x, end);
        return status;
    }
    return c == '"' || c == '\'' ? lex_string(x) : lex_operator(x);
}

static graft_status lex_tag(lexer *x, graft_jtoken_kind begin)
{
    graft_status status = GRAFT_OK;
    const bool variable = begin == GRAFT_T_VARIABLE_BEGIN;
    const char *end = variable ? "}}" : "%}";
    GRAFT_TRY(emit(x, (graft_jtoken){.kind = begin, .text = token_names[begin], .n = 2}));
    while (x->at < x->n) {
        char sign = sign_at(x, x->at);
        if (variable && sign == '+') {
            sign = 0;
        }
        if (x->n_open == 0 && starts(x, x->at + (sign != 0), end)) {
            graft_jtoken_kind kind = variable ? GRAFT_T_VARIABLE_END : GRAFT_T_BLOCK_END;
            GRAFT_TRY(emit(x, (graft_jtoken){.kind = kind, .text = end, .n = 2}));
            advance(x, after_end(x, x->at + (sign != 0) + 2, sign, !variable));
            goto done;
        }
        GRAFT_TRY(lex_inside(x));
    }
done:
    return status;
}

/* Template text up to the next tag, and that tag. */
static graft_status lex_root(lexer *x)
{
    graft_status status = GRAFT_OK;
    size_t tag = x->at;
    while (tag < x->n && !(x->source[tag] == '{' && tag + 1 < x->n &&
                           strchr("{%#", x->source[tag + 1]) != NULL && x->source[tag + 1] != '\0')) {
        tag++;
    }
    if (tag >= x->n) {
        return lex_data(x, x->n, '+', false);
    }
    char sign, end_sign;
    size_t end;
    if (word_tag(x, tag, "raw", &sign, &end_sign, &end) && end_sign != '+') {
        GRAFT_TRY(lex_data(x, tag, sign, false));
        advance(x, after_end(x, end, end_sign, false));
        return lex_raw(x);
    }
    char kind = x->source[tag + 1];
    sign = sign_at(x, tag + 2);
    GRAFT_TRY(lex_data(x, tag, sign, kind == '{'));
    advance(x, tag + 2 + (sign != 0));
    status = kind == '#' ? lex_comment(x)
                         : lex_tag(x, kind == '{' ? GRAFT_T_VARIABLE_BEGIN : GRAFT_T_BLOCK_BEGIN);
done:
    return status;
}

/* \r\n and \r become \n; the last line end goes. */
static graft_status normalize(graft_jinja *j, const char *source, size_t n, char **out, size_t *n_out)
{
    graft_status status = graft_j__bytes(j, out, n + 1);
    *n_out = 0;
    if (status != GRAFT_OK) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        if (source[i] == '\r') {
            (*out)[(*n_out)++] = '\n';
            i += i + 1 < n && source[i + 1] == '\n';
        } else {
            (*out)[(*n_out)++] = source[i];
        }
    }
    if (*n_out > 0 && (*out)[*n_out - 1] == '\n') {
        (*n_out)--;
    }
    return GRAFT_OK;
}

graft_status graft_j__tokenize(graft_jinja *j, const char *source, size_t n, graft_jtokens *out)
{
    graft_status status = GRAFT_OK;
    lexer x = {.j = j, .line_starting = true, .tokens = out};
    char *text;
    *out = (graft_jtokens){0};
    GRAFT_TRY(normalize(j, source, n, &text, &x.n));
    x.source = text;
    j->line = 1;
    while (x.at < x.n) {
        GRAFT_TRY(lex_root(&x));
    }
    GRAFT_TRY(emit(&x, (graft_jtoken){.kind = GRAFT_T_EOF, .text = "", .n = 0}));
done:
    return status;
}
