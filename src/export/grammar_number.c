/* export/grammar_number.c - numbers between bounds, digit by digit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/grammar_internal.h"

#define NO_BOUND (INT64_C(1000000000000000000)) /* 10^18: as good as none */

typedef struct bounds {
    int64_t low, high; /* -NO_BOUND and NO_BOUND: none */
} bounds;

/* --- digits --- */

static graft_status append_digit(graft_text *out, char low, char high)
{
    return low == high ? graft_text_appendf(out, "[%c] ", low)
                       : graft_text_appendf(out, "[%c-%c] ", low, high);
}

static graft_status append_any(graft_text *out, size_t n)
{
    return n == 0 ? GRAFT_OK : n == 1 ? graft_text_append_z(out, "[0-9] ")
                             : graft_text_appendf(out, "[0-9]{%zu} ", n);
}

static bool all_are(const char *digits, size_t n, char digit)
{
    for (size_t i = 0; i < n; i++) {
        if (digits[i] != digit) {
            return false;
        }
    }
    return true;
}

/* Texts of n digits from `low` to `high`: alternatives, each behind the n_prefix digits of `prefix`. */
static graft_status same_length(graft_text *out, char *prefix, size_t n_prefix, const char *low,
                                const char *high, size_t n)
{
    static const char nines[] = "999999999999999999", zeros[] = "000000000000000000";
    graft_status status = GRAFT_OK;
    size_t k = 0;
    while (k < n && low[k] == high[k]) {
        prefix[n_prefix + k] = low[k];
        k++;
    }
    n_prefix += k;
    size_t rest = n - k - (k < n);
    char from = k < n ? low[k] : 0, to = k < n ? high[k] : 0;
    if (k < n && !all_are(low + k + 1, rest, '0')) {
        prefix[n_prefix] = from;
        GRAFT_TRY(same_length(out, prefix, n_prefix + 1, low + k + 1, nines, rest));
        from++;
    }
    bool part_of_last = k < n && !all_are(high + k + 1, rest, '9');
    to = (char)(to - part_of_last);
    if (k == n || from <= to) {
        GRAFT_TRY(graft_text_append_z(out, out->len > 0 ? " | " : ""));
        for (size_t i = 0; i < n_prefix; i++) {
            GRAFT_TRY(append_digit(out, prefix[i], prefix[i]));
        }
        GRAFT_TRY(k < n ? append_digit(out, from, to) : GRAFT_OK);
        GRAFT_TRY(append_any(out, rest));
    }
    if (part_of_last) {
        prefix[n_prefix] = high[k];
        GRAFT_TRY(same_length(out, prefix, n_prefix + 1, zeros, high + k + 1, rest));
    }
done:
    return status;
}

/* Numbers without sign from low to high >= low; NO_BOUND: up to 19 digits. */
static graft_status append_span(graft_text *out, int64_t low, int64_t high)
{
    graft_status status = GRAFT_OK;
    char a[32], b[32], prefix[32];
    bool open = high >= NO_BOUND;
    high = open ? NO_BOUND - 1 : high;
    size_t n_low = (size_t)snprintf(a, sizeof a, "%lld", (long long)low);
    size_t n_high = (size_t)snprintf(b, sizeof b, "%lld", (long long)high);
    n_high += open;
    for (size_t n = n_low; n <= n_high; n++) {
        char from[32], to[32];
        if (open && n > n_low) { /* whatever is longer */
            GRAFT_TRY(graft_text_appendf(out, " | [1-9] [0-9]{%zu,18}", n - 1));
            break;
        }
        memset(from, '0', sizeof from);
        from[0] = n == 1 ? '0' : '1';
        memset(to, '9', sizeof to);
        GRAFT_TRY(same_length(out, prefix, 0, n == n_low ? a : from, n == n_high ? b : to, n));
    }
done:
    return status;
}

/* --- bounds --- */

/* Of a number of the schema: the nearest integer inwards; *exact is false if that is another number. */
static int64_t inwards(double value, bool up, bool *exact)
{
    double whole = up ? ceil(value) : floor(value);
    *exact = whole == value;
    return whole >= (double)NO_BOUND ? NO_BOUND : whole <= -(double)NO_BOUND ? -NO_BOUND
                                                                              : (int64_t)whole;
}

