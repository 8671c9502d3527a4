/* chat/objects.c - things templates make that are more than data: namespaces, loops, cyclers. */
#include <string.h>

#include "chat/jinja.h"

static graft_jvalue object_value(graft_jobject *object)
{
    return (graft_jvalue){
        .kind = GRAFT_J_OBJECT, .origin = GRAFT_FROM_TEMPLATE, .u.object = object};
}

static bool is_name(const char *name, size_t n, const char *text)
{
    return strlen(text) == n && memcmp(name, text, n) == 0;
}

/* ---- dict(...) and namespace(...) ---- */

static graft_status add_members(graft_jinja *j, graft_jdict *dict, const graft_jvalue *from)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    if (from->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, from);
    }
    if (from->kind == GRAFT_J_DICT) {
        for (size_t i = 0; i < from->u.dict->n; i++) {
            GRAFT_TRY(graft_j__dict_set(j, dict, &from->u.dict->entries[i].key,
                                        from->u.dict->entries[i].value));
        }
        goto done;
    }
    GRAFT_TRY(graft_j__iterate(j, from, &iter));
    for (;;) {
        graft_jvalue item;
        graft_jlist *pair;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            break;
        }
        GRAFT_TRY(graft_j__collect(j, &item, &pair));
        if (pair->n != 2) {
            return graft_j__fail(j, "a dict is made of pairs, not of %zu values", pair->n);
        }
        GRAFT_TRY(graft_j__dict_set(j, dict, &pair->items[0], pair->items[1]));
    }
done:
    return status;
}

graft_status graft_j__make_dict(graft_jinja *j, const graft_jargs *args, graft_jdict **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__dict_new(j, out));
    if (args->n > 1) {
        return graft_j__fail(j, "dict expected at most 1 argument, got %zu", args->n);
    }
    if (args->n == 1) {
        GRAFT_TRY(add_members(j, *out, &args->values[0]));
    }
    for (size_t i = 0; i < args->n_keywords; i++) {
        GRAFT_TRY(graft_j__set_keyword(j, *out, &args->keywords[i]));
    }
done:
    return status;
}

static graft_status check_member(graft_jinja *j, const char *name, size_t n)
{
    return n == 0 || name[0] != '_'
               ? GRAFT_OK
               : graft_j__fail(j, "a namespace cannot have an attribute '%.*s' that begins with _",
                               (int)n, name);
}

graft_status graft_j__namespace_new(graft_jinja *j, const graft_jargs *args, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jnamespace *space;
    GRAFT_TRY(graft_j__alloc(j, &space, 1, sizeof *space));
    space->base.class_ = &graft_jnamespace_class;
    GRAFT_TRY(graft_j__make_dict(j, args, &space->members));
    for (size_t i = 0; i < space->members->n; i++) {
        const graft_jvalue *key = &space->members->entries[i].key;
        if (key->kind == GRAFT_J_STRING) {
            GRAFT_TRY(check_member(j, key->u.s->data, key->u.s->n));
        }
    }
    *out = object_value(&space->base);
done:
    return status;
}

graft_status graft_j__namespace_set(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                                    graft_jvalue value)
{
    graft_status status = GRAFT_OK;
    graft_jvalue key;
    GRAFT_TRY(check_member(j, name, n));
    GRAFT_TRY(graft_j__string(j, &key, name, n, GRAFT_FROM_TEMPLATE));
    status = graft_j__dict_set(j, ((graft_jnamespace *)self)->members, &key, value);
done:
    return status;
}

static graft_status namespace_get(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                                  graft_jvalue *out, bool *found)
{
    (void)j;
    const graft_jvalue *value = graft_j__dict_get(((graft_jnamespace *)self)->members, name, n);
    *found = value != NULL;
    if (value != NULL) {
        *out = *value;
    }
    return GRAFT_OK;
}

static graft_status namespace_repr(graft_jinja *j, graft_jobject *self, graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue members = graft_j__dict(((graft_jnamespace *)self)->members);
    GRAFT_TRY(graft_j__add_z(j, out, "<Namespace ", GRAFT_FROM_TEMPLATE));
    GRAFT_TRY(graft_j__add_repr(j, out, &members));
    status = graft_j__add_z(j, out, ">", GRAFT_FROM_TEMPLATE);
done:
    return status;
}

const graft_jclass graft_jnamespace_class = {"Namespace", namespace_get, NULL, namespace_repr};

/* ---- loop ---- */

