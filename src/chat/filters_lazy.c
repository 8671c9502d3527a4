/* chat/filters_lazy.c - filters that compute their items only when somebody walks them.
 *
 * Like Python's generators: nothing happens, and nothing fails, before the first item is asked
 * for; the result can be walked once, is always true and has no length. */
#include <string.h>

#include "chat/filters.h"

/* What map, select and their kin need while they are walked. */
typedef struct lazy {
    graft_jvalue source;
    graft_jargs args;
    bool started, by_attribute, wanted, case_sensitive;
    bool strict; /* what is false need not be empty: walk it all the same */
    graft_jvalue path, fallback; /* attribute; of map: what stands in for undefined, or MISSING */
    const graft_jfilter *filter;
    const graft_jtest *test; /* NULL: truth */
    graft_jargs rest;        /* arguments of the filter or test */
    graft_jdict *seen;       /* of unique */
} lazy;

static graft_status lazy_new(graft_jinja *j, const graft_jcall *call,
                             graft_status (*next)(graft_jinja *, graft_jiter *, graft_jvalue *,
                                                  bool *),
                             lazy **state, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    GRAFT_TRY(graft_j__alloc(j, state, 1, sizeof **state));
    GRAFT_TRY(graft_j__iter_new(j, &iter, "generator", next));
    (*state)->source = *call->self;
    if (call->args != NULL) {
        (*state)->args = *call->args;
    }
    iter->with = *state;
    iter->over = graft_j__none; /* until the walk begins */
    *out = graft_j__iterator(iter);
done:
    return status;
}

/* The state, with the source under iter->inner; *done if there is nothing to walk. */
static graft_status begin(graft_jinja *j, graft_jiter *iter, lazy **out, bool *first, bool *done)
{
    graft_status status = GRAFT_OK;
    lazy *state = iter->with;
    *out = state;
    *first = !state->started;
    *done = false;
    if (!state->started) {
        state->started = true;
        if (!state->strict && !graft_j__truth(&state->source)) {
            iter->inner = NULL;
        } else {
            GRAFT_TRY(graft_j__iterate(j, &state->source, &iter->inner));
        }
    }
    *done = iter->inner == NULL;
done:
    return status;
}

/* ---- map ---- */

static graft_status prepare_map(graft_jinja *j, lazy *state)
{
    const graft_jargs *args = &state->args;
    const graft_jkeyword *unknown = NULL;
    bool attribute = false;
    for (size_t i = 0; i < args->n_keywords && args->n == 0; i++) {
        const graft_jkeyword *keyword = &args->keywords[i];
        if (keyword->n == 9 && memcmp(keyword->name, "attribute", 9) == 0) {
            attribute = true;
            state->path = keyword->value;
        } else if (keyword->n == 7 && memcmp(keyword->name, "default", 7) == 0) {
            state->fallback = keyword->value;
        } else {
            unknown = keyword;
        }
    }
    if (attribute && unknown != NULL) {
        return graft_j__fail(j, "Unexpected keyword argument '%.*s'", (int)unknown->n,
                             unknown->name);
    }
    state->by_attribute = attribute;
    if (attribute) {
        return GRAFT_OK;
    }
    if (args->n == 0) {
        return graft_j__fail(j, "map requires a filter argument");
    }
    const graft_jvalue *name = &args->values[0];
    if (name->kind == GRAFT_J_STRING) {
        state->filter = graft_j__find_filter(name->u.s->data, name->u.s->n);
    }
    if (state->filter == NULL) {
        return graft_j__fail(j, "No filter named '%.*s'.",
                             name->kind == GRAFT_J_STRING ? (int)name->u.s->n : 9,
                             name->kind == GRAFT_J_STRING ? name->u.s->data : "undefined");
    }
    state->rest = *args;
    state->rest.values++;
    state->rest.n--;
    return GRAFT_OK;
}

/* The attribute path; with a default, every undefined step gives the default. */
static graft_status map_attribute(graft_jinja *j, const lazy *state, const graft_jvalue *item,
                                  graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *steps;
    graft_jvalue dot;
    const bool fallback = state->fallback.kind != GRAFT_J_MISSING &&
                          state->fallback.kind != GRAFT_J_NONE;
    if (!fallback || state->path.kind != GRAFT_J_STRING) {
        GRAFT_TRY(graft_j__getpath(j, item, &state->path, out));
        if (fallback && out->kind == GRAFT_J_UNDEFINED) {
            *out = state->fallback;
        }
        goto done;
    }
    GRAFT_TRY(graft_j__string_z(j, &dot, "."));
    GRAFT_TRY(graft_j__list_new(j, &steps, 0));
    GRAFT_TRY(graft_j__split(j, state->path.u.s, dot.u.s, -1, steps));
    *out = *item;
    for (size_t i = 0; i < steps->n; i++) {
        graft_jvalue subject = *out;
        GRAFT_TRY(graft_j__getpath(j, &subject, &steps->items[i], out));
        if (out->kind == GRAFT_J_UNDEFINED) {
            *out = state->fallback;
        }
    }
done:
    return status;
}

