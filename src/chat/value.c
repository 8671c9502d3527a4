/* chat/value.c - Python's rules for truth, equality, order, length and membership. */
#include "chat/value.h"

#include <math.h>
#include <string.h>

#include "chat/jinja.h"

const graft_jvalue graft_j__none = {.kind = GRAFT_J_NONE, .origin = GRAFT_FROM_TEMPLATE};

graft_jvalue graft_j__bool(bool b)
{
    return (graft_jvalue){.kind = GRAFT_J_BOOL, .origin = GRAFT_FROM_TEMPLATE, .u.b = b};
}

graft_jvalue graft_j__int(int64_t i)
{
    return (graft_jvalue){.kind = GRAFT_J_INT, .origin = GRAFT_FROM_TEMPLATE, .u.i = i};
}

graft_jvalue graft_j__float(double f)
{
    return (graft_jvalue){.kind = GRAFT_J_FLOAT, .origin = GRAFT_FROM_TEMPLATE, .u.f = f};
}

static graft_status undefined(graft_jinja *j, graft_jvalue *out, graft_jundefined what)
{
    graft_jundefined *copy;
    graft_status status = graft_j__alloc(j, &copy, 1, sizeof *copy);
    if (status == GRAFT_OK) {
        *copy = what;
        *out = (graft_jvalue){
            .kind = GRAFT_J_UNDEFINED, .origin = GRAFT_FROM_TEMPLATE, .u.undefined = copy};
    }
    return status;
}

graft_status graft_j__undefined(graft_jinja *j, graft_jvalue *out, const char *hint)
{
    return undefined(j, out, (graft_jundefined){.hint = hint});
}

graft_status graft_j__undefined_name(graft_jinja *j, graft_jvalue *out, const char *name, size_t n)
{
    const char *copy;
    graft_status status = graft_j__format(j, &copy, "%.*s", (int)(n < 200 ? n : 200), name);
    return status == GRAFT_OK ? undefined(j, out, (graft_jundefined){.name = copy}) : status;
}

graft_status graft_j__undefined_member(graft_jinja *j, graft_jvalue *out,
                                       const graft_jvalue *subject, const graft_jvalue *key)
{
    graft_jundefined what = {.subject = subject->kind == GRAFT_J_NONE ? "None"
                                                                     : graft_j__type_name(subject)};
    graft_status status = GRAFT_OK;
    if (key->kind == GRAFT_J_STRING) {
        size_t n = key->u.s->n;
        status = graft_j__format(j, &what.name, "%.*s", (int)(n < 200 ? n : 200), key->u.s->data);
    } else if (graft_j__is_integer(key)) {
        what.element = graft_j__as_int(key);
    }
    return status == GRAFT_OK ? undefined(j, out, what) : status;
}

graft_status graft_j__fail_undefined(graft_jinja *j, const graft_jvalue *value)
{
    const graft_jundefined *u = value->u.undefined;
    if (u->hint != NULL) {
        return graft_j__fail(j, "%s", u->hint);
    }
    if (u->subject == NULL) {
        return graft_j__fail(j, "'%s' is undefined", u->name);
    }
    if (u->name != NULL) {
        return graft_j__fail(j, "'%s object' has no attribute '%s'", u->subject, u->name);
    }
    return graft_j__fail(j, "%s has no element %lld", u->subject, (long long)u->element);
}

const char *graft_j__type_name(const graft_jvalue *value)
{
    static const char *const names[GRAFT_J_N_KINDS] = {
        [GRAFT_J_MISSING] = "missing", [GRAFT_J_UNDEFINED] = "Undefined",
        [GRAFT_J_NONE] = "NoneType", [GRAFT_J_BOOL] = "bool", [GRAFT_J_INT] = "int",
        [GRAFT_J_FLOAT] = "float", [GRAFT_J_STRING] = "str", [GRAFT_J_LIST] = "list",
        [GRAFT_J_TUPLE] = "tuple", [GRAFT_J_DICT] = "dict", [GRAFT_J_RANGE] = "range",
        [GRAFT_J_VIEW] = "dict_view", [GRAFT_J_ITERATOR] = "generator",
        [GRAFT_J_MACRO] = "Macro", [GRAFT_J_FUNCTION] = "function",
        [GRAFT_J_METHOD] = "builtin_function_or_method", [GRAFT_J_OBJECT] = "object"};
    static const char *const views[] = {"dict_keys", "dict_values", "dict_items"};
    switch (value->kind) {
    case GRAFT_J_VIEW:
        return views[value->u.view->part];
    case GRAFT_J_ITERATOR:
        return value->u.iter->type_name;
    case GRAFT_J_OBJECT:
        return value->u.object->class_->name;
    default:
        return value->kind < GRAFT_J_N_KINDS ? names[value->kind] : "object";
    }
}

bool graft_j__is_integer(const graft_jvalue *value)
{
    return value->kind == GRAFT_J_BOOL || value->kind == GRAFT_J_INT;
}

