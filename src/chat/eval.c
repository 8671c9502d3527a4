/* chat/eval.c - expressions. */
#include "chat/eval.h"

#include <string.h>

graft_status graft_j__eval(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    uint32_t line = j->line;
    GRAFT_TRY(graft_j__enter(j));
    j->line = node->line;
    status = node->eval(j, node, out);
    graft_j__leave(j);
    if (status == GRAFT_OK) {
        j->line = line;
    }
done:
    return status;
}

/* ---- values and names ---- */

graft_status graft_j__eval_const(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    (void)j;
    *out = node->value;
    return GRAFT_OK;
}

graft_status graft_j__eval_name(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    const graft_jactivation *active = j->active;
    for (uint32_t i = 0; i < node->hops; i++) {
        active = active->outer;
    }
    *out = active->slots[node->slot];
    if (out->kind == GRAFT_J_MISSING) {
        return graft_j__undefined_name(j, out, node->name->text, node->name->n);
    }
    return GRAFT_OK;
}

static graft_status eval_items(graft_jinja *j, const graft_jnode *node, graft_jlist **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__list_new(j, out, node->n_items));
    for (size_t i = 0; i < node->n_items; i++) {
        GRAFT_TRY(graft_j__eval(j, node->items[i], &(*out)->items[i]));
        (*out)->n++;
    }
done:
    return status;
}

graft_status graft_j__eval_tuple(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_jlist *list;
    graft_status status = eval_items(j, node, &list);
    *out = graft_j__tuple(list);
    return status;
}

graft_status graft_j__eval_list(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_jlist *list;
    graft_status status = eval_items(j, node, &list);
    *out = graft_j__list(list);
    return status;
}

graft_status graft_j__eval_dict(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jdict *dict;
    GRAFT_TRY(graft_j__dict_new(j, &dict));
    for (size_t i = 0; i < node->n_items; i++) {
        graft_jvalue key, value;
        GRAFT_TRY(graft_j__eval(j, node->items[i], &key));
        GRAFT_TRY(graft_j__eval(j, node->more[i], &value));
        GRAFT_TRY(graft_j__dict_set(j, dict, &key, value));
    }
    *out = graft_j__dict(dict);
done:
    return status;
}

/* ---- operators ---- */

graft_status graft_j__eval_binary(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue a, b;
    GRAFT_TRY(graft_j__eval(j, node->a, &a));
    GRAFT_TRY(graft_j__eval(j, node->b, &b));
    status = node->operate(j, &a, &b, out);
done:
    return status;
}

graft_status graft_j__eval_sign(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_jvalue a;
    graft_status status = graft_j__eval(j, node->a, &a);
    return status == GRAFT_OK ? graft_j__signed(j, &a, node->negated ? -1 : 1, out) : status;
}

graft_status graft_j__eval_and(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = graft_j__eval(j, node->a, out);
    return status == GRAFT_OK && graft_j__truth(out) ? graft_j__eval(j, node->b, out) : status;
}

graft_status graft_j__eval_or(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = graft_j__eval(j, node->a, out);
    return status == GRAFT_OK && !graft_j__truth(out) ? graft_j__eval(j, node->b, out) : status;
}

graft_status graft_j__eval_not(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = graft_j__eval(j, node->a, out);
    if (status == GRAFT_OK) {
        *out = graft_j__bool(!graft_j__truth(out));
    }
    return status;
}

/* a < b < c: each operand is computed once, and only as far as needed. */
graft_status graft_j__eval_compare(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue left, right;
    bool holds = true;
    GRAFT_TRY(graft_j__eval(j, node->a, &left));
    for (size_t i = 0; i < node->n_items && holds; i++) {
        const graft_jnode *operand = node->items[i];
        GRAFT_TRY(graft_j__eval(j, operand->a, &right));
        GRAFT_TRY(operand->compare(j, &left, &right, &holds));
        left = right;
    }
    *out = graft_j__bool(holds);
done:
    return status;
}

graft_status graft_j__eval_concat(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *parts;
    graft_jbuffer buffer = {0};
    GRAFT_TRY(eval_items(j, node, &parts));
    for (size_t i = 0; i < parts->n; i++) {
        GRAFT_TRY(graft_j__add_str(j, &buffer, &parts->items[i]));
    }
    status = graft_j__finish(j, &buffer, out);
done:
    return status;
}

graft_status graft_j__eval_conditional(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue test;
    GRAFT_TRY(graft_j__eval(j, node->a, &test));
    if (graft_j__truth(&test)) {
        status = graft_j__eval(j, node->b, out);
    } else if (node->c != NULL) {
        status = graft_j__eval(j, node->c, out);
    } else {
        const char *hint;
        GRAFT_TRY(graft_j__format(j, &hint,
                                  "the inline if-expression on line %u evaluated to false and no "
                                  "else section was defined.",
                                  node->line));
        status = graft_j__undefined(j, out, hint);
    }
done:
    return status;
}

