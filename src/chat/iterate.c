/* chat/iterate.c - walking, indexing, slicing and sorting. */
#include <string.h>

#include "chat/jinja.h"
#include "core/strings.h"

/* ---- iterators over the containers ---- */

static graft_status next_of_list(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    (void)j;
    *done = iter->at >= iter->over.u.list->n;
    if (!*done) {
        *out = iter->over.u.list->items[iter->at++];
    }
    return GRAFT_OK;
}

static graft_status next_of_string(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    const graft_jstring *s = iter->over.u.s;
    *done = iter->at >= s->n;
    if (*done) {
        return GRAFT_OK;
    }
    size_t end = iter->at + 1;
    while (end < s->n && ((unsigned char)s->data[end] & 0xc0) == 0x80) {
        end++;
    }
    graft_jstring plain = *s;
    plain.markup = false; /* walking markup gives ordinary characters */
    graft_status status = graft_j__cut(j, &plain, iter->at, end, out);
    iter->at = end;
    return status;
}

static graft_status next_of_dict(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    const graft_jdict *dict = iter->over.kind == GRAFT_J_DICT ? iter->over.u.dict
                                                              : iter->over.u.view->dict;
    graft_jview_part part = iter->over.kind == GRAFT_J_DICT ? GRAFT_J_KEYS
                                                            : iter->over.u.view->part;
    *done = iter->at >= dict->n;
    if (*done) {
        return GRAFT_OK;
    }
    const graft_jentry *entry = &dict->entries[iter->at++];
    if (part == GRAFT_J_ITEMS) {
        return graft_j__pair(j, out, entry->key, entry->value);
    }
    *out = part == GRAFT_J_KEYS ? entry->key : entry->value;
    return GRAFT_OK;
}

static int64_t range_item(const graft_jrange *range, size_t i)
{
    return (int64_t)((uint64_t)range->start + (uint64_t)range->step * (uint64_t)i);
}

static graft_status next_of_range(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    (void)j;
    *done = iter->at >= iter->over.u.range->n;
    if (!*done) {
        *out = graft_j__int(range_item(iter->over.u.range, iter->at++));
    }
    return GRAFT_OK;
}

static graft_status next_of_nothing(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    (void)j;
    (void)iter;
    (void)out;
    *done = true;
    return GRAFT_OK;
}

typedef graft_status next_function(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done);
static next_function *const next_of[GRAFT_J_N_KINDS] = {
    [GRAFT_J_UNDEFINED] = next_of_nothing, [GRAFT_J_STRING] = next_of_string,
    [GRAFT_J_LIST] = next_of_list,         [GRAFT_J_TUPLE] = next_of_list,
    [GRAFT_J_DICT] = next_of_dict,         [GRAFT_J_VIEW] = next_of_dict,
    [GRAFT_J_RANGE] = next_of_range};

bool graft_j__is_iterable(const graft_jvalue *value)
{
    return value->kind == GRAFT_J_ITERATOR || next_of[value->kind] != NULL;
}

graft_status graft_j__iter_new(graft_jinja *j, graft_jiter **out, const char *type_name,
                               graft_status (*next)(graft_jinja *, graft_jiter *, graft_jvalue *,
                                                    bool *))
{
    graft_status status = graft_j__alloc(j, out, 1, sizeof **out);
    if (status == GRAFT_OK) {
        (*out)->type_name = type_name;
        (*out)->next = next;
    }
    return status;
}

graft_jvalue graft_j__iterator(graft_jiter *iter)
{
    return (graft_jvalue){.kind = GRAFT_J_ITERATOR, .origin = GRAFT_FROM_TEMPLATE, .u.iter = iter};
}

graft_status graft_j__iterate(graft_jinja *j, const graft_jvalue *value, graft_jiter **out)
{
    if (value->kind == GRAFT_J_ITERATOR) {
        *out = value->u.iter;
        return GRAFT_OK;
    }
    if (next_of[value->kind] == NULL) {
        return graft_j__fail(j, "'%s' object is not iterable", graft_j__type_name(value));
    }
    graft_status status = graft_j__iter_new(j, out, "iterator", next_of[value->kind]);
    if (status == GRAFT_OK) {
        (*out)->over = *value;
    }
    return status;
}

graft_status graft_j__next(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    graft_status status = graft_j__enter(j); /* iterators may stand on iterators */
    if (status == GRAFT_OK) {
        status = iter->next(j, iter, out, done);
        graft_j__leave(j);
    }
    return status;
}

graft_status graft_j__collect(graft_jinja *j, const graft_jvalue *value, graft_jlist **out)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    GRAFT_TRY(graft_j__iterate(j, value, &iter));
    GRAFT_TRY(graft_j__list_new(j, out, 0));
    for (;;) {
        graft_jvalue item;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            break;
        }
        GRAFT_TRY(graft_j__list_push(j, *out, item));
    }
