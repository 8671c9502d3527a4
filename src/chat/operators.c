/* chat/operators.c - arithmetic and comparison, on Python's terms.
 *
 * Integers have 64 bits here; what Python would compute beyond is an error, not a wrong number. */
#include <math.h>
#include <string.h>

#include "chat/jinja.h"

static graft_status unsupported(graft_jinja *j, const char *op, const graft_jvalue *a,
                                const graft_jvalue *b)
{
    if (a->kind == GRAFT_J_UNDEFINED || b->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, a->kind == GRAFT_J_UNDEFINED ? a : b);
    }
    return graft_j__fail(j, "unsupported operand type(s) for %s: '%s' and '%s'", op,
                         graft_j__type_name(a), graft_j__type_name(b));
}

static graft_status overflow(graft_jinja *j)
{
    return graft_j__fail(j, "an integer does not fit in 64 bits");
}

static bool both_numbers(const graft_jvalue *a, const graft_jvalue *b)
{
    return graft_j__is_number(a) && graft_j__is_number(b);
}

static bool both_integers(const graft_jvalue *a, const graft_jvalue *b)
{
    return graft_j__is_integer(a) && graft_j__is_integer(b);
}

/* Computed from data: from data. */
static graft_jvalue derived(graft_jvalue value, const graft_jvalue *a, const graft_jvalue *b)
{
    value.origin = graft_j__origin_both(a->origin, b->origin);
    return value;
}

static graft_status concatenate(graft_jinja *j, const graft_jstring *a, const graft_jstring *b,
                                graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const bool markup = a->markup || b->markup;
    graft_jbuffer buffer = {0};
    if (markup) {
        GRAFT_TRY(graft_j__add_escaped(j, &buffer, a));
        GRAFT_TRY(graft_j__add_escaped(j, &buffer, b));
    } else {
        GRAFT_TRY(graft_j__add_string(j, &buffer, a));
        GRAFT_TRY(graft_j__add_string(j, &buffer, b));
    }
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    if (markup) {
        status = graft_j__as_markup(j, out->u.s, out);
    }
done:
    return status;
}

static graft_status join_lists(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                               graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jlist *x = a->u.list, *y = b->u.list;
    graft_jlist *list;
    GRAFT_TRY(graft_j__work(j, (x->n + y->n) / 8));
    GRAFT_TRY(graft_j__list_new(j, &list, x->n + y->n));
    if (x->n > 0) {
        memcpy(list->items, x->items, x->n * sizeof *x->items);
    }
    if (y->n > 0) {
        memcpy(list->items + x->n, y->items, y->n * sizeof *y->items);
    }
    list->n = x->n + y->n;
    *out = *a;
    out->u.list = list;
    out->origin = graft_j__origin_both(a->origin, b->origin);
done:
    return status;
}

graft_status graft_j__add_values(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                 graft_jvalue *out)
{
    if (both_integers(a, b)) {
        int64_t sum;
        if (__builtin_add_overflow(graft_j__as_int(a), graft_j__as_int(b), &sum)) {
            return overflow(j);
        }
        *out = derived(graft_j__int(sum), a, b);
        return GRAFT_OK;
    }
    if (both_numbers(a, b)) {
        *out = derived(graft_j__float(graft_j__as_float(a) + graft_j__as_float(b)), a, b);
        return GRAFT_OK;
    }
    if (a->kind == GRAFT_J_STRING && b->kind == GRAFT_J_STRING) {
        return concatenate(j, a->u.s, b->u.s, out);
    }
    if (a->kind == b->kind && (a->kind == GRAFT_J_LIST || a->kind == GRAFT_J_TUPLE)) {
        return join_lists(j, a, b, out);
    }
    return unsupported(j, "+", a, b);
}

graft_status graft_j__subtract(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                               graft_jvalue *out)
{
    if (both_integers(a, b)) {
        int64_t difference;
        if (__builtin_sub_overflow(graft_j__as_int(a), graft_j__as_int(b), &difference)) {
            return overflow(j);
        }
        *out = derived(graft_j__int(difference), a, b);
        return GRAFT_OK;
    }
    if (both_numbers(a, b)) {
        *out = derived(graft_j__float(graft_j__as_float(a) - graft_j__as_float(b)), a, b);
        return GRAFT_OK;
    }
    return unsupported(j, "-", a, b);
}