/* ---- attributes, items, slices ---- */

graft_status graft_j__eval_attribute(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_jvalue subject;
    graft_status status = graft_j__eval(j, node->a, &subject);
    return status == GRAFT_OK ? graft_j__getattr(j, &subject, node->member, node->n_member, out)
                              : status;
}

graft_status graft_j__eval_item(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue subject, key;
    GRAFT_TRY(graft_j__eval(j, node->a, &subject));
    GRAFT_TRY(graft_j__eval(j, node->b, &key));
    status = graft_j__getitem(j, &subject, &key, out);
done:
    return status;
}

graft_status graft_j__eval_slice(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jnode *slice = node->b, *parts[3] = {slice->a, slice->b, slice->c};
    graft_jvalue subject, values[3] = {graft_j__none, graft_j__none, graft_j__none};
    GRAFT_TRY(graft_j__eval(j, node->a, &subject));
    for (size_t i = 0; i < 3; i++) {
        if (parts[i] != NULL) {
            GRAFT_TRY(graft_j__eval(j, parts[i], &values[i]));
        }
    }
    status = graft_j__slice(j, &subject, &values[0], &values[1], &values[2], out);
done:
    return status;
}

/* ---- calls ---- */

static graft_status add_keyword(graft_jinja *j, graft_jkeyword *keywords, size_t *n,
                                graft_jkeyword keyword)
{
    for (size_t i = 0; i < *n; i++) {
        if (keywords[i].n == keyword.n && memcmp(keywords[i].name, keyword.name, keyword.n) == 0) {
            return graft_j__fail(j, "got multiple values for keyword argument '%.*s'",
                                 (int)keyword.n, keyword.name);
        }
    }
    keywords[(*n)++] = keyword;
    return GRAFT_OK;
}

graft_status graft_j__set_keyword(graft_jinja *j, graft_jdict *dict, const graft_jkeyword *keyword)
{
    graft_status status = GRAFT_OK;
    graft_jvalue key = {.kind = GRAFT_J_STRING, .u.s = keyword->key};
    if (keyword->key == NULL) {
        GRAFT_TRY(graft_j__string(j, &key, keyword->name, keyword->n, GRAFT_FROM_TEMPLATE));
    }
    status = graft_j__dict_set(j, dict, &key, keyword->value);
done:
    return status;
}

/* Positional arguments, then those of *args. */
static graft_status eval_positional(graft_jinja *j, const graft_jnode *node, graft_jargs *out)
{
    graft_status status = GRAFT_OK;
    graft_jlist *spread = NULL;
    graft_jvalue *values, dynamic;
    if (node->n_items == 0 && node->b == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__alloc(j, &values, node->n_items, sizeof *values));
    for (size_t i = 0; i < node->n_items; i++) {
        GRAFT_TRY(graft_j__eval(j, node->items[i], &values[i]));
    }
    out->values = values;
    out->n = node->n_items;
    if (node->b == NULL) {
        goto done;
    }
    GRAFT_TRY(graft_j__eval(j, node->b, &dynamic));
    GRAFT_TRY(graft_j__collect(j, &dynamic, &spread));
    GRAFT_TRY(graft_j__alloc(j, &values, out->n + spread->n, sizeof *values));
    if (out->n > 0) {
        memcpy(values, out->values, out->n * sizeof *values);
    }
    if (spread->n > 0) {
        memcpy(values + out->n, spread->items, spread->n * sizeof *values);
    }
    out->values = values;
    out->n += spread->n;
done:
    return status;
}

graft_status graft_j__eval_args(graft_jinja *j, const graft_jnode *node, graft_jargs *out)
{
    graft_status status = GRAFT_OK;
    graft_jkeyword *keywords;
    graft_jvalue dynamic = graft_j__none;
    size_t n_dynamic = 0;
    *out = (graft_jargs){0};
    GRAFT_TRY(eval_positional(j, node, out));
    if (node->n_more == 0 && node->c == NULL) {
        goto done;
    }
    if (node->c != NULL) {
        GRAFT_TRY(graft_j__eval(j, node->c, &dynamic));
        if (dynamic.kind != GRAFT_J_DICT) {
            return graft_j__fail(j, "argument after ** must be a mapping, not %s",
                                 graft_j__type_name(&dynamic));
        }
        n_dynamic = dynamic.u.dict->n;
    }
    GRAFT_TRY(graft_j__alloc(j, &keywords, node->n_more + n_dynamic, sizeof *keywords));
    out->keywords = keywords;
    for (size_t i = 0; i < node->n_more; i++) {
        const graft_jnode *written = node->more[i];
        graft_jkeyword keyword = {.name = written->member, .n = written->n_member};
        GRAFT_TRY(graft_j__eval(j, written->a, &keyword.value));
        GRAFT_TRY(add_keyword(j, keywords, &out->n_keywords, keyword));
    }
    for (size_t i = 0; i < n_dynamic; i++) {
        const graft_jentry *entry = &dynamic.u.dict->entries[i];
        const graft_jstring *name;
        GRAFT_TRY(graft_j__need_string(j, &entry->key, "a keyword", &name));
        GRAFT_TRY(add_keyword(j, keywords, &out->n_keywords,
                              (graft_jkeyword){name->data, name->n, entry->value, name}));
    }
done:
    return status;
}

