/* chat/filters_number.c - filters that make numbers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/filters.h"

enum { MAX_DIGITS = 400 };

/* The string without white space around it and underscores between digits; false if it cannot be
 * a number. */
static graft_status plain_number(graft_jinja *j, const graft_jstring *s, char **text, bool *ok)
{
    graft_status status = GRAFT_OK;
    graft_jvalue stripped;
    size_t n = 0;
    GRAFT_TRY(graft_j__strip(j, s, NULL, GRAFT_J_LEFT | GRAFT_J_RIGHT, &stripped));
    s = stripped.u.s;
    *ok = s->n > 0 && memchr(s->data, '\0', s->n) == NULL;
    GRAFT_TRY(graft_j__bytes(j, text, s->n + 1));
    char *out = *text;
    for (size_t i = 0; i < s->n && *ok; i++) {
        bool between = i > 0 && i + 1 < s->n && s->data[i - 1] != '_' && s->data[i + 1] != '_';
        if (s->data[i] != '_') {
            out[n++] = s->data[i];
        } else {
            *ok = between;
        }
    }
    out[n] = '\0';
done:
    return status;
}

/* float(value); false where Python raises a type or value error. */
static graft_status to_float(graft_jinja *j, const graft_jvalue *value, double *out, bool *ok)
{
    graft_status status = GRAFT_OK;
    char *text, *end;
    *out = 0;
    *ok = graft_j__is_number(value);
    if (value->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, value);
    }
    if (*ok) {
        *out = graft_j__as_float(value);
    } else if (value->kind == GRAFT_J_STRING) {
        GRAFT_TRY(plain_number(j, value->u.s, &text, ok));
        *ok = *ok && strpbrk(text, "xXpP(") == NULL; /* strtod reads more than Python */
        if (*ok) {
            *out = strtod(text, &end);
            *ok = end != text && *end == '\0';
        }
    }
done:
    return status;
}

/* int(text, base) */
static graft_status parse_int(graft_jinja *j, const graft_jstring *s, int64_t base, int64_t *out,
                              bool *ok)
{
    graft_status status = GRAFT_OK;
    char *text, *end;
    GRAFT_TRY(plain_number(j, s, &text, ok));
    if (!*ok || base < 2 || base > 36) {
        *ok = false;
        return GRAFT_OK;
    }
    char *digits = text + (text[0] == '-' || text[0] == '+');
    char mark = base == 2 ? 'b' : base == 8 ? 'o' : base == 16 ? 'x' : '\0';
    if (mark != '\0' && digits[0] == '0' && (digits[1] | 0x20) == mark) {
        memmove(digits, digits + 2, strlen(digits + 2) + 1);
    }
    *ok = digits[0] != '-' && digits[0] != '+';
    errno = 0;
    *out = strtoll(text, &end, (int)base);
    *ok = *ok && end != text && *end == '\0' && *digits != '\0';
    if (*ok && errno == ERANGE) {
        return graft_j__fail(j, "an integer does not fit in 64 bits");
    }
done:
    return status;
}

static graft_jorigin origin_of(const graft_jvalue *value)
{
    return value->kind == GRAFT_J_STRING ? graft_j__origin_of(value->u.s) : value->origin;
}

graft_status graft_jfilter__int(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *self = call->self;
    int64_t base = 10, i = 0;
    double f;
    bool ok = false;
    if (call->p[1].kind != GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__need_int(j, &call->p[1], "the base", &base));
    }
    if (graft_j__is_integer(self)) {
        *out = graft_j__int(graft_j__as_int(self));
        out->origin = self->origin;
        return GRAFT_OK;
    }
    if (self->kind == GRAFT_J_STRING) {
        GRAFT_TRY(parse_int(j, self->u.s, base, &i, &ok));
    }
    if (!ok) {
        GRAFT_TRY(to_float(j, self, &f, &ok));
        if (self->kind == GRAFT_J_FLOAT && isinf(f)) {
            return graft_j__fail(j, "cannot convert float infinity to integer");
        }
        if (ok && isfinite(f) && fabs(f) >= 0x1p63) {
            return graft_j__fail(j, "an integer does not fit in 64 bits");
        }
        ok = ok && isfinite(f);
        i = ok ? (int64_t)f : 0;
    }
    graft_jvalue made = graft_j__int(i);
    made.origin = origin_of(self);
    *out = ok ? made : call->p[0].kind != GRAFT_J_MISSING ? call->p[0] : graft_j__int(0);