/* A string, list or tuple n times. */
static graft_status repeat(graft_jinja *j, const graft_jvalue *what, int64_t n, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    if (what->kind == GRAFT_J_STRING) {
        graft_jbuffer buffer = {0};
        for (int64_t i = 0; i < n && what->u.s->n > 0; i++) {
            GRAFT_TRY(graft_j__work(j, 1));
            GRAFT_TRY(graft_j__add_string(j, &buffer, what->u.s));
        }
        GRAFT_TRY(graft_j__finish(j, &buffer, out));
        if (what->u.s->markup) {
            status = graft_j__as_markup(j, out->u.s, out);
        }
        goto done;
    }
    graft_jlist *list;
    GRAFT_TRY(graft_j__list_new(j, &list, 0));
    for (int64_t i = 0; i < n && what->u.list->n > 0; i++) {
        for (size_t k = 0; k < what->u.list->n; k++) {
            GRAFT_TRY(graft_j__work(j, 1));
            GRAFT_TRY(graft_j__list_push(j, list, what->u.list->items[k]));
        }
    }
    *out = *what;
    out->u.list = list;
done:
    return status;
}

static bool is_repeatable(const graft_jvalue *value)
{
    return value->kind == GRAFT_J_STRING || value->kind == GRAFT_J_LIST ||
           value->kind == GRAFT_J_TUPLE;
}

graft_status graft_j__multiply(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                               graft_jvalue *out)
{
    if (both_integers(a, b)) {
        int64_t product;
        if (__builtin_mul_overflow(graft_j__as_int(a), graft_j__as_int(b), &product)) {
            return overflow(j);
        }
        *out = derived(graft_j__int(product), a, b);
        return GRAFT_OK;
    }
    if (both_numbers(a, b)) {
        *out = derived(graft_j__float(graft_j__as_float(a) * graft_j__as_float(b)), a, b);
        return GRAFT_OK;
    }
    if (is_repeatable(a) && graft_j__is_integer(b)) {
        return repeat(j, a, graft_j__as_int(b), out);
    }
    if (is_repeatable(b) && graft_j__is_integer(a)) {
        return repeat(j, b, graft_j__as_int(a), out);
    }
    return unsupported(j, "*", a, b);
}

static graft_status check_division(graft_jinja *j, const char *op, const graft_jvalue *a,
                                   const graft_jvalue *b)
{
    if (!both_numbers(a, b)) {
        return unsupported(j, op, a, b);
    }
    return graft_j__as_float(b) != 0 ? GRAFT_OK : graft_j__fail(j, "division by zero");
}

graft_status graft_j__divide(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                             graft_jvalue *out)
{
    graft_status status = check_division(j, "/", a, b);
    if (status == GRAFT_OK) {
        *out = derived(graft_j__float(graft_j__as_float(a) / graft_j__as_float(b)), a, b);
    }
    return status;
}

/* Quotient rounded down and the remainder that goes with it. b is not 0. */
static bool divide_down(int64_t a, int64_t b, int64_t *quotient, int64_t *rest)
{
    if (b == -1) { /* INT64_MIN / -1 traps */
        *rest = 0;
        return !__builtin_sub_overflow(0, a, quotient);
    }
    *quotient = a / b;
    *rest = a % b;
    if (*rest != 0 && (*rest < 0) != (b < 0)) {
        (*quotient)--;
        *rest += b;
    }
    return true;
}

graft_status graft_j__floor_divide(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                   graft_jvalue *out)
{
    graft_status status = check_division(j, "//", a, b);
    if (status != GRAFT_OK) {
        return status;
    }
    if (both_integers(a, b)) {
        int64_t quotient, rest;
        if (!divide_down(graft_j__as_int(a), graft_j__as_int(b), &quotient, &rest)) {
            return overflow(j);
        }
        *out = derived(graft_j__int(quotient), a, b);
    } else {
        *out = derived(graft_j__float(floor(graft_j__as_float(a) / graft_j__as_float(b))), a, b);
    }
    return GRAFT_OK;
}

