/* chat/filters_sequence.c - filters over sequences and mappings. */
#include <string.h>

#include "chat/filters.h"

/* ---- keys ---- */

static graft_status fold(graft_jinja *j, bool case_sensitive, graft_jvalue *value)
{
    if (case_sensitive || value->kind != GRAFT_J_STRING) {
        return GRAFT_OK;
    }
    return graft_j__recase(j, value->u.s, GRAFT_J_LOWER, value);
}

graft_status graft_j__sort_key(graft_jinja *j, const graft_jvalue *item, const graft_jvalue *path,
                               bool case_sensitive, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    *out = *item;
    if (path->kind != GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__getpath(j, item, path, out));
    }
    status = fold(j, case_sensitive, out);
done:
    return status;
}

/* sort's attribute may name several, split by commas: the key is a list, even of one. */
static graft_status multiple_key(graft_jinja *j, const graft_jvalue *item, const graft_jvalue *path,
                                 bool case_sensitive, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *paths, *keys;
    graft_jvalue comma;
    GRAFT_TRY(graft_j__list_new(j, &paths, 1));
    if (path->kind == GRAFT_J_STRING) {
        GRAFT_TRY(graft_j__string_z(j, &comma, ","));
        GRAFT_TRY(graft_j__split(j, path->u.s, comma.u.s, -1, paths));
    } else {
        paths->items[paths->n++] = *path;
    }
    GRAFT_TRY(graft_j__list_new(j, &keys, paths->n));
    for (size_t i = 0; i < paths->n; i++) {
        GRAFT_TRY(graft_j__sort_key(j, item, &paths->items[i], case_sensitive, &keys->items[i]));
        keys->n++;
    }
    *out = graft_j__list(keys);
done:
    return status;
}

/* ---- simple ones ---- */

graft_status graft_jfilter__attr(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *name;
    bool found;
    GRAFT_TRY(graft_j__to_string(j, &call->p[0], &name));
    GRAFT_TRY(graft_j__attribute(j, call->self, name->data, name->n, out, &found));
    if (!found) {
        status = graft_j__undefined_member(j, out, call->self, &call->p[0]);
    }
done:
    return status;
}

graft_status graft_jfilter__default(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    bool boolean = graft_j__truth(&call->p[1]);
    *out = *call->self;
    if (call->self->kind == GRAFT_J_UNDEFINED || (boolean && !graft_j__truth(call->self))) {
        *out = call->p[0];
        if (call->p[0].kind == GRAFT_J_MISSING) {
            return graft_j__string_z(j, out, "");
        }
    }
    return GRAFT_OK;
}

graft_status graft_jfilter__length(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    size_t n;
    graft_status status;
    if (call->self->kind == GRAFT_J_OBJECT && call->self->u.object->class_ == &graft_jloop_class) {
        return graft_j__getattr(j, call->self, "length", 6, out);
    }
    status = graft_j__length(j, call->self, &n);
    *out = graft_j__int((int64_t)n);
    return status;
}

graft_status graft_jfilter__first(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    bool end = false;
    GRAFT_TRY(graft_j__iterate(j, call->self, &iter));
    GRAFT_TRY(graft_j__next(j, iter, out, &end));
    if (end) {
        status = graft_j__undefined(j, out, "No first item, sequence was empty.");
    }
done:
    return status;
}

graft_status graft_jfilter__last(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *self = call->self;
    graft_jlist *items;
    bool found = false;
    if (self->kind == GRAFT_J_ITERATOR || !graft_j__is_iterable(self)) {
        return graft_j__fail(j, "'%s' object is not reversible", graft_j__type_name(self));
    }
    if (self->kind == GRAFT_J_DICT || self->kind == GRAFT_J_VIEW ||
        self->kind == GRAFT_J_UNDEFINED) {
        GRAFT_TRY(graft_j__collect(j, self, &items));
        found = items->n > 0;
        if (found) {
            *out = items->items[items->n - 1];
        }
    } else {
        GRAFT_TRY(graft_j__item(j, self, -1, out, &found));
    }
    if (!found) {
        status = graft_j__undefined(j, out, "No last item, sequence was empty.");
    }
done:
    return status;
}

graft_status graft_jfilter__list(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_jlist *list;
    graft_status status = graft_j__collect(j, call->self, &list);
    if (status == GRAFT_OK) {
        *out = graft_j__list(list);
        out->origin = call->self->origin;
    }
    return status;
}

graft_status graft_jfilter__join(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const bool path = call->p[1].kind != GRAFT_J_MISSING && call->p[1].kind != GRAFT_J_NONE;
    const graft_jstring *separator = NULL;
    graft_jbuffer buffer = {0};
    graft_jiter *iter;
    if (call->p[0].kind != GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__to_string(j, &call->p[0], &separator));
    }
    GRAFT_TRY(graft_j__iterate(j, call->self, &iter));
    for (size_t i = 0;; i++) {
        graft_jvalue item;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            break;
        }
        if (path) {
            GRAFT_TRY(graft_j__getpath(j, &item, &call->p[1], &item));
        }
        if (i > 0 && separator != NULL) {
            GRAFT_TRY(graft_j__add_string(j, &buffer, separator));
        }
        GRAFT_TRY(graft_j__add_str(j, &buffer, &item));
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}


/* ---- order ---- */

/* list sorted by keys[i]. */
static graft_status sorted(graft_jinja *j, graft_jlist *list, const graft_jvalue *keys, bool reverse,
                           graft_jvalue *out)
{
    graft_status status = graft_j__sort(j, list->items, keys, list->n, reverse);
    *out = graft_j__list(list);
    return status;
}

