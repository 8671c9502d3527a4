/* chat/methods.c - the methods of Python's types that templates may call; those of str are in
 * methods_str.c. A new one is a function and a row.
 *
 * Rows without a function are attributes that exist in Python: naming one gives something true,
 * which templates rely on (`schema['items']` without such a key), calling it is an error. */
#include <string.h>

#include "chat/methods.h"

/* ---- dict ---- */

static graft_status view(graft_jinja *j, const graft_jcall *call, graft_jview_part part,
                         graft_jvalue *out)
{
    graft_jview *copy;
    graft_status status = graft_j__alloc(j, &copy, 1, sizeof *copy);
    if (status == GRAFT_OK) {
        *copy = (graft_jview){call->self->u.dict, part};
        *out = (graft_jvalue){.kind = GRAFT_J_VIEW, .origin = call->self->origin, .u.view = copy};
    }
    return status;
}

static graft_status dict_keys(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return view(j, call, GRAFT_J_KEYS, out);
}

static graft_status dict_values(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return view(j, call, GRAFT_J_VALUES, out);
}

static graft_status dict_items(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return view(j, call, GRAFT_J_ITEMS, out);
}

static graft_status dict_get(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    const graft_jvalue *found;
    graft_status status = graft_j__dict_find(j, call->self->u.dict, &call->p[0], &found, NULL);
    if (status == GRAFT_OK) {
        *out = found != NULL                            ? *found
               : call->p[1].kind != GRAFT_J_MISSING ? call->p[1]
                                                        : graft_j__none;
    }
    return status;
}

static graft_status same(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    *out = *call->self; /* copies of what does not change are the thing itself */
    return GRAFT_OK;
}

/* ---- list and tuple ---- */

static graft_status list_count(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jlist *list = call->self->u.list;
    int64_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        bool equal;
        GRAFT_TRY(graft_j__equal(j, &list->items[i], &call->p[0], &equal));
        n += equal;
    }
    *out = graft_j__int(n);
done:
    return status;
}

static graft_status list_index(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jlist *list = call->self->u.list;
    int64_t n = (int64_t)list->n, start, end;
    GRAFT_TRY(graft_jmethod__optional_int(j, call, 1, 0, &start));
    GRAFT_TRY(graft_jmethod__optional_int(j, call, 2, n, &end));
    start = start < -n ? 0 : start < 0 ? start + n : start;
    end = end < -n ? 0 : end < 0 ? end + n : end > n ? n : end;
    for (int64_t i = start; i < end; i++) {
        bool equal;
        GRAFT_TRY(graft_j__equal(j, &list->items[i], &call->p[0], &equal));
        if (equal) {
            *out = graft_j__int(i);
            goto done;
        }
    }
    status = graft_j__fail(j, "value is not in %s", graft_j__type_name(call->self));
done:
    return status;
}

/* ---- tables ---- */

/* name, signature, function, hidden by the sandbox, strings of markup stay markup */
static const graft_jmethod dict_methods[] = {
    {"get", "/key,default=", dict_get, false, false},
    {"items", "", dict_items, false, false},
    {"keys", "", dict_keys, false, false},
    {"values", "", dict_values, false, false},
    {"copy", "", same, false, false},
    {"fromkeys", NULL, NULL, false, false},
    {"clear", NULL, NULL, true, false},
    {"pop", NULL, NULL, true, false},
    {"popitem", NULL, NULL, true, false},
    {"setdefault", NULL, NULL, true, false},
    {"update", NULL, NULL, true, false},
    {NULL, NULL, NULL, false, false},
};

static const graft_jmethod list_methods[] = {
    {"count", "/value", list_count, false, false},
    {"index", "/value,start=,end=", list_index, false, false},
    {"copy", "", same, false, false},
    {"append", NULL, NULL, true, false},
    {"clear", NULL, NULL, true, false},
    {"pop", NULL, NULL, true, false},
    {"reverse", NULL, NULL, true, false},
    {"insert", NULL, NULL, true, false},
    {"sort", NULL, NULL, true, false},
    {"extend", NULL, NULL, true, false},
    {"remove", NULL, NULL, true, false},
    {NULL, NULL, NULL, false, false},
};

static const graft_jmethod tuple_methods[] = {
    {"count", "/value", list_count, false, false},
    {"index", "/value,start=,end=", list_index, false, false},
    {NULL, NULL, NULL, false, false},
};

static const graft_jmethod *const methods_of[GRAFT_J_N_KINDS] = {
    [GRAFT_J_STRING] = graft_jmethods_of_str,
    [GRAFT_J_DICT] = dict_methods,
    [GRAFT_J_LIST] = list_methods,
    [GRAFT_J_TUPLE] = tuple_methods,
};

const graft_jmethod *graft_j__find_method(const graft_jvalue *subject, const char *name, size_t n)
{
    const graft_jmethod *row = methods_of[subject->kind];
    for (; row != NULL && row->name != NULL; row++) {
        if (strlen(row->name) == n && memcmp(row->name, name, n) == 0) {
            return row;
        }
    }
    return NULL;
}
