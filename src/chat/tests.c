/* chat/tests.c - what may stand behind `is`: one function and one row each. */
#include <string.h>

#include "chat/jinja.h"

static graft_status is_defined(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind != GRAFT_J_UNDEFINED;
    return GRAFT_OK;
}

static graft_status is_undefined(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_UNDEFINED;
    return GRAFT_OK;
}

static graft_status is_none(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_NONE;
    return GRAFT_OK;
}

static graft_status is_boolean(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_BOOL;
    return GRAFT_OK;
}

static graft_status is_true(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_BOOL && call->self->u.b;
    return GRAFT_OK;
}

static graft_status is_false(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_BOOL && !call->self->u.b;
    return GRAFT_OK;
}

static graft_status is_integer(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_INT;
    return GRAFT_OK;
}

static graft_status is_float(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_FLOAT;
    return GRAFT_OK;
}

static graft_status is_number(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = graft_j__is_number(call->self); /* True is a number, as in Python */
    return GRAFT_OK;
}

static graft_status is_string(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_STRING;
    return GRAFT_OK;
}

static graft_status is_mapping(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_DICT;
    return GRAFT_OK;
}

/* Has a length and items: strings, dicts and even undefined values count. */
static graft_status is_sequence(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    graft_jkind kind = call->self->kind;
    *out = kind == GRAFT_J_STRING || kind == GRAFT_J_LIST || kind == GRAFT_J_TUPLE ||
           kind == GRAFT_J_DICT || kind == GRAFT_J_RANGE || kind == GRAFT_J_UNDEFINED;
    return GRAFT_OK;
}

static graft_status is_iterable(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = graft_j__is_iterable(call->self);
    return GRAFT_OK;
}

static graft_status is_callable(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    const graft_jvalue *self = call->self;
    *out = self->kind == GRAFT_J_MACRO || self->kind == GRAFT_J_FUNCTION ||
           self->kind == GRAFT_J_METHOD || self->kind == GRAFT_J_UNDEFINED ||
           (self->kind == GRAFT_J_OBJECT && self->u.object->class_->call != NULL);
    return GRAFT_OK;
}

static graft_status is_escaped(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    *out = call->self->kind == GRAFT_J_STRING && call->self->u.s->markup;
    return GRAFT_OK;
}

/* The same object: for values that do not change, equal and of one type is as good. */
static graft_status is_sameas(graft_jinja *j, const graft_jcall *call, bool *out)
{
    *out = false;
    if (call->self->kind != call->p[0].kind) {
        return GRAFT_OK;
    }
    if (call->self->kind == GRAFT_J_LIST || call->self->kind == GRAFT_J_TUPLE ||
        call->self->kind == GRAFT_J_DICT) {
        *out = call->self->u.object == call->p[0].u.object;
        return GRAFT_OK;
    }
    return graft_j__equal(j, call->self, &call->p[0], out);
}

static graft_status is_in(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__contains(j, &call->p[0], call->self, out);
}

static graft_status has_case(graft_jinja *j, const graft_jvalue *value, bool upper, bool *out)
{
    const graft_jstring *s;
    graft_status status = graft_j__to_string(j, value, &s);
    if (status == GRAFT_OK) {
        *out = graft_j__all_cased(s, upper);
    }
    return status;
}

static graft_status is_lower(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return has_case(j, call->self, false, out);
}

static graft_status is_upper(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return has_case(j, call->self, true, out);
}

static graft_status remainder_is(graft_jinja *j, const graft_jvalue *value, graft_jvalue by,
                                 int64_t wanted, bool *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue rest, want = graft_j__int(wanted);
    GRAFT_TRY(graft_j__modulo(j, value, &by, &rest));
    status = graft_j__equal(j, &rest, &want, out);
done:
    return status;
}

static graft_status is_odd(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return remainder_is(j, call->self, graft_j__int(2), 1, out);
}

static graft_status is_even(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return remainder_is(j, call->self, graft_j__int(2), 0, out);
}

static graft_status is_divisible(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return remainder_is(j, call->self, call->p[0], 0, out);
}

/* The operators by name: their functions take two values. */
static graft_status is_eq(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__is_equal(j, call->self, &call->p[0], out);
}

static graft_status is_ne(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__is_not_equal(j, call->self, &call->p[0], out);
}

static graft_status is_lt(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__is_less(j, call->self, &call->p[0], out);
}

static graft_status is_gt(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__is_greater(j, call->self, &call->p[0], out);
}

static graft_status is_le(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__is_less_equal(j, call->self, &call->p[0], out);
}

static graft_status is_ge(graft_jinja *j, const graft_jcall *call, bool *out)
{
    return graft_j__is_greater_equal(j, call->self, &call->p[0], out);
}

static graft_status is_filter(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    const graft_jvalue *self = call->self;
    *out = self->kind == GRAFT_J_STRING && graft_j__find_filter(self->u.s->data, self->u.s->n) != NULL;
    return GRAFT_OK;
}

static graft_status is_test(graft_jinja *j, const graft_jcall *call, bool *out)
{
    (void)j;
    const graft_jvalue *self = call->self;
    *out = self->kind == GRAFT_J_STRING && graft_j__find_test(self->u.s->data, self->u.s->n) != NULL;
    return GRAFT_OK;
}

const graft_jtest graft_jtests[] = {
    {"defined", "", is_defined},
    {"undefined", "", is_undefined},
    {"none", "", is_none},
    {"boolean", "", is_boolean},
    {"true", "", is_true},
    {"false", "", is_false},
    {"integer", "", is_integer},
    {"float", "", is_float},
    {"number", "", is_number},
    {"string", "", is_string},
    {"mapping", "", is_mapping},
    {"sequence", "", is_sequence},
    {"iterable", "", is_iterable},
    {"callable", "", is_callable},
    {"escaped", "", is_escaped},
    {"sameas", "other", is_sameas},
    {"in", "seq", is_in},
    {"lower", "", is_lower},
    {"upper", "", is_upper},
    {"odd", "", is_odd},
    {"even", "", is_even},
    {"divisibleby", "num", is_divisible},
    {"eq", "/b", is_eq},
    {"equalto", "/b", is_eq},
    {"==", "/b", is_eq},
    {"ne", "/b", is_ne},
    {"!=", "/b", is_ne},
    {"lt", "/b", is_lt},
    {"lessthan", "/b", is_lt},
    {"<", "/b", is_lt},
    {"gt", "/b", is_gt},
    {"greaterthan", "/b", is_gt},
    {">", "/b", is_gt},
    {"le", "/b", is_le},
    {"<=", "/b", is_le},
    {"ge", "/b", is_ge},
    {">=", "/b", is_ge},
    {"filter", "", is_filter},
    {"test", "", is_test},
    {NULL, NULL, NULL},
};

const graft_jtest *graft_j__find_test(const char *name, size_t n)
{
    for (const graft_jtest *row = graft_jtests; row->name != NULL; row++) {
        if (strlen(row->name) == n && memcmp(row->name, name, n) == 0) {
            return row;
        }
    }
    return NULL;
}

graft_status graft_j__run_test(graft_jinja *j, const graft_jtest *test, const graft_jvalue *subject,
                               const graft_jargs *args, bool *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue parameters[GRAFT_J_MAX_PARAMETERS];
    graft_jcall call = {.self = subject, .p = parameters, .args = args};
    GRAFT_TRY(graft_j__bind(j, test->name, test->signature, args, parameters));
    status = test->run(j, &call, out);
done:
    return status;
}