bool graft_j__is_number(const graft_jvalue *value)
{
    return graft_j__is_integer(value) || value->kind == GRAFT_J_FLOAT;
}

int64_t graft_j__as_int(const graft_jvalue *value)
{
    return value->kind == GRAFT_J_BOOL ? value->u.b : value->u.i;
}

double graft_j__as_float(const graft_jvalue *value)
{
    return value->kind == GRAFT_J_FLOAT ? value->u.f : (double)graft_j__as_int(value);
}

graft_status graft_j__need_int(graft_jinja *j, const graft_jvalue *value, const char *what,
                               int64_t *out)
{
    if (value->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, value);
    }
    if (!graft_j__is_integer(value)) {
        return graft_j__fail(j, "%s must be an integer, not '%s'", what, graft_j__type_name(value));
    }
    *out = graft_j__as_int(value);
    return GRAFT_OK;
}

bool graft_j__truth(const graft_jvalue *value)
{
    switch (value->kind) {
    case GRAFT_J_MISSING:
    case GRAFT_J_UNDEFINED:
    case GRAFT_J_NONE:
        return false;
    case GRAFT_J_BOOL:
        return value->u.b;
    case GRAFT_J_INT:
        return value->u.i != 0;
    case GRAFT_J_FLOAT:
        return value->u.f != 0;
    case GRAFT_J_STRING:
        return value->u.s->n > 0;
    case GRAFT_J_LIST:
    case GRAFT_J_TUPLE:
        return value->u.list->n > 0;
    case GRAFT_J_DICT:
        return value->u.dict->n > 0;
    case GRAFT_J_RANGE:
        return value->u.range->n > 0;
    case GRAFT_J_VIEW:
        return value->u.view->dict->n > 0;
    default:
        return true;
    }
}

/* int and float compare as the numbers they are, without rounding the int. */
static int compare_int_float(int64_t i, double f)
{
    if (f >= 0x1p63) {
        return -1;
    }
    if (f < -0x1p63) {
        return 1;
    }
    double whole = trunc(f);
    int64_t w = (int64_t)whole;
    if (i != w) {
        return i < w ? -1 : 1;
    }
    return whole < f ? -1 : whole > f ? 1 : 0;
}

/* -1, 0, 1, or 2 where a NaN is involved. */
static int compare_numbers(const graft_jvalue *a, const graft_jvalue *b)
{
    if (a->kind == GRAFT_J_FLOAT || b->kind == GRAFT_J_FLOAT) {
        double x = graft_j__as_float(a), y = graft_j__as_float(b);
        if (isnan(x) || isnan(y)) {
            return 2;
        }
        if (a->kind != GRAFT_J_FLOAT) {
            return compare_int_float(graft_j__as_int(a), y);
        }
        if (b->kind != GRAFT_J_FLOAT) {
            return -compare_int_float(graft_j__as_int(b), x);
        }
        return x < y ? -1 : x > y;
    }
    int64_t x = graft_j__as_int(a), y = graft_j__as_int(b);
    return x < y ? -1 : x > y;
}

static graft_status equal_lists(graft_jinja *j, const graft_jlist *a, const graft_jlist *b, bool *out)
{
    graft_status status = GRAFT_OK;
    *out = a->n == b->n;
    for (size_t i = 0; i < a->n && *out; i++) {
        GRAFT_TRY(graft_j__equal(j, &a->items[i], &b->items[i], out));
    }
done:
    return status;
}

static graft_status equal_dicts(graft_jinja *j, const graft_jdict *a, const graft_jdict *b, bool *out)
{
    graft_status status = GRAFT_OK;
    *out = a->n == b->n;
    for (size_t i = 0; i < a->n && *out; i++) {
        const graft_jvalue *other;
        GRAFT_TRY(graft_j__dict_find(j, b, &a->entries[i].key, &other, NULL));
        *out = other != NULL;
        if (*out) {
            GRAFT_TRY(graft_j__equal(j, &a->entries[i].value, other, out));
        }
    }
done:
    return status;
}

