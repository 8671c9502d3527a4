/* core/strings.c */
#include "core/strings.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

void graft_text_init(graft_text *text)
{
    *text = (graft_text){0};
}

void graft_text_clear(graft_text *text)
{
    graft_free(text->data);
    graft_text_init(text);
}

/* Room for n more bytes and the terminator. */
static graft_status make_room(graft_text *text, size_t n)
{
    size_t need;
    if (!graft_size_add(text->len, n, &need) || !graft_size_add(need, 1, &need)) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: a text of %zu + %zu bytes", text->len, n);
    }
    return graft_reserve(&text->data, &text->capacity, need, 1);
}

graft_status graft_text_append(graft_text *text, const char *bytes, size_t n)
{
    graft_status status = make_room(text, n);
    if (status != GRAFT_OK) {
        return status;
    }
    if (n > 0) {
        memcpy(text->data + text->len, bytes, n);
    }
    text->len += n;
    text->data[text->len] = '\0';
    return GRAFT_OK;
}

graft_status graft_text_append_z(graft_text *text, const char *zero_terminated)
{
    return graft_text_append(text, zero_terminated, strlen(zero_terminated));
}

graft_status graft_text_append_char(graft_text *text, char c)
{
    return graft_text_append(text, &c, 1);
}

graft_status graft_text_appendf(graft_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        return graft_fail(GRAFT_E_FAILED, "text cannot be formatted: \"%s\"", format);
    }
    graft_status status = make_room(text, (size_t)n);
    if (status != GRAFT_OK) {
        return status;
    }
    va_start(args, format);
    vsnprintf(text->data + text->len, (size_t)n + 1, format, args);
    va_end(args);
    text->len += (size_t)n;
    return GRAFT_OK;
}

graft_status graft_text_append_codepoint(graft_text *text, uint32_t codepoint)
{
    char bytes[4];
    return graft_text_append(text, bytes, graft_utf8_encode(codepoint, bytes));
}

const char *graft_text_z(const graft_text *text)
{
    return text->data != NULL ? text->data : "";
}

graft_status graft_text_take(graft_text *text, char **out)
{
    *out = NULL;
    if (text->data == NULL) {
        return graft_strndup(out, "", 0);
    }
    *out = text->data;
    graft_text_init(text);
    return GRAFT_OK;
}

/* Unicode 15, table 3-7: the second byte's range excludes overlong forms, surrogates and what
 * lies above U+10FFFF. */
size_t graft_utf8_decode(const char *bytes, size_t n, uint32_t *codepoint)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (n == 0) {
        return 0;
    }
    if (b[0] < 0x80) {
        *codepoint = b[0];
        return 1;
    }
    size_t len = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || n < len) {
        return 0;
    }
    unsigned char low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (b[1] < low || b[1] > high) {
        return 0;
    }
    uint32_t value = b[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0u) != 0x80u) {
            return 0;
        }
        value = value << 6 | (b[i] & 0x3fu);
    }
    *codepoint = value;
    return len;
}

size_t graft_utf8_encode(uint32_t codepoint, char out[4])
{
    if (codepoint < 0x80) {
        out[0] = (char)codepoint;
        return 1;
    }
    size_t len = codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80u | (codepoint & 0x3fu));
        codepoint >>= 6;
    }
    out[0] = (char)((0xf00u >> len & 0xffu) | codepoint);
    return len;
}

bool graft_utf8_valid(const char *bytes, size_t n, size_t *bad_offset)
{
    size_t at = 0;
    while (at < n) {
        uint32_t codepoint;
        size_t used = graft_utf8_decode(bytes + at, n - at, &codepoint);
        if (used == 0) {
            if (bad_offset != NULL) {
                *bad_offset = at;
            }
            return false;
        }
        at += used;
    }
    return true;
}

/* Reorders or hides what follows it: bidi marks, embeddings, overrides and isolates, line
 * separators, the byte-order mark. */
static bool is_layout_control(uint32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

graft_status graft_text_append_escaped(graft_text *text, const char *bytes, size_t n,
                                       bool keep_lines)
{
    graft_status status = GRAFT_OK;
    size_t at = 0, plain = 0; /* bytes[plain..at) go out unchanged */
    while (at < n && status == GRAFT_OK) {
        uint32_t c = 0;
        size_t used = graft_utf8_decode(bytes + at, n - at, &c);
        bool kept = keep_lines && (c == '\n' || c == '\t');
        bool control = (c < 0x20 && !kept) || (c >= 0x7f && c < 0xa0) || is_layout_control(c);
        if (used > 0 && !control) {
            at += used;
            continue;
        }
        status = graft_text_append(text, bytes + plain, at - plain);
        if (status != GRAFT_OK) {
            return status;
        }
        if (used <= 1) {
            status = graft_text_appendf(text, "\\x%02x", (unsigned char)bytes[at]);
        } else {
            status = graft_text_appendf(text, "\\u{%x}", c);
        }
        at += used > 0 ? used : 1;
        plain = at;
    }
    return status == GRAFT_OK ? graft_text_append(text, bytes + plain, at - plain) : status;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_plain_word(const char *word)
{
    for (const unsigned char *c = (const unsigned char *)word; *c != 0; c++) {
        if (*c < 0x80 && !isalnum(*c) && strchr("_-./:=@%+,", *c) == NULL) {
            return false;
        }
    }
    return *word != 0;
}

graft_status graft_text_append_word(graft_text *text, const char *word)
{
    graft_status status = GRAFT_OK;
    if (is_plain_word(word)) {
        return graft_text_append_z(text, word);
    }
    GRAFT_TRY(graft_text_append_char(text, '\''));
    for (; *word != 0; word++) {
        GRAFT_TRY(*word == '\'' ? graft_text_append_z(text, "'\\''") : graft_text_append_char(text, *word));
    }
    GRAFT_TRY(graft_text_append_char(text, '\''));
done:
    return status;
}

size_t graft_edit_distance(const char *a, const char *b, size_t limit)
{
    enum { MAX_LEN = 96 }; /* names are short; longer ones count as far apart */
    size_t n = strlen(a), m = strlen(b);
    if (strcmp(a, b) == 0) {
        return 0;
    }
    if ((n > m ? n - m : m - n) > limit || n > MAX_LEN || m > MAX_LEN) {
        return limit + 1;
    }
    size_t rows[3][MAX_LEN + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smaller(change, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        size_t *reused = before;
        before = above;
        above = row;
        row = reused;
    }
    return smaller(above[m], limit + 1);
}

bool graft_str_ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return m <= n && memcmp(text + n - m, suffix, m) == 0;
}

bool graft_str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}