done:
    return status;
}

/* ---- items and slices ---- */

graft_status graft_j__item(graft_jinja *j, const graft_jvalue *sequence, int64_t i,
                           graft_jvalue *out, bool *found)
{
    size_t n;
    graft_status status = graft_j__length(j, sequence, &n);
    *found = false;
    if (status != GRAFT_OK) {
        return status;
    }
    i += i < 0 ? (int64_t)n : 0;
    if (i < 0 || (uint64_t)i >= n) {
        return GRAFT_OK;
    }
    *found = true;
    if (sequence->kind == GRAFT_J_STRING) {
        status = graft_j__work(j, sequence->u.s->n_chars == sequence->u.s->n ? 0 : (size_t)i / 64);
        if (status != GRAFT_OK) {
            return status;
        }
        size_t from = graft_j__byte_at(sequence->u.s, (size_t)i), to = from + 1;
        while (to < sequence->u.s->n && ((unsigned char)sequence->u.s->data[to] & 0xc0) == 0x80) {
            to++;
        }
        return graft_j__cut(j, sequence->u.s, from, to, out);
    }
    *out = sequence->kind == GRAFT_J_RANGE ? graft_j__int(range_item(sequence->u.range, (size_t)i))
                                           : sequence->u.list->items[i];
    return GRAFT_OK;
}

/* Which items a slice takes: `n` of them from `start` by `step`. Python's rules. */
typedef struct slice {
    int64_t start, step;
    size_t n;
} slice;

static graft_status slice_bound(graft_jinja *j, const graft_jvalue *value, int64_t length,
                                int64_t step, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (value->kind == GRAFT_J_NONE) {
        return GRAFT_OK;
    }
    graft_status status = graft_j__need_int(j, value, "a slice index", out);
    if (status != GRAFT_OK) {
        return status;
    }
    if (*out < -length) {
        *out = step < 0 ? -1 : 0;
    } else if (*out < 0) {
        *out += length;
    } else if (*out >= length) {
        *out = step < 0 ? length - 1 : length;
    }
    return GRAFT_OK;
}

static graft_status resolve_slice(graft_jinja *j, size_t length, const graft_jvalue *start,
                                  const graft_jvalue *stop, const graft_jvalue *step, slice *out)
{
    graft_status status = GRAFT_OK;
    int64_t n = (int64_t)length, end;
    *out = (slice){.step = 1};
    if (step->kind != GRAFT_J_NONE) {
        GRAFT_TRY(graft_j__need_int(j, step, "a slice step", &out->step));
    }
    if (out->step == 0) {
        return graft_j__fail(j, "slice step cannot be zero");
    }
    out->step = out->step < -INT64_MAX ? -INT64_MAX : out->step;
    GRAFT_TRY(slice_bound(j, start, n, out->step, out->step < 0 ? n - 1 : 0, &out->start));
    GRAFT_TRY(slice_bound(j, stop, n, out->step, out->step < 0 ? -1 : n, &end));
    if (out->step > 0 && out->start < end) {
        out->n = (size_t)((end - out->start - 1) / out->step) + 1;
    } else if (out->step < 0 && end < out->start) {
        out->n = (size_t)((out->start - end - 1) / -out->step) + 1;
    }
done:
    return status;
}

/* The byte where the character `step` characters behind that at byte `at` begins. */
static size_t moved(const graft_jstring *s, size_t at, int64_t step)
{
    if (s->n_chars == s->n) {
        return (size_t)((int64_t)at + step);
    }
    for (int64_t direction = step < 0 ? -1 : 1; step != 0; step -= direction) {
        do {
            at += (size_t)direction;
        } while (at < s->n && ((unsigned char)s->data[at] & 0xc0) == 0x80);
    }
    return at;
}

static graft_status slice_string(graft_jinja *j, const graft_jvalue *string, const slice *part,
                                 graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *s = string->u.s;
    graft_jbuffer buffer = {0};
    if (part->step == 1) {
        size_t from = graft_j__byte_at(s, (size_t)part->start);
        size_t to = graft_j__byte_at(s, (size_t)part->start + part->n);
        return graft_j__cut(j, s, part->n > 0 ? from : 0, part->n > 0 ? to : 0, out);
    }
    GRAFT_TRY(graft_j__work(j, s->n / 64));
    for (size_t i = 0, at = 0; i < part->n; i++) {
        GRAFT_TRY(graft_j__work(j, 1));
        at = i == 0 ? graft_j__byte_at(s, (size_t)part->start) : moved(s, at, part->step);
        GRAFT_TRY(graft_j__add_part(j, &buffer, s, at, moved(s, at, 1)));
    }
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    if (s->markup) {
        status = graft_j__as_markup(j, out->u.s, out);
    }
done:
    return status;
}