static graft_status peek(graft_jinja *j, graft_jloop *loop)
{
    if (loop->after.kind != GRAFT_J_MISSING || loop->ended) {
        return GRAFT_OK;
    }
    return graft_j__next(j, loop->iter, &loop->after, &loop->ended);
}

graft_status graft_j__loop_next(graft_jinja *j, graft_jloop *loop, bool *done)
{
    graft_status status = peek(j, loop);
    *done = loop->ended;
    if (status == GRAFT_OK && !loop->ended) {
        loop->index0++;
        loop->before = loop->current;
        loop->current = loop->after;
        loop->after = (graft_jvalue){0};
    }
    return status;
}

/* The number of items; of what has no length, everything left is fetched to count it. */
static graft_status loop_length(graft_jinja *j, graft_jloop *loop, int64_t *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *rest;
    size_t n;
    if (loop->length < 0 && loop->over.kind != GRAFT_J_ITERATOR) {
        GRAFT_TRY(graft_j__length(j, &loop->over, &n));
        loop->length = (int64_t)n;
    } else if (loop->length < 0) {
        graft_jvalue left = graft_j__iterator(loop->iter);
        GRAFT_TRY(graft_j__collect(j, &left, &rest));
        left = graft_j__list(rest);
        GRAFT_TRY(graft_j__iterate(j, &left, &loop->iter));
        loop->length = (int64_t)rest->n + loop->index0 + 1 + (loop->after.kind != GRAFT_J_MISSING);
    }
    *out = loop->length;
done:
    return status;
}

static graft_status loop_cycle(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    const graft_jloop *loop = (const graft_jloop *)call->self->u.object;
    if (call->args->n == 0) {
        return graft_j__fail(j, "no items for cycling given");
    }
    *out = call->args->values[(size_t)loop->index0 % call->args->n];
    return GRAFT_OK;
}

static graft_status loop_changed(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jloop *loop = (graft_jloop *)call->self->u.object;
    graft_jlist *now;
    bool same = false;
    GRAFT_TRY(graft_j__list_new(j, &now, call->args->n));
    for (size_t i = 0; i < call->args->n; i++) {
        now->items[now->n++] = call->args->values[i];
    }
    if (loop->changed != NULL) {
        graft_jvalue a = graft_j__tuple(loop->changed), b = graft_j__tuple(now);
        GRAFT_TRY(graft_j__equal(j, &a, &b, &same));
    }
    loop->changed = now;
    *out = graft_j__bool(!same);
done:
    return status;
}

static const graft_jmethod loop_methods[] = {
    {"cycle", NULL, loop_cycle, false, false},
    {"changed", NULL, loop_changed, false, false},
    {NULL, NULL, NULL, false, false},
};

static graft_status find_bound(graft_jinja *j, graft_jobject *self, const graft_jmethod *rows,
                               const char *name, size_t n, graft_jvalue *out, bool *found)
{
    *found = false;
    for (; rows->name != NULL; rows++) {
        if (is_name(name, n, rows->name)) {
            graft_jvalue value = object_value(self);
            *found = true;
            return graft_j__bind_method(j, rows, &value, out);
        }
    }
    return GRAFT_OK;
}

static graft_status loop_neighbour(graft_jinja *j, graft_jloop *loop, bool next, graft_jvalue *out)
{
    if (!next) {
        if (loop->index0 == 0) {
            return graft_j__undefined(j, out, "there is no previous item");
        }
        *out = loop->before;
        return GRAFT_OK;
    }
    graft_status status = peek(j, loop);
    if (status == GRAFT_OK && loop->ended) {
        return graft_j__undefined(j, out, "there is no next item");
    }
    *out = loop->after;
    return status;
}

static graft_status loop_get(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                             graft_jvalue *out, bool *found)
{
    graft_status status = GRAFT_OK;
    graft_jloop *loop = (graft_jloop *)self;
    int64_t length;
    *found = true;
    if (is_name(name, n, "index")) {
        *out = graft_j__int(loop->index0 + 1);
    } else if (is_name(name, n, "index0")) {
        *out = graft_j__int(loop->index0);
    } else if (is_name(name, n, "first")) {
        *out = graft_j__bool(loop->index0 == 0);
    } else if (is_name(name, n, "last")) {
        GRAFT_TRY(peek(j, loop));
        *out = graft_j__bool(loop->ended);
    } else if (is_name(name, n, "depth")) {
        *out = graft_j__int(loop->depth0 + 1);
    } else if (is_name(name, n, "depth0")) {
        *out = graft_j__int(loop->depth0);
    } else if (is_name(name, n, "previtem") || is_name(name, n, "nextitem")) {
        status = loop_neighbour(j, loop, name[0] == 'n', out);
    } else if (is_name(name, n, "length") || is_name(name, n, "revindex") ||
               is_name(name, n, "revindex0")) {
        GRAFT_TRY(loop_length(j, loop, &length));
        *out = graft_j__int(n == 6 ? length : length - loop->index0 - (n == 9));
    } else {
        status = find_bound(j, self, loop_methods, name, n, out, found);
    }
done:
    return status;
}

