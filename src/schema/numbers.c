/* minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf: exact on numbers as written. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/run.h"

bool graft_schema__is_number(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
}

/* --- bounds --- */

static __int128 whole(const graft_json *value)
{
    uint64_t big;
    return graft_json_big(value, &big) ? (__int128)big : (__int128)graft_json_int(value);
}

static int compare_mixed(__int128 i, double d)
{
    if (d >= 0x1p64 || d < -0x1p63) { /* beyond all integers there are */
        return d > 0 ? -1 : 1;
    }
    __int128 below = (__int128)floor(d);
    return i < below ? -1 : i > below ? 1 : floor(d) < d ? -1 : 0;
}

int graft_schema__compare(const graft_json *a, const graft_json *b)
{
    bool int_a = graft_json_is(a, GRAFT_JSON_INT), int_b = graft_json_is(b, GRAFT_JSON_INT);
    if (int_a && int_b) {
        __int128 x = whole(a), y = whole(b);
        return (x > y) - (x < y);
    }
    if (int_a) {
        return compare_mixed(whole(a), graft_json_double(b));
    }
    if (int_b) {
        return -compare_mixed(whole(b), graft_json_double(a));
    }
    double x = graft_json_double(a), y = graft_json_double(b);
    return (x > y) - (x < y);
}

typedef struct bound {
    const graft_json *value;
    int sign;  /* 1: a lower bound, -1: an upper one */
    int least; /* what sign * (value against bound) must be at least */
    const char *fact;
} bound;

static bool check_bound(graft_schema_run *run, const graft_schema_rule *rule,
                        const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    const bound *b = rule->data;
    return !graft_schema__is_number(value) ||
           b->sign * graft_schema__compare(value, b->value) >= b->least ||
           (graft_schema__tells(run) &&
            graft_schema__found(run, "%s is %s %s", graft_schema__spell(run, value), b->fact,
                                graft_schema__spell(run, b->value)));
}

static graft_status add_bound(graft_schema_compiler *c, const graft_schema_node *node,
                              const char *keyword, bound wanted)
{
    graft_status status = GRAFT_OK;
    bound *b;
    if (!graft_schema__is_number(wanted.value)) {
        return graft_schema__remark(c, node, keyword, "is no number");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &b, 1, sizeof *b));
    *b = wanted;
    GRAFT_TRY(graft_schema__add_rule(c, check_bound, b));
done:
    return status;
}

graft_status graft_schema__minimum(graft_schema_compiler *c, const graft_schema_node *node,
                                   const graft_json *value)
{
    return add_bound(c, node, "minimum", (bound){value, 1, 0, "less than"});
}

graft_status graft_schema__maximum(graft_schema_compiler *c, const graft_schema_node *node,
                                   const graft_json *value)
{
    return add_bound(c, node, "maximum", (bound){value, -1, 0, "more than"});
}

graft_status graft_schema__exclusive_minimum(graft_schema_compiler *c,
                                             const graft_schema_node *node,
                                             const graft_json *value)
{
    return add_bound(c, node, "exclusiveMinimum", (bound){value, 1, 1, "not more than"});
}

graft_status graft_schema__exclusive_maximum(graft_schema_compiler *c,
                                             const graft_schema_node *node,
                                             const graft_json *value)
{
    return add_bound(c, node, "exclusiveMaximum", (bound){value, -1, 1, "not less than"});
}

/* --- multipleOf --- */

/* A number's digits as written, without sign, point and exponent: digits * 10^exponent. */
typedef struct decimal {
    const char *text; /* digits and at most one other character between them */
    size_t n_digits, n_zeros; /* digits in all, and zeros at the end */
    bool zero;
    int64_t exponent;
} decimal;