graft_status graft_jfilter__dictsort(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *by = &call->p[1];
    graft_jlist *pairs;
    graft_jvalue *keys;
    bool by_value = by->kind == GRAFT_J_STRING && graft_j__is(by->u.s, "value");
    if (by->kind != GRAFT_J_MISSING && !by_value &&
        !(by->kind == GRAFT_J_STRING && graft_j__is(by->u.s, "key"))) {
        return graft_j__fail(j, "You can only sort by either \"key\" or \"value\"");
    }
    if (call->self->kind != GRAFT_J_DICT) {
        return call->self->kind == GRAFT_J_UNDEFINED
                   ? graft_j__fail_undefined(j, call->self)
                   : graft_j__fail(j, "'%s' object has no attribute 'items'",
                                   graft_j__type_name(call->self));
    }
    const graft_jdict *dict = call->self->u.dict;
    GRAFT_TRY(graft_j__list_new(j, &pairs, dict->n));
    GRAFT_TRY(graft_j__alloc(j, &keys, dict->n, sizeof *keys));
    for (size_t i = 0; i < dict->n; i++) {
        const graft_jentry *entry = &dict->entries[i];
        GRAFT_TRY(graft_j__pair(j, &pairs->items[i], entry->key, entry->value));
        pairs->n++;
        keys[i] = by_value ? entry->value : entry->key;
        GRAFT_TRY(fold(j, graft_j__truth(&call->p[0]), &keys[i]));
    }
    status = sorted(j, pairs, keys, graft_j__truth(&call->p[2]), out);
done:
    return status;
}

graft_status graft_jfilter__sort(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *list;
    graft_jvalue *keys, path = call->p[2];
    if (path.kind == GRAFT_J_NONE) {
        path.kind = GRAFT_J_MISSING;
    }
    GRAFT_TRY(graft_j__collect(j, call->self, &list));
    GRAFT_TRY(graft_j__alloc(j, &keys, list->n, sizeof *keys));
    for (size_t i = 0; i < list->n; i++) {
        GRAFT_TRY(multiple_key(j, &list->items[i], &path, graft_j__truth(&call->p[1]), &keys[i]));
    }
    status = sorted(j, list, keys, graft_j__truth(&call->p[0]), out);
done:
    return status;
}

graft_status graft_jfilter__reverse(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue minus_one = graft_j__int(-1);
    graft_jlist *list;
    graft_jiter *iter;
    graft_jvalue reversed;
    if (call->self->kind == GRAFT_J_STRING) {
        return graft_j__slice(j, call->self, &graft_j__none, &graft_j__none, &minus_one, out);
    }
    if (!graft_j__is_iterable(call->self)) {
        return graft_j__fail(j, "argument must be iterable");
    }
    GRAFT_TRY(graft_j__collect(j, call->self, &list));
    reversed = graft_j__list(list);
    GRAFT_TRY(graft_j__slice(j, &reversed, &graft_j__none, &graft_j__none, &minus_one, &reversed));
    if (call->self->kind == GRAFT_J_ITERATOR) {
        *out = reversed; /* what cannot be walked backwards becomes a list */
        goto done;
    }
    GRAFT_TRY(graft_j__iterate(j, &reversed, &iter));
    iter->type_name = "list_reverseiterator";
    *out = graft_j__iterator(iter);
done:
    return status;
}

/* ---- sums and extremes ---- */

graft_status graft_jfilter__sum(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const bool path = call->p[0].kind != GRAFT_J_MISSING && call->p[0].kind != GRAFT_J_NONE;
    graft_jiter *iter;
    *out = call->p[1].kind != GRAFT_J_MISSING ? call->p[1] : graft_j__int(0);
    if (out->kind == GRAFT_J_STRING) {
        return graft_j__fail(j, "sum() can't sum strings [use ''.join(seq) instead]");
    }
    GRAFT_TRY(graft_j__iterate(j, call->self, &iter));
    for (;;) {
        graft_jvalue item, before = *out;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            break;
        }
        if (path) {
            GRAFT_TRY(graft_j__getpath(j, &item, &call->p[0], &item));
        }
        GRAFT_TRY(graft_j__add_values(j, &before, &item, out));
    }
done:
    return status;
}

static graft_status extreme(graft_jinja *j, const graft_jcall *call, bool largest, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const bool case_sensitive = graft_j__truth(&call->p[0]);
    graft_jvalue best_key = {0}, path = call->p[1];
    graft_jiter *iter;
    if (path.kind == GRAFT_J_NONE) {
        path.kind = GRAFT_J_MISSING;
    }
    GRAFT_TRY(graft_j__iterate(j, call->self, &iter));
    for (;;) {
        graft_jvalue item, key;
        bool end = false, better = true;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            break;
        }
        GRAFT_TRY(graft_j__sort_key(j, &item, &path, case_sensitive, &key));
        if (best_key.kind != GRAFT_J_MISSING) {
            GRAFT_TRY(graft_j__less(j, largest ? &best_key : &key, largest ? &key : &best_key,
                                    largest ? ">" : "<", &better));
        }
        if (better) {
            best_key = key;
            *out = item;
        }
    }
    if (best_key.kind == GRAFT_J_MISSING) {
        status = graft_j__undefined(j, out, "No aggregated item, sequence was empty.");
    }
done:
    return status;
}

graft_status graft_jfilter__min(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return extreme(j, call, false, out);
}

graft_status graft_jfilter__max(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return extreme(j, call, true, out);
}