/* Strings that a method of markup gives are markup. */
static graft_status keep_markup(graft_jinja *j, graft_jvalue *value)
{
    graft_status status = GRAFT_OK;
    if (value->kind == GRAFT_J_STRING) {
        return graft_j__as_markup(j, value->u.s, value);
    }
    for (size_t i = 0; (value->kind == GRAFT_J_LIST || value->kind == GRAFT_J_TUPLE) &&
                       i < value->u.list->n; i++) {
        if (value->u.list->items[i].kind == GRAFT_J_STRING) {
            GRAFT_TRY(graft_j__as_markup(j, value->u.list->items[i].u.s, &value->u.list->items[i]));
        }
    }
done:
    return status;
}

static graft_status call_method(graft_jinja *j, const graft_jbound *bound, const graft_jargs *args,
                                graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jmethod *row = bound->row;
    graft_jvalue parameters[GRAFT_J_MAX_PARAMETERS];
    graft_jcall call = {.self = bound->self, .p = parameters, .args = args};
    if (row->run == NULL) {
        return graft_j__fail(j, "the method '%s' of '%s' is not supported", row->name,
                             graft_j__type_name(bound->self));
    }
    if (row->signature != NULL) {
        GRAFT_TRY(graft_j__bind(j, row->name, row->signature, args, parameters));
    }
    GRAFT_TRY(row->run(j, &call, out));
    if (row->keeps_markup && bound->self->kind == GRAFT_J_STRING && bound->self->u.s->markup) {
        status = keep_markup(j, out);
    }
done:
    return status;
}

static graft_status call_function(graft_jinja *j, const graft_jglobal *row, const graft_jargs *args,
                                  graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue parameters[GRAFT_J_MAX_PARAMETERS];
    graft_jcall call = {.p = parameters, .args = args};
    if (row->signature != NULL) {
        GRAFT_TRY(graft_j__bind(j, row->name, row->signature, args, parameters));
    }
    status = row->run(j, &call, out);
done:
    return status;
}

graft_status graft_j__call(graft_jinja *j, const graft_jvalue *callee, const graft_jargs *args,
                           graft_jvalue *out)
{
    switch (callee->kind) {
    case GRAFT_J_UNDEFINED:
        return graft_j__fail_undefined(j, callee);
    case GRAFT_J_MACRO:
        return graft_j__call_macro(j, callee->u.macro, args, out);
    case GRAFT_J_FUNCTION:
        return call_function(j, callee->u.function, args, out);
    case GRAFT_J_METHOD:
        return call_method(j, callee->u.method, args, out);
    case GRAFT_J_OBJECT:
        if (callee->u.object->class_->call != NULL) {
            return callee->u.object->class_->call(j, callee->u.object, args, out);
        }
        break;
    default:
        break;
    }
    return graft_j__fail(j, "'%s' object is not callable", graft_j__type_name(callee));
}

graft_status graft_j__eval_call(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue callee;
    graft_jargs args;
    GRAFT_TRY(graft_j__eval(j, node->a, &callee));
    GRAFT_TRY(graft_j__eval_args(j, node, &args));
    status = graft_j__call(j, &callee, &args, out);
done:
    return status;
}

graft_status graft_j__eval_filter(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue subject;
    graft_jargs args;
    GRAFT_TRY(graft_j__eval(j, node->a, &subject));
    GRAFT_TRY(graft_j__eval_args(j, node, &args));
    if (node->row == NULL) {
        return graft_j__fail(j, "No filter named '%.*s' found.", (int)node->n_member, node->member);
    }
    status = graft_j__run_filter(j, node->row, &subject, &args, out);
done:
    return status;
}

graft_status graft_j__eval_test(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue subject;
    graft_jargs args;
    bool holds;
    GRAFT_TRY(graft_j__eval(j, node->a, &subject));
    GRAFT_TRY(graft_j__eval_args(j, node, &args));
    if (node->row == NULL) {
        return graft_j__fail(j, "No test named '%.*s' found.", (int)node->n_member, node->member);
    }
    GRAFT_TRY(graft_j__run_test(j, node->row, &subject, &args, &holds));
    *out = graft_j__bool(holds);
done:
    return status;
}
