/* io/json_scan.c - a validating pass over JSON text (RFC 8259), on which json_build.c relies.
 *
 * json-c's parser even in strict mode keeps the last of two equal keys, saturates long integers, takes
 * NaN and raw control characters and turns lone surrogates into U+FFFD. Here the whole grammar is
 * checked, so that what is wrong is reported at the byte where it stands. */
#include <stdint.h>
#include <string.h>

#include "core/arena.h"
#include "core/map.h"
#include "core/memory.h"
#include "io/json_internal.h"
#include "io/show.h"

/* A key of an object that is still open, unescaped. */
typedef struct key_slot {
    const char *bytes;
    size_t n, at;
} key_slot;

typedef struct scan {
    const char *text;
    size_t n, at;
    int depth;
    bool long_integers; /* they may be, and are doubles then */
    key_slot *keys; /* of all open objects, innermost last */
    size_t n_keys, capacity;
    graft_arena decoded; /* keys that were written with escapes */
} scan;

#define FAIL(at, ...) fail_at_byte((at), __LINE__, __VA_ARGS__)

static graft_status fail_at_byte(size_t at, int line, const char *what)
{
    return graft_fail_at(GRAFT_E_DATA, __FILE__, line, "at byte %zu: %s", at, what);
}

/* The next byte, or -1 at the end. */
static int peek(const scan *s)
{
    return s->at < s->n ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(scan *s)
{
    while (s->at < s->n && (s->text[s->at] == ' ' || s->text[s->at] == '\n' ||
                            s->text[s->at] == '\t' || s->text[s->at] == '\r')) {
        s->at++;
    }
}

static graft_status unexpected(const scan *s, const char *wanted)
{
    int c = peek(s);
    if (c < 0) {
        return graft_fail(GRAFT_E_DATA, "at byte %zu: the text ends where %s is expected", s->at,
                          wanted);
    }
    if (c > 0x20 && c < 0x7f) {
        return graft_fail(GRAFT_E_DATA, "at byte %zu: '%c' where %s is expected", s->at, c, wanted);
    }
    return graft_fail(GRAFT_E_DATA, "at byte %zu: byte 0x%02x where %s is expected", s->at,
                      (unsigned)c, wanted);
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* --- numbers --- */

typedef struct number {
    size_t start;
    bool negative, is_double;
    char digits[21];       /* leading significant digits */
    size_t n_digits;       /* significant digits seen in all */
    long long point;       /* value = 0.d1d2d3... * 10^point */
} number;

static void add_digit(number *num, int c, bool fraction)
{
    if (num->n_digits > 0 || c != '0') {
        if (num->n_digits < sizeof num->digits) {
            num->digits[num->n_digits] = (char)c;
        }
        num->n_digits++;
        num->point += fraction ? 0 : 1;
    } else {
        num->point -= fraction ? 1 : 0;
    }
}

static graft_status scan_digits(scan *s, number *num, bool fraction)
{
    if (!is_digit(peek(s))) {
        return unexpected(s, "a digit");
    }
    for (; is_digit(peek(s)); s->at++) {
        add_digit(num, peek(s), fraction);
    }
    return GRAFT_OK;
}

static graft_status scan_exponent(scan *s, number *num)
{
    enum { BIG = 1000000000 };
    long long exponent = 0;
    bool negative;
    s->at++;
    negative = peek(s) == '-';
    if (peek(s) == '+' || peek(s) == '-') {
        s->at++;
    }
    if (!is_digit(peek(s))) {
        return unexpected(s, "a digit of the exponent");
    }
    for (; is_digit(peek(s)); s->at++) {
        exponent = exponent < BIG ? exponent * 10 + (peek(s) - '0') : exponent;
    }
    num->point += negative ? -exponent : exponent;
    return GRAFT_OK;
}

/* As an integer: in 64 bits, signed, or unsigned when positive. */
static bool fits_integer(const number *num)
{
    static const char max_unsigned[] = "18446744073709551615", min_signed[] = "09223372036854775808";
    char padded[20];
    size_t n = num->n_digits < sizeof padded ? num->n_digits : sizeof padded;
    memset(padded, '0', sizeof padded);
    memcpy(padded + sizeof padded - n, num->digits, n);
    return num->n_digits <= 20 &&
           memcmp(padded, num->negative ? min_signed : max_unsigned, 20) <= 0;
}

/* Integers fit in 64 bits. Doubles are finite: the smallest decimal that rounds to infinity begins with
 * the digits below at 10^308. */
static graft_status check_range(const scan *s, const number *num)
{
    static const char too_large[] = "17976931348623158079";
    char padded[20];
    size_t n = num->n_digits < sizeof padded ? num->n_digits : sizeof padded;
    if (num->n_digits == 0 || (!num->is_double && fits_integer(num))) {
        return GRAFT_OK;
    }
    if (!num->is_double && !s->long_integers) {
        return FAIL(num->start, "the integer does not fit in 64 bits");
    }
    memset(padded, '0', sizeof padded);
    memcpy(padded, num->digits, n);
    return num->point > 309 || (num->point == 309 && memcmp(padded, too_large, 20) >= 0)
               ? FAIL(num->start, "the number is too large for a double")
               : GRAFT_OK;
}

static graft_status scan_number(scan *s)
{
    graft_status status = GRAFT_OK;
    number num = {.start = s->at, .negative = peek(s) == '-'};
    s->at += num.negative ? 1 : 0;
    if (peek(s) == '0') {
        s->at++;
        if (is_digit(peek(s))) {
            return FAIL(num.start, "the number begins with a superfluous 0");
        }
    } else {
        GRAFT_TRY(scan_digits(s, &num, false));
    }
    if (peek(s) == '.') {
        num.is_double = true;
        s->at++;
        GRAFT_TRY(scan_digits(s, &num, true));
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        num.is_double = true;
        GRAFT_TRY(scan_exponent(s, &num));
    }
    GRAFT_TRY(check_range(s, &num));
done:
    return status;
}

/* --- strings --- */

/* Four hexadecimal digits at text[at..at+4), or -1. */
static int32_t hex4(const scan *s, size_t at)
{
    int32_t value = 0;
    if (s->n - at < 4) {
        return -1;
    }
    for (size_t i = at; i < at + 4; i++) {
        char c = s->text[i];
        int digit = c >= '0' && c <= '9' ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The escape at text[at] ('\\'): sets *codepoint, moves past it. */
static graft_status scan_escape(scan *s, uint32_t *codepoint)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    size_t start = s->at++;
    int c = peek(s);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    int32_t first, second;
    if (name != NULL) {
        *codepoint = (uint32_t)values[name - names];
        s->at++;
        return GRAFT_OK;
    }
    first = c == 'u' ? hex4(s, s->at + 1) : -1;
    if (first < 0) {
        return FAIL(start, "an escape that JSON does not have");
    }
    s->at += 5;
    if (first >= 0xd800 && first <= 0xdbff) {
        bool paired = s->n - s->at >= 6 && s->text[s->at] == '\\' && s->text[s->at + 1] == 'u';
        second = paired ? hex4(s, s->at + 2) : -1;
        if (second < 0xdc00 || second > 0xdfff) {
            return FAIL(start, "a high surrogate without its low one");
        }
        s->at += 6;
        *codepoint = 0x10000u + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
        return GRAFT_OK;
    }
    if (first >= 0xdc00 && first <= 0xdfff) {
        return FAIL(start, "a low surrogate without its high one");
    }
    *codepoint = (uint32_t)first;
    return GRAFT_OK;
}

/* The string at text[at] ('"'); moves past it. *escaped tells whether it holds escapes. */
static graft_status scan_string(scan *s, bool *escaped)
{
    graft_status status = GRAFT_OK;
    size_t start = s->at++;
    *escaped = false;
    for (;;) {
        uint32_t codepoint;
        unsigned char c;
        size_t used;
        if (s->at >= s->n) {
            return FAIL(start, "a string without its closing quote");
        }
        c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return GRAFT_OK;
        }
        if (c == '\\') {
            *escaped = true;
            GRAFT_TRY(scan_escape(s, &codepoint));
        } else if (c < 0x20) {
            return FAIL(s->at, "a control character inside a string must be escaped");
        } else if (c < 0x80) {
            s->at++;
        } else {
            used = graft_utf8_decode(s->text + s->at, s->n - s->at, &codepoint);
            if (used == 0) {
                return FAIL(s->at, "invalid UTF-8");
            }
            s->at += used;
        }
    }
done:
    return status;
}

/* --- objects --- */

/* Writes the unescaped form of text[from..to) into the arena; it cannot be longer. */
static graft_status decode_key(scan *s, size_t from, size_t to, key_slot *key)
{
    graft_status status = GRAFT_OK;
    size_t end = s->at, n = 0;
    char *bytes;
    GRAFT_TRY(graft_arena_alloc(&s->decoded, &bytes, to - from + 4, 1));
    s->at = from;
    while (s->at < to) {
        uint32_t codepoint;
        if (s->text[s->at] != '\\') {
            bytes[n++] = s->text[s->at++];
            continue;
        }
        GRAFT_TRY(scan_escape(s, &codepoint));
        n += graft_utf8_encode(codepoint, bytes + n);
    }
    key->bytes = bytes;
    key->n = n;
    s->at = end;
done:
    return status;
}

static graft_status scan_key(scan *s)
{
    graft_status status = GRAFT_OK;
    key_slot key = {.at = s->at};
    bool escaped;
    if (peek(s) != '"') {
        return unexpected(s, "a key in quotes");
    }
    GRAFT_TRY(scan_string(s, &escaped));
    key.bytes = s->text + key.at + 1;
    key.n = s->at - key.at - 2;
    if (escaped) {
        GRAFT_TRY(decode_key(s, key.at + 1, s->at - 1, &key));
        if (memchr(key.bytes, 0, key.n) != NULL) {
            return FAIL(key.at, "a key that holds a zero byte");
        }
    }
    GRAFT_TRY(graft_reserve(&s->keys, &s->capacity, s->n_keys + 1, sizeof key));
    s->keys[s->n_keys++] = key;
done:
    return status;
}

static graft_status duplicate(const key_slot *key)
{
    char shown[GRAFT_IO_SHOWN];
    return graft_fail(GRAFT_E_DATA, "at byte %zu: duplicate key \"%s\"", key->at,
                      graft_io__show(shown, key->bytes, key->n));
}

/* The keys of the object that ends now are s->keys[first..n_keys). */
static graft_status check_duplicates(const scan *s, size_t first)
{
    enum { FEW = 16 };
    graft_status status = GRAFT_OK;
    graft_map seen;
    graft_map_init(&seen);
    for (size_t i = first; i < s->n_keys; i++) {
        const key_slot *key = &s->keys[i];
        bool was_present = false;
        if (s->n_keys - first > FEW) {
            GRAFT_TRY(graft_map_set(&seen, key->bytes, key->n, 0, &was_present));
        }
        for (size_t j = first; j < i && s->n_keys - first <= FEW; j++) {
            was_present = was_present || (s->keys[j].n == key->n &&
                                          memcmp(s->keys[j].bytes, key->bytes, key->n) == 0);
        }
        if (was_present) {
            status = duplicate(key);
            goto done;
        }
    }
done:
    graft_map_clear(&seen);
    return status;
}

static graft_status scan_value(scan *s);

static graft_status scan_object(scan *s)
{
    graft_status status = GRAFT_OK;
    size_t first = s->n_keys;
    s->at++;
    skip_space(s);
    if (peek(s) == '}') {
        s->at++;
        return GRAFT_OK;
    }
    for (;;) {
        skip_space(s);
        GRAFT_TRY(scan_key(s));
        skip_space(s);
        if (peek(s) != ':') {
            return unexpected(s, "':'");
        }
        s->at++;
        GRAFT_TRY(scan_value(s));
        if (peek(s) == '}') {
            break;
        }
        if (peek(s) != ',') {
            return unexpected(s, "',' or '}'");
        }
        s->at++;
    }
    s->at++;
    GRAFT_TRY(check_duplicates(s, first));
    s->n_keys = first;
done:
    return status;
}

static graft_status scan_array(scan *s)
{
    graft_status status = GRAFT_OK;
    s->at++;
    skip_space(s);
    if (peek(s) == ']') {
        s->at++;
        return GRAFT_OK;
    }
    for (;;) {
        GRAFT_TRY(scan_value(s));
        if (peek(s) == ']') {
            break;
        }
        if (peek(s) != ',') {
            return unexpected(s, "',' or ']'");
        }
        s->at++;
    }
    s->at++;
done:
    return status;
}

static graft_status scan_word(scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->n - s->at < n || memcmp(s->text + s->at, word, n) != 0) {
        return FAIL(s->at, "a word that is not null, true or false");
    }
    s->at += n;
    return GRAFT_OK;
}

/* One value with the white space around it. */
static graft_status scan_value(scan *s)
{
    graft_status status = GRAFT_OK;
    bool ignored;
    int c;
    skip_space(s);
    c = peek(s);
    if (c == '{' || c == '[') {
        if (s->depth >= GRAFT_JSON_MAX_DEPTH) {
            return graft_fail(GRAFT_E_DATA, "at byte %zu: nested deeper than %d", s->at,
                              GRAFT_JSON_MAX_DEPTH);
        }
        s->depth++;
        GRAFT_TRY(c == '{' ? scan_object(s) : scan_array(s));
        s->depth--;
    } else if (c == '"') {
        GRAFT_TRY(scan_string(s, &ignored));
    } else if (c == '-' || is_digit(c)) {
        GRAFT_TRY(scan_number(s));
    } else if (c == 'n' || c == 't' || c == 'f') {
        GRAFT_TRY(scan_word(s, c == 'n' ? "null" : c == 't' ? "true" : "false"));
    } else {
        return unexpected(s, "a value");
    }
    skip_space(s);
done:
    return status;
}

graft_status graft_json__scan(const char *text, size_t n, bool long_integers)
{
    graft_status status = GRAFT_OK;
    scan s = {.text = text, .n = n, .long_integers = long_integers};
    graft_arena_init(&s.decoded, 1 << 12);
    if (n > GRAFT_JSON_MAX_BYTES) {
        return graft_fail(GRAFT_E_DATA, "%zu bytes of JSON (at most %zu)", n,
                          GRAFT_JSON_MAX_BYTES);
    }
    GRAFT_TRY(scan_value(&s));
    if (s.at < n) {
        status = FAIL(s.at, "something follows the value");
    }
done:
    graft_free(s.keys);
    graft_arena_clear(&s.decoded);
    return status;
}
