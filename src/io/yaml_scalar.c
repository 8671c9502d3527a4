/* io/yaml_scalar.c - what a plain YAML scalar means (YAML 1.2.2, 10.3 core schema). */
#include "io/yaml_scalar.h"

#include <string.h>

static bool is_one_of(const char *text, size_t n, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strlen(*words) == n && memcmp(text, *words, n) == 0) {
            return true;
        }
    }
    return false;
}

static size_t count_digits(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && text[i] >= '0' && text[i] <= '9') {
        i++;
    }
    return i;
}

/* The pieces of [-+]? ( digits ( . digits? )? | . digits ) ( [eE] [-+]? digits )? */
typedef struct decimal {
    bool negative, is_float;
    const char *whole, *fraction, *exponent;
    size_t n_whole, n_fraction, n_exponent;
} decimal;

static bool split_decimal(decimal *d, const char *text, size_t n)
{
    size_t at = 0;
    *d = (decimal){0};
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        d->negative = text[0] == '-';
        at = 1;
    }
    d->whole = text + at;
    d->n_whole = count_digits(text + at, n - at);
    at += d->n_whole;
    if (at < n && text[at] == '.') {
        d->is_float = true;
        d->fraction = text + at + 1;
        d->n_fraction = count_digits(text + at + 1, n - at - 1);
        at += 1 + d->n_fraction;
    }
    if (d->n_whole + d->n_fraction == 0) {
        return false;
    }
    if (at < n && (text[at] == 'e' || text[at] == 'E')) {
        size_t sign = at + 1 < n && (text[at + 1] == '-' || text[at + 1] == '+');
        d->is_float = true;
        d->exponent = text + at + 1;
        d->n_exponent = sign + count_digits(text + at + 1 + sign, n - at - 1 - sign);
        if (d->n_exponent == sign) {
            return false;
        }
        at += 1 + d->n_exponent;
    }
    return at == n;
}

/* Spells the number as JSON does and lets the JSON reader judge its range. */
static graft_status read_decimal(graft_json **out, const decimal *d)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    size_t zeros = 0;
    graft_text_init(&text);
    while (zeros < d->n_whole && d->whole[zeros] == '0') {
        zeros++;
    }
    GRAFT_TRY(graft_text_append_z(&text, d->negative ? "-" : ""));
    GRAFT_TRY(graft_text_append(&text, d->whole + zeros, d->n_whole - zeros));
    if (zeros == d->n_whole) {
        GRAFT_TRY(graft_text_append_char(&text, '0'));
    }
    if (d->is_float) {
        GRAFT_TRY(graft_text_append_char(&text, '.'));
        GRAFT_TRY(d->n_fraction > 0 ? graft_text_append(&text, d->fraction, d->n_fraction)
                                    : graft_text_append_char(&text, '0'));
    }
    if (d->n_exponent > 0) {
        GRAFT_TRY(graft_text_append_char(&text, 'e'));
        GRAFT_TRY(graft_text_append(&text, d->exponent, d->n_exponent));
    }
    status = graft_json_parse(out, text.data, text.len);
    if (status == GRAFT_E_DATA) {
        status = graft_fail(GRAFT_E_DATA, "the number is too large");
    }
done:
    graft_text_clear(&text);
    return status;
}

/* 0x1f and 0o17; false if the text is neither. */
static bool split_based(const char *text, size_t n, unsigned *base)
{
    const char *digits;
    if (n < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'o')) {
        return false;
    }
    *base = text[1] == 'x' ? 16 : 8;
    digits = text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
    for (size_t i = 2; i < n; i++) {
        if (text[i] == '\0' || strchr(digits, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static graft_status read_based(graft_json **out, const char *text, size_t n, unsigned base)
{
    int64_t value = 0;
    for (size_t i = 2; i < n; i++) {
        int digit = text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10;
        if (value > (INT64_MAX - digit) / (int64_t)base) {
            return graft_fail(GRAFT_E_DATA, "the number is too large");
        }
        value = value * (int64_t)base + digit;
    }
    *out = graft_json_new_int(value);
    return *out != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory for a number");
}

graft_status graft_yaml__resolve(graft_json **out, const char *text, size_t n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const not_finite[] = {
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
        ".nan", ".NaN", ".NAN", NULL};
    decimal d;
    unsigned base = 0;
    *out = NULL;
    if (is_one_of(text, n, nulls)) {
        return GRAFT_OK;
    }
    if (is_one_of(text, n, not_finite)) {
        return graft_fail(GRAFT_E_DATA, "the number is not finite");
    }
    if (split_based(text, n, &base)) {
        return read_based(out, text, n, base);
    }
    if (split_decimal(&d, text, n)) {
        return read_decimal(out, &d);
    }
    if (is_one_of(text, n, trues) || is_one_of(text, n, falses)) {
        *out = graft_json_new_bool(is_one_of(text, n, trues));
    } else {
        *out = graft_json_new_string(text, n);
    }
    return *out != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory for a value");
}
