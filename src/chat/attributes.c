/* chat/attributes.c - subject.name, subject[key] and the arguments of calls. */
#include <stdlib.h>
#include <string.h>

#include "chat/jinja.h"

/* ---- attributes and items ---- */

graft_status graft_j__bind_method(graft_jinja *j, const graft_jmethod *row, const graft_jvalue *self,
                                  graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbound *bound;
    graft_jvalue *copy;
    GRAFT_TRY(graft_j__alloc(j, &bound, 1, sizeof *bound));
    GRAFT_TRY(graft_j__alloc(j, &copy, 1, sizeof *copy));
    *copy = *self;
    *bound = (graft_jbound){row, copy};
    *out = (graft_jvalue){
        .kind = GRAFT_J_METHOD, .origin = GRAFT_FROM_TEMPLATE, .u.method = bound};
done:
    return status;
}

static graft_status macro_attribute(graft_jinja *j, const graft_jvalue *subject, const char *name,
                                    size_t n, graft_jvalue *out, bool *found)
{
    graft_status status = GRAFT_OK;
    const graft_jnode *node = subject->u.macro->node;
    *found = true;
    if (n == 4 && memcmp(name, "name", 4) == 0) {
        *out = graft_j__none;
        if (node->name != NULL) {
            status = graft_j__string(j, out, node->name->text, node->name->n, GRAFT_FROM_TEMPLATE);
        }
    } else if (n == 9 && memcmp(name, "arguments", 9) == 0) {
        graft_jlist *list;
        GRAFT_TRY(graft_j__list_new(j, &list, node->n_items));
        for (size_t i = 0; i < node->n_items; i++) {
            const graft_jname *argument = node->items[i]->name;
            GRAFT_TRY(graft_j__string(j, &list->items[i], argument->text, argument->n,
                                      GRAFT_FROM_TEMPLATE));
            list->n++;
        }
        *out = graft_j__tuple(list);
    } else if (n == 12 && memcmp(name, "catch_kwargs", 12) == 0) {
        *out = graft_j__bool(node->slot_kwargs != GRAFT_J_NO_SLOT);
    } else if (n == 13 && memcmp(name, "catch_varargs", 13) == 0) {
        *out = graft_j__bool(node->slot_varargs != GRAFT_J_NO_SLOT);
    } else if (n == 6 && memcmp(name, "caller", 6) == 0) {
        *out = graft_j__bool(node->slot_caller != GRAFT_J_NO_SLOT);
    } else {
        *found = false;
    }
done:
    return status;
}

graft_status graft_j__attribute(graft_jinja *j, const graft_jvalue *subject, const char *name,
                                size_t n, graft_jvalue *out, bool *found)
{
    *found = false;
    switch (subject->kind) {
    case GRAFT_J_UNDEFINED:
        return graft_j__fail_undefined(j, subject);
    case GRAFT_J_OBJECT:
        return subject->u.object->class_->get(j, subject->u.object, name, n, out, found);
    case GRAFT_J_MACRO:
        return macro_attribute(j, subject, name, n, out, found);
    default:
        break;
    }
    const graft_jmethod *method = graft_j__find_method(subject, name, n);
    if (method == NULL) {
        return GRAFT_OK;
    }
    *found = true;
    if (method->mutates) {
        const char *hint;
        graft_status status = graft_j__format(j, &hint,
                                              "access to attribute '%s' of '%s' object is unsafe.",
                                              method->name, graft_j__type_name(subject));
        return status == GRAFT_OK ? graft_j__undefined(j, out, hint) : status;
    }
    return graft_j__bind_method(j, method, subject, out);
}

/* What Python's subject[key] would find; *found false where it raises a type or lookup error. */
static graft_status item(graft_jinja *j, const graft_jvalue *subject, const graft_jvalue *key,
                         graft_jvalue *out, bool *found)
{
    *found = false;
    switch (subject->kind) {
    case GRAFT_J_UNDEFINED:
        return graft_j__fail_undefined(j, subject);
    case GRAFT_J_DICT: {
        const graft_jvalue *value;
        bool hashable;
        graft_status status = graft_j__dict_find(j, subject->u.dict, key, &value, &hashable);
        if (value != NULL) {
            *out = *value;
            *found = true;
        }
        return status;
    }
    case GRAFT_J_STRING:
    case GRAFT_J_LIST:
    case GRAFT_J_TUPLE:
    case GRAFT_J_RANGE:
        return graft_j__is_integer(key) ? graft_j__item(j, subject, graft_j__as_int(key), out, found)
                                        : GRAFT_OK;
    default:
        return GRAFT_OK;
    }
}