/* loop(children) in a recursive loop: the loop statement over other items, as text. */
static graft_status loop_call(graft_jinja *j, graft_jobject *self, const graft_jargs *args,
                              graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jloop *loop = (const graft_jloop *)self;
    graft_jactivation *active = j->active;
    graft_jbuffer *before = j->out, buffer = {0};
    if (loop->recursive == NULL) {
        return graft_j__fail(j, "The loop must have the 'recursive' marker to be called recursively.");
    }
    if (args->n != 1 || args->n_keywords > 0) {
        return graft_j__fail(j, "loop() takes one argument");
    }
    j->out = &buffer;
    j->active = loop->closure;
    GRAFT_TRY(graft_j__run_loop(j, loop->recursive, &args->values[0], loop->depth0 + 1));
    status = graft_j__finish(j, &buffer, out);
done:
    j->out = before;
    j->active = active;
    return status;
}

const graft_jclass graft_jloop_class = {"LoopContext", loop_get, loop_call, NULL};

/* ---- cycler(...) and joiner(...) ---- */

typedef struct cycler {
    graft_jobject base;
    graft_jlist *items;
    size_t at;
} cycler;

static graft_status cycler_next(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    cycler *self = (cycler *)call->self->u.object;
    *out = self->items->items[self->at];
    self->at = (self->at + 1) % self->items->n;
    return GRAFT_OK;
}

static graft_status cycler_reset(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    (void)j;
    ((cycler *)call->self->u.object)->at = 0;
    *out = graft_j__none;
    return GRAFT_OK;
}

static const graft_jmethod cycler_methods[] = {
    {"next", "", cycler_next, false, false},
    {"reset", "", cycler_reset, false, false},
    {NULL, NULL, NULL, false, false},
};

static graft_status cycler_get(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                               graft_jvalue *out, bool *found)
{
    const cycler *this = (const cycler *)self;
    if (is_name(name, n, "current")) {
        *out = this->items->items[this->at];
        *found = true;
        return GRAFT_OK;
    }
    return find_bound(j, self, cycler_methods, name, n, out, found);
}

static const graft_jclass cycler_class = {"Cycler", cycler_get, NULL, NULL};

graft_status graft_j__cycler_new(graft_jinja *j, const graft_jargs *args, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    cycler *self;
    if (args->n == 0) {
        return graft_j__fail(j, "at least one item has to be provided");
    }
    GRAFT_TRY(graft_j__alloc(j, &self, 1, sizeof *self));
    GRAFT_TRY(graft_j__list_new(j, &self->items, args->n));
    memcpy(self->items->items, args->values, args->n * sizeof *args->values);
    self->items->n = args->n;
    self->base.class_ = &cycler_class;
    *out = object_value(&self->base);
done:
    return status;
}

typedef struct joiner {
    graft_jobject base;
    graft_jvalue separator;
    bool used;
} joiner;

static graft_status joiner_get(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                               graft_jvalue *out, bool *found)
{
    (void)j;
    *found = is_name(name, n, "used");
    *out = graft_j__bool(((joiner *)self)->used);
    return GRAFT_OK;
}

static graft_status joiner_call(graft_jinja *j, graft_jobject *self, const graft_jargs *args,
                                graft_jvalue *out)
{
    joiner *this = (joiner *)self;
    if (args->n + args->n_keywords > 0) {
        return graft_j__fail(j, "a joiner takes no arguments when it is called");
    }
    if (!this->used) {
        this->used = true;
        return graft_j__string_z(j, out, "");
    }
    *out = this->separator;
    return GRAFT_OK;
}

static const graft_jclass joiner_class = {"Joiner", joiner_get, joiner_call, NULL};

graft_status graft_j__joiner_new(graft_jinja *j, const graft_jvalue *separator, graft_jvalue *out)
{
    joiner *self;
    graft_status status = graft_j__alloc(j, &self, 1, sizeof *self);
    if (status == GRAFT_OK) {
        self->base.class_ = &joiner_class;
        self->separator = *separator;
        *out = object_value(&self->base);
    }
    return status;
}