static graft_status next_of_map(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    graft_status status = GRAFT_OK;
    lazy *state;
    bool first;
    graft_jvalue item;
    GRAFT_TRY(begin(j, iter, &state, &first, done));
    if (*done) {
        return GRAFT_OK;
    }
    if (first) {
        GRAFT_TRY(prepare_map(j, state));
    }
    GRAFT_TRY(graft_j__next(j, iter->inner, &item, done));
    if (*done) {
        return GRAFT_OK;
    }
    status = state->by_attribute ? map_attribute(j, state, &item, out)
                                 : graft_j__run_filter(j, state->filter, &item, &state->rest, out);
done:
    return status;
}

graft_status graft_jfilter__map(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    lazy *state;
    return lazy_new(j, call, next_of_map, &state, out);
}

/* ---- select and reject ---- */

static graft_status prepare_select(graft_jinja *j, lazy *state)
{
    const graft_jargs *args = &state->args;
    size_t used = 0;
    if (state->by_attribute) {
        if (args->n == 0) {
            return graft_j__fail(j, "Missing parameter for attribute name");
        }
        state->path = args->values[used++];
    }
    if (args->n == used) {
        return GRAFT_OK;
    }
    const graft_jvalue *name = &args->values[used++];
    if (name->kind == GRAFT_J_STRING) {
        state->test = graft_j__find_test(name->u.s->data, name->u.s->n);
    }
    if (state->test == NULL) {
        return graft_j__fail(j, "No test named '%.*s'.",
                             name->kind == GRAFT_J_STRING ? (int)name->u.s->n : 9,
                             name->kind == GRAFT_J_STRING ? name->u.s->data : "undefined");
    }
    state->rest = *args;
    state->rest.values += used;
    state->rest.n -= used;
    return GRAFT_OK;
}

static graft_status next_of_select(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    graft_status status = GRAFT_OK;
    lazy *state;
    bool first;
    GRAFT_TRY(begin(j, iter, &state, &first, done));
    if (*done) {
        return GRAFT_OK;
    }
    if (first) {
        GRAFT_TRY(prepare_select(j, state));
    }
    for (;;) {
        graft_jvalue judged;
        bool passes;
        GRAFT_TRY(graft_j__next(j, iter->inner, out, done));
        if (*done) {
            break;
        }
        judged = *out;
        if (state->by_attribute) {
            GRAFT_TRY(graft_j__getpath(j, out, &state->path, &judged));
        }
        passes = graft_j__truth(&judged);
        if (state->test != NULL) {
            GRAFT_TRY(graft_j__run_test(j, state->test, &judged, &state->rest, &passes));
        }
        if (passes == state->wanted) {
            break;
        }
    }
done:
    return status;
}

static graft_status select_items(graft_jinja *j, const graft_jcall *call, bool wanted,
                                 bool by_attribute, graft_jvalue *out)
{
    lazy *state;
    graft_status status = lazy_new(j, call, next_of_select, &state, out);
    if (status == GRAFT_OK) {
        state->wanted = wanted;
        state->by_attribute = by_attribute;
    }
    return status;
}

graft_status graft_jfilter__select(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return select_items(j, call, true, false, out);
}

graft_status graft_jfilter__reject(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return select_items(j, call, false, false, out);
}

graft_status graft_jfilter__selectattr(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return select_items(j, call, true, true, out);
}

graft_status graft_jfilter__rejectattr(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return select_items(j, call, false, true, out);
}

/* ---- unique ---- */

static graft_status next_of_unique(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    graft_status status = GRAFT_OK;
    lazy *state;
    bool first;
    GRAFT_TRY(begin(j, iter, &state, &first, done));
    if (*done) {
        return GRAFT_OK;
    }
    if (first) {
        GRAFT_TRY(graft_j__dict_new(j, &state->seen));
    }
    for (;;) {
        graft_jvalue key;
        const graft_jvalue *before;
        GRAFT_TRY(graft_j__next(j, iter->inner, out, done));
        if (*done) {
            break;
        }
        GRAFT_TRY(graft_j__sort_key(j, out, &state->path, state->case_sensitive, &key));
        GRAFT_TRY(graft_j__dict_find(j, state->seen, &key, &before, NULL));
        if (before == NULL) {
            status = graft_j__dict_set(j, state->seen, &key, graft_j__none);
            break;
        }
    }
done:
    return status;
}