static bool equal_ranges(const graft_jrange *a, const graft_jrange *b)
{
    return a->n == b->n && (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

graft_status graft_j__equal(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b, bool *out)
{
    graft_status status = GRAFT_OK;
    *out = false;
    if (graft_j__is_number(a) && graft_j__is_number(b)) {
        *out = compare_numbers(a, b) == 0;
        return GRAFT_OK;
    }
    if (a->kind != b->kind) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__enter(j));
    switch (a->kind) {
    case GRAFT_J_UNDEFINED:
    case GRAFT_J_NONE:
        *out = true;
        break;
    case GRAFT_J_STRING:
        *out = graft_j__same(a->u.s, b->u.s);
        break;
    case GRAFT_J_LIST:
    case GRAFT_J_TUPLE:
        status = equal_lists(j, a->u.list, b->u.list, out);
        break;
    case GRAFT_J_DICT:
        status = equal_dicts(j, a->u.dict, b->u.dict, out);
        break;
    case GRAFT_J_RANGE:
        *out = equal_ranges(a->u.range, b->u.range);
        break;
    default:
        *out = a->u.object == b->u.object; /* the same thing */
        break;
    }
    graft_j__leave(j);
done:
    return status;
}

static int compare_strings(const graft_jstring *a, const graft_jstring *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int order = n > 0 ? memcmp(a->data, b->data, n) : 0; /* UTF-8 sorts as its code points */
    return order != 0 ? order : a->n < b->n ? -1 : a->n > b->n;
}

graft_status graft_j__less(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                           const char *op, bool *out)
{
    graft_status status = GRAFT_OK;
    *out = false;
    if (graft_j__is_number(a) && graft_j__is_number(b)) {
        *out = compare_numbers(a, b) == -1;
        return GRAFT_OK;
    }
    if (a->kind == GRAFT_J_STRING && b->kind == GRAFT_J_STRING) {
        *out = compare_strings(a->u.s, b->u.s) < 0;
        return GRAFT_OK;
    }
    if (a->kind == GRAFT_J_UNDEFINED || b->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, a->kind == GRAFT_J_UNDEFINED ? a : b);
    }
    if (a->kind != b->kind || (a->kind != GRAFT_J_LIST && a->kind != GRAFT_J_TUPLE)) {
        return graft_j__fail(j, "'%s' not supported between instances of '%s' and '%s'", op,
                             graft_j__type_name(a), graft_j__type_name(b));
    }
    const graft_jlist *x = a->u.list, *y = b->u.list;
    GRAFT_TRY(graft_j__enter(j));
    size_t i = 0;
    for (bool same = true; i < x->n && i < y->n; i++) {
        GRAFT_TRY(graft_j__equal(j, &x->items[i], &y->items[i], &same));
        if (!same) {
            break;
        }
    }
    if (i < x->n && i < y->n) {
        status = graft_j__less(j, &x->items[i], &y->items[i], op, out);
    } else {
        *out = x->n < y->n;
    }
    graft_j__leave(j);
done:
    return status;
}

/* Whether `walk` comes across the value. */
static graft_status contains_walking(graft_jinja *j, const graft_jvalue *container,
                                     const graft_jvalue *value, bool *out)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    graft_jvalue item;
    bool done_ = false;
    GRAFT_TRY(graft_j__iterate(j, container, &iter));
    *out = false;
    while (!*out) {
        GRAFT_TRY(graft_j__next(j, iter, &item, &done_));
        if (done_) {
            break;
        }
        GRAFT_TRY(graft_j__equal(j, &item, value, out));
    }
done:
    return status;
}

graft_status graft_j__contains(graft_jinja *j, const graft_jvalue *container,
                               const graft_jvalue *value, bool *out)
{
    graft_status status = GRAFT_OK;
    *out = false;
    if (container->kind == GRAFT_J_STRING) {
        if (value->kind != GRAFT_J_STRING) {
            return graft_j__fail(j, "'in <string>' requires string as left operand, not %s",
                                 graft_j__type_name(value));
        }
        GRAFT_TRY(graft_j__work(j, container->u.s->n / 64));
        *out = graft_j__find(container->u.s, 0, container->u.s->n, value->u.s) != SIZE_MAX;
    } else if (container->kind == GRAFT_J_DICT ||
               (container->kind == GRAFT_J_VIEW && container->u.view->part == GRAFT_J_KEYS)) {
        const graft_jvalue *found;
        const graft_jdict *dict = container->kind == GRAFT_J_DICT ? container->u.dict
                                                                  : container->u.view->dict;
        GRAFT_TRY(graft_j__dict_find(j, dict, value, &found, NULL));
        *out = found != NULL;
    } else if (!graft_j__is_iterable(container)) {
        return graft_j__fail(j, "argument of type '%s' is not iterable",
                             graft_j__type_name(container));
    } else {
        status = contains_walking(j, container, value, out);
    }
done:
    return status;
}

graft_status graft_j__length(graft_jinja *j, const graft_jvalue *value, size_t *out)
{
    *out = 0;
    switch (value->kind) {
    case GRAFT_J_UNDEFINED:
        return GRAFT_OK;
    case GRAFT_J_STRING:
        *out = value->u.s->n_chars;
        return GRAFT_OK;
    case GRAFT_J_LIST:
    case GRAFT_J_TUPLE:
        *out = value->u.list->n;
        return GRAFT_OK;
    case GRAFT_J_DICT:
        *out = value->u.dict->n;
        return GRAFT_OK;
    case GRAFT_J_RANGE:
        *out = value->u.range->n;
        return GRAFT_OK;
    case GRAFT_J_VIEW:
        *out = value->u.view->dict->n;
        return GRAFT_OK;
    default:
        return graft_j__fail(j, "object of type '%s' has no len()", graft_j__type_name(value));
    }
}