graft_status graft_j__modulo(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                             graft_jvalue *out)
{
    if (a->kind == GRAFT_J_STRING) {
        return graft_j__percent(j, a->u.s, b, out);
    }
    graft_status status = check_division(j, "%", a, b);
    if (status != GRAFT_OK) {
        return status;
    }
    if (both_integers(a, b)) {
        int64_t quotient, rest;
        if (!divide_down(graft_j__as_int(a), graft_j__as_int(b), &quotient, &rest)) {
            rest = 0;
        }
        *out = derived(graft_j__int(rest), a, b);
        return GRAFT_OK;
    }
    double divisor = graft_j__as_float(b), rest = fmod(graft_j__as_float(a), divisor);
    if (rest != 0 && (rest < 0) != (divisor < 0)) {
        rest += divisor;
    }
    *out = derived(graft_j__float(rest == 0 ? copysign(0, divisor) : rest), a, b);
    return GRAFT_OK;
}

graft_status graft_j__power(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                            graft_jvalue *out)
{
    if (!both_numbers(a, b)) {
        return unsupported(j, "** or pow()", a, b);
    }
    if (both_integers(a, b) && graft_j__as_int(b) >= 0) {
        int64_t base = graft_j__as_int(a), power = 1;
        bool fits = true;
        for (uint64_t n = (uint64_t)graft_j__as_int(b); n > 0; n >>= 1) {
            fits = fits && ((n & 1) == 0 || !__builtin_mul_overflow(power, base, &power));
            fits = fits && (n == 1 || !__builtin_mul_overflow(base, base, &base));
        }
        if (!fits) {
            return overflow(j);
        }
        *out = derived(graft_j__int(power), a, b);
        return GRAFT_OK;
    }
    double x = graft_j__as_float(a), y = graft_j__as_float(b), power = pow(x, y);
    if (x == 0 && y < 0) {
        return graft_j__fail(j, "0.0 cannot be raised to a negative power");
    }
    if ((isnan(power) && !isnan(x) && !isnan(y)) || (isinf(power) && !isinf(x) && !isinf(y))) {
        return graft_j__fail(j, "the result of ** is out of range");
    }
    *out = derived(graft_j__float(power), a, b);
    return GRAFT_OK;
}

graft_status graft_j__signed(graft_jinja *j, const graft_jvalue *a, int sign, graft_jvalue *out)
{
    graft_jvalue by = graft_j__int(sign);
    if (a->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, a);
    }
    if (!graft_j__is_number(a)) {
        return graft_j__fail(j, "bad operand type for unary %c: '%s'", sign < 0 ? '-' : '+',
                             graft_j__type_name(a));
    }
    return graft_j__multiply(j, a, &by, out);
}

/* ---- comparisons ---- */

graft_status graft_j__is_equal(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                               bool *out)
{
    return graft_j__equal(j, a, b, out);
}

graft_status graft_j__is_not_equal(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                   bool *out)
{
    graft_status status = graft_j__equal(j, a, b, out);
    *out = !*out;
    return status;
}

graft_status graft_j__is_less(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                              bool *out)
{
    return graft_j__less(j, a, b, "<", out);
}

graft_status graft_j__is_greater(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                 bool *out)
{
    return graft_j__less(j, b, a, ">", out);
}

graft_status graft_j__is_less_equal(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                    bool *out)
{
    graft_status status = graft_j__less(j, a, b, "<=", out);
    return status == GRAFT_OK && !*out ? graft_j__equal(j, a, b, out) : status;
}

graft_status graft_j__is_greater_equal(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                       bool *out)
{
    graft_status status = graft_j__less(j, b, a, ">=", out);
    return status == GRAFT_OK && !*out ? graft_j__equal(j, a, b, out) : status;
}

graft_status graft_j__is_in(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b, bool *out)
{
    return graft_j__contains(j, b, a, out);
}

graft_status graft_j__is_not_in(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                bool *out)
{
    graft_status status = graft_j__contains(j, b, a, out);
    *out = !*out;
    return status;
}