/* The shortest spelling that reads back. */
static void spell_double(char *out, size_t n, double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, n, "%.*e", digits - 1, value);
        if (strtod(out, NULL) == value) {
            return;
        }
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `buffer` holds the spelling of what has none of its own. */
static decimal read_decimal(const graft_json *value, char buffer[48])
{
    enum { FAR = 1000000000 };
    decimal d = {.text = graft_json_spelling(value), .zero = true};
    if (graft_json_is(value, GRAFT_JSON_INT)) {
        __int128 i = whole(value);
        snprintf(buffer, 48, "%llu", (unsigned long long)(i < 0 ? -i : i));
        d.text = buffer;
    } else if (d.text == NULL) {
        spell_double(buffer, 48, graft_json_double(value));
        d.text = buffer;
    }
    d.text += d.text[0] == '-';
    bool fraction = false;
    const char *at = d.text;
    for (; *at != '\0' && *at != 'e' && *at != 'E'; at++) {
        if (!is_digit(*at)) {
            fraction = true; /* the point, whatever the locale writes */
            continue;
        }
        d.n_digits++;
        d.n_zeros = *at == '0' ? d.n_zeros + 1 : 0;
        d.zero = d.zero && *at == '0';
        d.exponent -= fraction;
    }
    if (*at != '\0') {
        bool negative = at[1] == '-';
        int64_t exponent = 0;
        for (at += 1 + !is_digit(at[1]); is_digit(*at); at++) {
            exponent = exponent < FAR ? exponent * 10 + (*at - '0') : exponent;
        }
        d.exponent += negative ? -exponent : exponent;
    }
    return d;
}

/* The first n digits modulo m. */
static uint64_t digits_modulo(const decimal *d, size_t n, uint64_t m)
{
    uint64_t rest = 0;
    for (const char *at = d->text; n > 0; at++) {
        if (is_digit(*at)) {
            rest = (uint64_t)(((unsigned __int128)rest * 10 + (unsigned)(*at - '0')) % m);
            n--;
        }
    }
    return rest;
}

static uint64_t times(uint64_t a, uint64_t b, uint64_t m)
{
    return (uint64_t)((unsigned __int128)a * b % m);
}

static uint64_t ten_to(uint64_t n, uint64_t m)
{
    uint64_t power = 1 % m;
    for (uint64_t base = 10 % m; n > 0; n /= 2) {
        power = n % 2 == 1 ? times(power, base, m) : power;
        base = times(base, base, m);
    }
    return power;
}

typedef struct factor {
    const graft_json *value;
    uint64_t digits;
    int64_t exponent;
} factor;

static bool is_multiple(const graft_json *value, const factor *of)
{
    char buffer[48];
    decimal d = read_decimal(value, buffer);
    if (d.zero) {
        return true;
    }
    int64_t shift = d.exponent - of->exponent;
    if (shift >= 0) {
        return times(digits_modulo(&d, d.n_digits, of->digits),
                     ten_to((uint64_t)shift, of->digits), of->digits) == 0;
    }
    uint64_t drop = (uint64_t)-shift; /* it must be divisible by that power of ten as well */
    return drop <= d.n_zeros && digits_modulo(&d, d.n_digits - (size_t)drop, of->digits) == 0;
}

static bool check_multiple(graft_schema_run *run, const graft_schema_rule *rule,
                           const graft_json *value, graft_schema_seen *seen)
{
    (void)seen;
    const factor *of = rule->data;
    return !graft_schema__is_number(value) || is_multiple(value, of) ||
           (graft_schema__tells(run) &&
            graft_schema__found(run, "%s is no multiple of %s", graft_schema__spell(run, value),
                                graft_schema__spell(run, of->value)));
}

graft_status graft_schema__multiple_of(graft_schema_compiler *c, const graft_schema_node *node,
                                       const graft_json *value)
{
    graft_status status = GRAFT_OK;
    char buffer[48];
    factor *of;
    if (!graft_schema__is_number(value) || graft_json_double(value) <= 0) {
        return graft_schema__remark(c, node, "multipleOf", "is no number above 0");
    }
    decimal d = read_decimal(value, buffer);
    size_t n = d.n_digits - d.n_zeros, leading = 0;
    for (const char *at = d.text; *at == '0' || !is_digit(*at); at++) {
        leading += *at == '0';
    }
    if (n - leading > 19) { /* the most that 64 bits hold */
        return graft_schema__remark(c, node, "multipleOf", "has more than 19 digits");
    }
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &of, 1, sizeof *of));
    *of = (factor){value, digits_modulo(&d, n, UINT64_MAX), d.exponent + (int64_t)d.n_zeros};
    GRAFT_TRY(graft_schema__add_rule(c, check_multiple, of));
done:
    return status;
}