graft_status graft_jfilter__unique(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    lazy *state;
    graft_status status = lazy_new(j, call, next_of_unique, &state, out);
    if (status == GRAFT_OK) {
        state->strict = true;
        state->case_sensitive = graft_j__truth(&call->p[0]);
        state->path = call->p[1];
        if (state->path.kind == GRAFT_J_NONE) {
            state->path.kind = GRAFT_J_MISSING;
        }
    }
    return status;
}

/* ---- whole results, computed when the first item is asked for ---- */

typedef struct deferred {
    graft_jfunction *compute;
    graft_jvalue self, p[GRAFT_J_MAX_PARAMETERS];
} deferred;

static graft_status next_of_deferred(graft_jinja *j, graft_jiter *iter, graft_jvalue *out,
                                     bool *done)
{
    graft_status status = GRAFT_OK;
    const deferred *state = iter->with;
    if (iter->inner == NULL) {
        graft_jvalue all;
        graft_jcall call = {.self = &state->self, .p = state->p};
        GRAFT_TRY(state->compute(j, &call, &all));
        GRAFT_TRY(graft_j__iterate(j, &all, &iter->inner));
    }
    status = graft_j__next(j, iter->inner, out, done);
done:
    return status;
}

static graft_status defer(graft_jinja *j, const graft_jcall *call, graft_jfunction *compute,
                          graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    deferred *state;
    GRAFT_TRY(graft_j__alloc(j, &state, 1, sizeof *state));
    GRAFT_TRY(graft_j__iter_new(j, &iter, "generator", next_of_deferred));
    state->compute = compute;
    state->self = *call->self;
    memcpy(state->p, call->p, sizeof state->p);
    iter->with = state;
    iter->over = graft_j__none;
    *out = graft_j__iterator(iter);
done:
    return status;
}

static graft_status item_pairs(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    *out = *call->self;
    if (call->self->kind == GRAFT_J_DICT) {
        const graft_jmethod *items = graft_j__find_method(call->self, "items", 5);
        return items->run(j, call, out);
    }
    return call->self->kind == GRAFT_J_UNDEFINED
               ? GRAFT_OK
               : graft_j__fail(j, "Can only get item pairs from a mapping.");
}

graft_status graft_jfilter__items(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return defer(j, call, item_pairs, out);
}

static graft_status batches(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *fill = &call->p[1];
    graft_jlist *all, *lists, *batch = NULL;
    int64_t size;
    GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the number of items", &size));
    GRAFT_TRY(graft_j__collect(j, call->self, &all));
    GRAFT_TRY(graft_j__list_new(j, &lists, 0));
    for (size_t i = 0; i < all->n; i++) {
        if (batch == NULL || (int64_t)batch->n == size) {
            GRAFT_TRY(graft_j__list_new(j, &batch, 0));
            GRAFT_TRY(graft_j__list_push(j, lists, graft_j__list(batch)));
        }
        GRAFT_TRY(graft_j__list_push(j, batch, all->items[i]));
    }
    while (batch != NULL && fill->kind != GRAFT_J_MISSING && fill->kind != GRAFT_J_NONE &&
           (int64_t)batch->n < size) {
        GRAFT_TRY(graft_j__work(j, 1));
        GRAFT_TRY(graft_j__list_push(j, batch, *fill));
    }
    *out = graft_j__list(lists);
done:
    return status;
}

static graft_status slices(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *fill = &call->p[1];
    graft_jlist *all, *lists;
    int64_t n;
    size_t from = 0;
    GRAFT_TRY(graft_j__need_int(j, &call->p[0], "the number of slices", &n));
    if (n == 0) {
        return graft_j__fail(j, "integer division or modulo by zero");
    }
    GRAFT_TRY(graft_j__collect(j, call->self, &all));
    GRAFT_TRY(graft_j__list_new(j, &lists, 0));
    for (int64_t i = 0; i < n; i++) {
        int64_t extra = (int64_t)all->n % n;
        size_t take = (size_t)((int64_t)all->n / n) + (i < extra);
        graft_jlist *part;
        GRAFT_TRY(graft_j__work(j, 1));
        GRAFT_TRY(graft_j__list_new(j, &part, 0));
        for (size_t k = 0; k < take; k++) {
            GRAFT_TRY(graft_j__list_push(j, part, all->items[from + k]));
        }
        from += take;
        if (fill->kind != GRAFT_J_MISSING && fill->kind != GRAFT_J_NONE && i >= extra) {
            GRAFT_TRY(graft_j__list_push(j, part, *fill));
        }
        GRAFT_TRY(graft_j__list_push(j, lists, graft_j__list(part)));
    }
    *out = graft_j__list(lists);
done:
    return status;
}

graft_status graft_jfilter__batch(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return defer(j, call, batches, out);
}

graft_status graft_jfilter__slice(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return defer(j, call, slices, out);
}