/* `fractions`: bounds of numbers, which are moved outwards where they are no integers. */
static graft_status find_bounds(graft_grammar_maker *m, bounds *out, const graft_parts *parts,
                                bool fractions)
{
    static const struct { const char *keyword; bool low, exclusive; } keywords[] = {
        {"minimum", true, false}, {"exclusiveMinimum", true, true},
        {"maximum", false, false}, {"exclusiveMaximum", false, true}};
    graft_status status = GRAFT_OK;
    *out = (bounds){-NO_BOUND, NO_BOUND};
    for (size_t i = 0; i < parts->n; i++) {
        for (size_t k = 0; k < 4; k++) {
            const graft_json *value = graft_grammar__keyword(parts, i, keywords[k].keyword);
            bool low = keywords[k].low, exact;
            if (!graft_json_is(value, GRAFT_JSON_INT) && !graft_json_is(value, GRAFT_JSON_DOUBLE)) {
                continue;
            }
            int64_t bound = inwards(graft_json_double(value), low != fractions, &exact);
            if (graft_json_is(value, GRAFT_JSON_INT) && llabs(graft_json_int(value)) < NO_BOUND) {
                bound = graft_json_int(value);
                exact = true;
            }
            if (fractions && (!exact || keywords[k].exclusive)) {
                GRAFT_TRY(graft_grammar__remark(m, keywords[k].keyword,
                                                "of a number is kept to the next integer"));
            } else if (keywords[k].exclusive && exact && llabs(bound) < NO_BOUND) {
                bound += low ? 1 : -1;
            }
            out->low = low && bound > out->low ? bound : out->low;
            out->high = !low && bound < out->high ? bound : out->high;
        }
    }
done:
    return status;
}

/* --- numbers --- */

/* What of low..high lies on one side of 0, without sign; false if nothing does. 0 itself has none, and -0.5 is
 * beyond it. */
static bool side(const bounds *b, bool negative, bool fractions, int64_t *from, int64_t *to)
{
    *from = !negative ? (b->low > 0 ? b->low : 0) : b->high < 0 ? -b->high : !fractions;
    *to = negative ? -b->low : b->high;
    return *from <= *to;
}

static graft_status append_side(graft_text *out, const bounds *b, bool negative, bool fractions)
{
    graft_status status = GRAFT_OK;
    const char *sign = negative ? "\"-\" " : "";
    int64_t from, to;
    graft_text span;
    graft_text_init(&span);
    if (!side(b, negative, fractions, &from, &to)) {
        return GRAFT_OK;
    }
    bool open = to >= NO_BOUND;
    if (!fractions || from < to || open) { /* k + f lies within if k does and is not the last */
        GRAFT_TRY(append_span(&span, from, fractions && !open ? to - 1 : to));
        GRAFT_TRY(graft_text_appendf(out, "%s%s(%s)%s", out->len > 0 ? " | " : "", sign, span.data,
                                     fractions ? " fraction?" : ""));
    }
    if (fractions && !open) {
        GRAFT_TRY(graft_text_appendf(out, "%s%s\"%lld\" (\".\" [0]+)?", out->len > 0 ? " | " : "",
                                     sign, (long long)to));
    }
done:
    graft_text_clear(&span);
    return status;
}

static bool is_open(const bounds *b)
{
    return b->low <= -NO_BOUND && b->high >= NO_BOUND;
}

graft_status graft_grammar__number(graft_grammar_maker *m, graft_text *out,
                                   const graft_parts *parts, unsigned types)
{
    graft_status status = GRAFT_OK;
    bool fractions = (types & GRAFT_G_FRACTION) != 0;
    bounds b;
    GRAFT_TRY(find_bounds(m, &b, parts, fractions));
    for (size_t i = 0; i < parts->n; i++) {
        const graft_json *step = graft_grammar__keyword(parts, i, "multipleOf");
        if (step != NULL && (fractions || graft_json_double(step) != 1)) {
            GRAFT_TRY(graft_grammar__remark(m, "multipleOf", "is not kept"));
        }
    }
    if (b.low > b.high) {
        goto done;
    }
    if (is_open(&b)) {
        status = graft_text_append_z(out, fractions ? "number" : "integer");
        goto done;
    }
    for (int negative = 1; negative >= 0; negative--) {
        GRAFT_TRY(append_side(out, &b, negative != 0, fractions));
    }
done:
    return status;
}