done:
    return status;
}

graft_status graft_jfilter__float(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    double f;
    bool ok;
    graft_status status = to_float(j, call->self, &f, &ok);
    if (status == GRAFT_OK) {
        graft_jvalue made = graft_j__float(f);
        made.origin = origin_of(call->self);
        *out = ok ? made
                  : call->p[0].kind != GRAFT_J_MISSING ? call->p[0] : graft_j__float(0);
    }
    return status;
}

static graft_status need_number(graft_jinja *j, const graft_jvalue *value, const char *what)
{
    if (value->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, value);
    }
    return graft_j__is_number(value)
               ? GRAFT_OK
               : graft_j__fail(j, "bad operand type for %s: '%s'", what, graft_j__type_name(value));
}

graft_status graft_jfilter__abs(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = need_number(j, call->self, "abs()");
    if (status != GRAFT_OK) {
        return status;
    }
    if (call->self->kind == GRAFT_J_FLOAT) {
        *out = graft_j__float(fabs(call->self->u.f));
        return GRAFT_OK;
    }
    int64_t i = graft_j__as_int(call->self);
    if (i == INT64_MIN) {
        return graft_j__fail(j, "an integer does not fit in 64 bits");
    }
    *out = graft_j__int(i < 0 ? -i : i);
    return GRAFT_OK;
}

/* Half to even, of the exact decimal value: Python's round(float, n). */
static double round_float(double f, int64_t places)
{
    char digits[MAX_DIGITS];
    if (!isfinite(f) || places > 300) {
        return f;
    }
    if (places >= 0) {
        snprintf(digits, sizeof digits, "%.*f", (int)(places > 30 ? 30 : places), f);
        return fabs(f) >= 1e22 ? f : strtod(digits, NULL);
    }
    double scale = pow(10, (double)(places < -308 ? -308 : places));
    return nearbyint(f * scale) / scale;
}

static graft_status round_int(graft_jinja *j, int64_t i, int64_t places, graft_jvalue *out)
{
    if (places >= 0) {
        *out = graft_j__int(i);
        return GRAFT_OK;
    }
    if (places < -18) {
        *out = graft_j__int(0);
        return GRAFT_OK;
    }
    int64_t unit = 1, rest;
    for (int64_t k = places; k < 0; k++) {
        unit *= 10;
    }
    rest = i % unit;
    i -= rest;
    int64_t twice = rest < 0 ? -rest : rest; /* compared with unit / 2 */
    if (twice > unit - twice || (twice == unit - twice && (i / unit) % 2 != 0)) {
        if (__builtin_add_overflow(i, rest < 0 ? -unit : unit, &i)) {
            return graft_j__fail(j, "an integer does not fit in 64 bits");
        }
    }
    *out = graft_j__int(i);
    return GRAFT_OK;
}

graft_status graft_jfilter__round(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *method = &call->p[1];
    int64_t places = 0;
    if (call->p[0].kind != GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the precision", &places));
    }
    GRAFT_TRY(need_number(j, call->self, "round()"));
    bool up = method->kind == GRAFT_J_STRING && graft_j__is(method->u.s, "ceil");
    bool down = method->kind == GRAFT_J_STRING && graft_j__is(method->u.s, "floor");
    bool common = method->kind == GRAFT_J_MISSING ||
                  (method->kind == GRAFT_J_STRING && graft_j__is(method->u.s, "common"));
    if (!up && !down && !common) {
        return graft_j__fail(j, "method must be common, ceil or floor");
    }
    if (common && call->self->kind != GRAFT_J_FLOAT) {
        return round_int(j, graft_j__as_int(call->self), places, out);
    }
    double f = graft_j__as_float(call->self);
    if (!common) {
        double scale = pow(10, (double)places);
        *out = graft_j__float((up ? ceil : floor)(f * scale) / scale);
    } else {
        *out = graft_j__float(round_float(f, places));
    }
done:
    return status;
}