graft_status graft_j__getattr(graft_jinja *j, const graft_jvalue *subject, const char *name,
                              size_t n, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    bool found;
    graft_jvalue key;
    GRAFT_TRY(graft_j__attribute(j, subject, name, n, out, &found));
    if (found) {
        goto done;
    }
    if (subject->kind == GRAFT_J_DICT) {
        const graft_jvalue *value = graft_j__dict_get(subject->u.dict, name, n);
        if (value != NULL) {
            *out = *value;
            goto done;
        }
    }
    GRAFT_TRY(graft_j__string(j, &key, name, n, GRAFT_FROM_TEMPLATE));
    status = graft_j__undefined_member(j, out, subject, &key);
done:
    return status;
}

graft_status graft_j__getitem(graft_jinja *j, const graft_jvalue *subject, const graft_jvalue *key,
                              graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    bool found;
    GRAFT_TRY(item(j, subject, key, out, &found));
    if (!found && key->kind == GRAFT_J_STRING) {
        GRAFT_TRY(graft_j__attribute(j, subject, key->u.s->data, key->u.s->n, out, &found));
    }
    if (!found) {
        status = graft_j__undefined_member(j, out, subject, key);
    }
done:
    return status;
}

graft_status graft_j__getpath(graft_jinja *j, const graft_jvalue *subject, const graft_jvalue *path,
                              graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    *out = *subject;
    if (path->kind == GRAFT_J_NONE) {
        return GRAFT_OK;
    }
    if (path->kind != GRAFT_J_STRING) {
        return graft_j__getitem(j, subject, path, out);
    }
    const graft_jstring *s = path->u.s;
    for (size_t from = 0; from <= s->n;) {
        const char *dot = memchr(s->data + from, '.', s->n - from);
        size_t to = dot != NULL ? (size_t)(dot - s->data) : s->n, digits = from;
        graft_jvalue key, from_value = *out;
        while (digits < to && s->data[digits] >= '0' && s->data[digits] <= '9') {
            digits++;
        }
        if (digits == to && to > from && to - from < 19) {
            int64_t index = 0;
            for (size_t i = from; i < to; i++) {
                index = index * 10 + (s->data[i] - '0');
            }
            key = graft_j__int(index);
        } else {
            GRAFT_TRY(graft_j__cut(j, s, from, to, &key));
        }
        GRAFT_TRY(graft_j__getitem(j, &from_value, &key, out));
        from = to + 1;
    }
done:
    return status;
}

/* ---- arguments ---- */

typedef struct parameter {
    const char *name;
    size_t n;
    bool optional;
} parameter;

static size_t parse_signature(const char *signature, parameter out[GRAFT_J_MAX_PARAMETERS],
                              bool *by_position_only)
{
    size_t n = 0;
    *by_position_only = *signature == '/';
    signature += *by_position_only;
    while (*signature != '\0' && n < GRAFT_J_MAX_PARAMETERS) {
        size_t length = strcspn(signature, ",");
        bool optional = length > 0 && signature[length - 1] == '=';
        out[n++] = (parameter){signature, length - optional, optional};
        signature += length + (signature[length] == ',');
    }
    return n;
}

graft_status graft_j__bind(graft_jinja *j, const char *callee, const char *signature,
                           const graft_jargs *args, graft_jvalue out[GRAFT_J_MAX_PARAMETERS])
{
    parameter parameters[GRAFT_J_MAX_PARAMETERS];
    bool by_position_only;
    size_t n = parse_signature(signature, parameters, &by_position_only);
    memset(out, 0, GRAFT_J_MAX_PARAMETERS * sizeof *out);
    if (args->n > n) {
        return graft_j__fail(j, "%s() takes at most %zu arguments (%zu given)", callee, n, args->n);
    }
    for (size_t i = 0; i < args->n; i++) {
        out[i] = args->values[i];
    }
    for (size_t i = 0; i < args->n_keywords; i++) {
        const graft_jkeyword *keyword = &args->keywords[i];
        size_t at = 0;
        while (at < n && (parameters[at].n != keyword->n ||
                          memcmp(parameters[at].name, keyword->name, keyword->n) != 0)) {
            at++;
        }
        if (at == n || by_position_only) {
            return graft_j__fail(j, "%s() got an unexpected keyword argument '%.*s'", callee,
                                 (int)keyword->n, keyword->name);
        }
        if (out[at].kind != GRAFT_J_MISSING) {
            return graft_j__fail(j, "%s() got multiple values for argument '%.*s'", callee,
                                 (int)keyword->n, keyword->name);
        }
        out[at] = keyword->value;
    }
    for (size_t i = 0; i < n; i++) {
        if (out[i].kind == GRAFT_J_MISSING && !parameters[i].optional) {
            return graft_j__fail(j, "%s() missing required argument '%.*s'", callee,
                                 (int)parameters[i].n, parameters[i].name);
        }
    }
    return GRAFT_OK;
}