static graft_status slice_list(graft_jinja *j, const graft_jvalue *list, const slice *part,
                               graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *copy;
    GRAFT_TRY(graft_j__work(j, part->n / 16));
    GRAFT_TRY(graft_j__list_new(j, &copy, part->step == 1 ? 0 : part->n));
    if (part->step == 1) { /* lists do not change: a view will do */
        copy->items = part->n > 0 ? list->u.list->items + part->start : NULL;
        copy->n = part->n;
        copy->capacity = part->n;
    } else {
        for (size_t i = 0; i < part->n; i++) {
            copy->items[i] = list->u.list->items[part->start + (int64_t)i * part->step];
        }
        copy->n = part->n;
    }
    *out = *list;
    out->u.list = copy;
done:
    return status;
}

static graft_status slice_range(graft_jinja *j, const graft_jvalue *range, const slice *part,
                                graft_jvalue *out)
{
    graft_jrange *copy;
    const graft_jrange *r = range->u.range;
    graft_status status = graft_j__alloc(j, &copy, 1, sizeof *copy);
    if (status == GRAFT_OK) {
        copy->start = range_item(r, (size_t)part->start);
        copy->step = (int64_t)((uint64_t)r->step * (uint64_t)part->step);
        copy->n = part->n;
        copy->stop = range_item(copy, copy->n);
        *out = *range;
        out->u.range = copy;
    }
    return status;
}

graft_status graft_j__slice(graft_jinja *j, const graft_jvalue *sequence, const graft_jvalue *start,
                            const graft_jvalue *stop, const graft_jvalue *step, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    slice part;
    size_t n;
    switch (sequence->kind) {
    case GRAFT_J_UNDEFINED:
        return graft_j__fail_undefined(j, sequence);
    case GRAFT_J_DICT:
        return graft_j__fail(j, "unhashable type: 'slice'");
    case GRAFT_J_STRING:
    case GRAFT_J_LIST:
    case GRAFT_J_TUPLE:
    case GRAFT_J_RANGE:
        break;
    default:
        return graft_j__fail(j, "'%s' object is not subscriptable", graft_j__type_name(sequence));
    }
    GRAFT_TRY(graft_j__length(j, sequence, &n));
    GRAFT_TRY(resolve_slice(j, n, start, stop, step, &part));
    if (sequence->kind == GRAFT_J_STRING) {
        status = slice_string(j, sequence, &part, out);
    } else if (sequence->kind == GRAFT_J_RANGE) {
        status = slice_range(j, sequence, &part, out);
    } else {
        status = slice_list(j, sequence, &part, out);
    }
done:
    return status;
}

/* ---- sorting ---- */

typedef struct sortable {
    graft_jvalue item, key;
} sortable;

/* Merges the sorted halves [from, middle) and [middle, to) of a into b. */
static graft_status merge(graft_jinja *j, const sortable *a, sortable *b, size_t from, size_t middle,
                          size_t to, bool reverse)
{
    graft_status status = GRAFT_OK;
    size_t x = from, y = middle;
    for (size_t i = from; i < to; i++) {
        bool take_right = x >= middle;
        if (x < middle && y < to) { /* the left one on a tie: stable */
            const graft_jvalue *left = &a[x].key, *right = &a[y].key;
            GRAFT_TRY(graft_j__work(j, 1));
            GRAFT_TRY(graft_j__less(j, reverse ? left : right, reverse ? right : left, "<",
                                    &take_right));
        }
        b[i] = take_right ? a[y++] : a[x++];
    }
done:
    return status;
}

graft_status graft_j__sort(graft_jinja *j, graft_jvalue *items, const graft_jvalue *keys, size_t n,
                           bool reverse)
{
    graft_status status = GRAFT_OK;
    sortable *a, *b;
    GRAFT_TRY(graft_j__alloc(j, &a, n, sizeof *a));
    GRAFT_TRY(graft_j__alloc(j, &b, n, sizeof *b));
    for (size_t i = 0; i < n; i++) {
        a[i] = (sortable){items[i], keys[i]};
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t from = 0; from < n; from += 2 * width) {
            size_t middle = from + width < n ? from + width : n;
            size_t to = middle + width < n ? middle + width : n;
            GRAFT_TRY(merge(j, a, b, from, middle, to, reverse));
        }
        sortable *swap = a;
        a = b;
        b = swap;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = a[i].item;
    }
done:
    return status;
}
