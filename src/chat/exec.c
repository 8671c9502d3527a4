/* chat/exec.c - statements. */
#include <string.h>

#include "chat/eval.h"

graft_status graft_j__exec(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__enter(j));
    j->line = node->line;
    status = node->exec(j, node);
    graft_j__leave(j);
done:
    return status;
}

graft_status graft_j__exec_all(graft_jinja *j, graft_jnode *const *nodes, size_t n)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < n && j->flow == GRAFT_J_GO_ON; i++) {
        GRAFT_TRY(graft_j__exec(j, nodes[i]));
    }
done:
    return status;
}

/* Statements that write into a buffer of their own; *out is what they wrote. */
static graft_status capture(graft_jinja *j, graft_jnode *const *nodes, size_t n, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer *before = j->out, buffer = {0};
    j->out = &buffer;
    GRAFT_TRY(graft_j__exec_all(j, nodes, n));
    status = graft_j__finish(j, &buffer, out);
done:
    j->out = before;
    return status;
}

/* ---- variables ---- */

graft_jvalue graft_j__resolve_name(const graft_jinja *j, const graft_jname *name)
{
    const graft_jdict *given[2] = {j->trusted, j->data};
    for (size_t i = 0; i < 2; i++) {
        const graft_jvalue *value = given[i] != NULL
                                        ? graft_j__dict_get(given[i], name->text, name->n)
                                        : NULL;
        if (value != NULL) {
            return *value;
        }
    }
    graft_jvalue out = {0};
    const graft_jglobal *function = graft_j__find_global(name->text, name->n);
    if (function != NULL) {
        out = (graft_jvalue){.kind = GRAFT_J_FUNCTION,
                             .origin = GRAFT_FROM_TEMPLATE,
                             .u.function = function};
    }
    return out;
}

void graft_j__enter_frame(graft_jinja *j, const graft_jframe *frame)
{
    for (const graft_jsymbol *s = frame->first; s != NULL; s = s->next) {
        graft_jvalue *slot = &j->active->slots[s->slot];
        const graft_jactivation *outer = j->active;
        switch (s->load) {
        case GRAFT_J_LOAD_NOTHING:
            break;
        case GRAFT_J_LOAD_MISSING:
            *slot = (graft_jvalue){0};
            break;
        case GRAFT_J_LOAD_CONTEXT:
            *slot = graft_j__resolve_name(j, s->name);
            break;
        case GRAFT_J_LOAD_OUTER:
            for (uint32_t i = 0; i < s->outer_hops; i++) {
                outer = outer->outer;
            }
            *slot = outer->slots[s->outer_slot];
            break;
        }
    }
}

graft_status graft_j__activate(graft_jinja *j, const graft_junit *unit, graft_jactivation *outer,
                               graft_jactivation **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__alloc(j, out, 1, sizeof **out));
    (*out)->outer = outer;
    status = graft_j__alloc(j, &(*out)->slots, unit->n_slots, sizeof *(*out)->slots);
done:
    return status;
}

static graft_jvalue *slot_of(graft_jinja *j, const graft_jnode *node)
{
    graft_jactivation *active = j->active;
    for (uint32_t i = 0; i < node->hops; i++) {
        active = active->outer;
    }
    return &active->slots[node->slot];
}

/* The namespaces a target assigns to must exist before its value is computed. */
static graft_status check_namespaces(graft_jinja *j, const graft_jnode *target)
{
    graft_status status = GRAFT_OK;
    if (target->kind == GRAFT_N_MEMBER_STORE) {
        const graft_jvalue *value = slot_of(j, target);
        if (value->kind != GRAFT_J_OBJECT || value->u.object->class_ != &graft_jnamespace_class) {
            return graft_j__fail(j, "cannot assign attribute on non-namespace object");
        }
    }
    for (size_t i = 0; target->kind == GRAFT_N_TUPLE && i < target->n_items; i++) {
        GRAFT_TRY(check_namespaces(j, target->items[i]));
    }
done:
    return status;
}

graft_status graft_j__assign(graft_jinja *j, const graft_jnode *target, const graft_jvalue *value)
{
    graft_status status = GRAFT_OK;
    graft_jlist *parts;
    if (target->kind == GRAFT_N_STORE) {
        *slot_of(j, target) = *value;
        return GRAFT_OK;
    }
    if (target->kind == GRAFT_N_MEMBER_STORE) {
        return graft_j__namespace_set(j, slot_of(j, target)->u.object, target->member,
                                      target->n_member, *value);
    }
    if (!graft_j__is_iterable(value)) {
        return graft_j__fail(j, "cannot unpack non-iterable %s object", graft_j__type_name(value));
    }
    GRAFT_TRY(graft_j__collect(j, value, &parts));
    if (parts->n != target->n_items) {
        return graft_j__fail(j, "%s values to unpack (expected %zu, got %zu)",
                             parts->n > target->n_items ? "too many" : "not enough",
                             target->n_items, parts->n);
    }
    for (size_t i = 0; i < parts->n; i++) {
        GRAFT_TRY(graft_j__assign(j, target->items[i], &parts->items[i]));
    }
done:
    return status;
}

graft_status graft_j__exec_set(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_jvalue value;
    GRAFT_TRY(check_namespaces(j, node->a));
    GRAFT_TRY(graft_j__eval(j, node->b, &value));
    status = graft_j__assign(j, node->a, &value);
done:
    return status;
}

/* value through the filters of a {% filter %} or {% set x | ... %}: the innermost filter's
 * subject is missing in the tree. */
static graft_status filter_text(graft_jinja *j, const graft_jnode *filter, const graft_jvalue *text,
                                graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue subject = *text;
    graft_jargs args;
    GRAFT_TRY(graft_j__enter(j));
    if (filter->a != NULL) {
        GRAFT_TRY(filter_text(j, filter->a, text, &subject));
    }
    GRAFT_TRY(graft_j__eval_args(j, filter, &args));
    if (filter->row == NULL) {
        return graft_j__fail(j, "No filter named '%.*s' found.", (int)filter->n_member,
                             filter->member);
    }
    status = graft_j__run_filter(j, filter->row, &subject, &args, out);
    graft_j__leave(j);
done:
    return status;
}

graft_status graft_j__exec_set_block(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_jvalue text;
    graft_j__enter_frame(j, &node->frame);
    GRAFT_TRY(capture(j, node->items, node->n_items, &text));
    if (j->flow != GRAFT_J_GO_ON) {
        goto done; /* a jump out of the block: nothing is set */
    }
    if (node->b != NULL) {
        GRAFT_TRY(filter_text(j, node->b, &text, &text));
    }
    GRAFT_TRY(check_namespaces(j, node->a));
    status = graft_j__assign(j, node->a, &text);
done:
    return status;
}

/* ---- output and blocks ---- */

graft_status graft_j__exec_output(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < node->n_items; i++) {
        graft_jvalue value;
        GRAFT_TRY(graft_j__eval(j, node->items[i], &value));
        GRAFT_TRY(graft_j__add_str(j, j->out, &value));
    }
done:
    return status;
}

graft_status graft_j__exec_if(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < node->n_items; i++) {
        const graft_jnode *branch = node->items[i];
        graft_jvalue test;
        GRAFT_TRY(graft_j__eval(j, branch->a, &test));
        if (graft_j__truth(&test)) {
            return graft_j__exec_all(j, branch->items, branch->n_items);
        }
    }
    status = graft_j__exec_all(j, node->more, node->n_more);
done:
    return status;
}

/* Jinja joins what filter and call blocks give without making it text first. */
static graft_status write_text(graft_jinja *j, const graft_jvalue *value)
{
    if (value->kind != GRAFT_J_STRING) {
        return graft_j__fail(j, "the block gives '%s', not text", graft_j__type_name(value));
    }
    return graft_j__add_string(j, j->out, value->u.s);
}

graft_status graft_j__exec_filter_block(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_jvalue text;
    graft_j__enter_frame(j, &node->frame);
    GRAFT_TRY(capture(j, node->items, node->n_items, &text));
    if (j->flow == GRAFT_J_GO_ON) {
        GRAFT_TRY(filter_text(j, node->a, &text, &text));
        status = write_text(j, &text);
    }
done:
    return status;
}

graft_status graft_j__exec_with(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_j__enter_frame(j, &node->frame);
    for (size_t i = 0; i < node->n_more; i++) {
        graft_jvalue value;
        GRAFT_TRY(graft_j__eval(j, node->d->items[i], &value));
        GRAFT_TRY(graft_j__assign(j, node->more[i], &value));
    }
    status = graft_j__exec_all(j, node->items, node->n_items);
done:
    return status;
}

graft_status graft_j__exec_scope(graft_jinja *j, const graft_jnode *node)
{
    graft_j__enter_frame(j, &node->frame);
    return graft_j__exec_all(j, node->items, node->n_items);
}

graft_status graft_j__exec_jump(graft_jinja *j, const graft_jnode *node)
{
    j->flow = node->is_break ? GRAFT_J_BREAK : GRAFT_J_CONTINUE;
    return GRAFT_OK;
}

/* ---- macros ---- */

static graft_status new_macro(graft_jinja *j, const graft_jnode *node, graft_jvalue *out)
{
    graft_jmacro *macro;
    graft_status status = graft_j__alloc(j, &macro, 1, sizeof *macro);
    if (status == GRAFT_OK) {
        *macro = (graft_jmacro){node, j->active};
        *out = (graft_jvalue){
            .kind = GRAFT_J_MACRO, .origin = GRAFT_FROM_TEMPLATE, .u.macro = macro};
    }
    return status;
}

graft_status graft_j__exec_macro(graft_jinja *j, const graft_jnode *node)
{
    return new_macro(j, node, slot_of(j, node));
}

graft_status graft_j__exec_call_block(graft_jinja *j, const graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    const graft_jnode *call = node->a;
    graft_jvalue callee, result;
    graft_jargs args;
    graft_jkeyword *keywords;
    GRAFT_TRY(graft_j__eval(j, call->a, &callee));
    GRAFT_TRY(graft_j__eval_args(j, call, &args));
    GRAFT_TRY(graft_j__alloc(j, &keywords, args.n_keywords + 1, sizeof *keywords));
    for (size_t i = 0; i < args.n_keywords; i++) {
        keywords[i] = args.keywords[i];
    }
    keywords[args.n_keywords] = (graft_jkeyword){.name = "caller", .n = 6};
    GRAFT_TRY(new_macro(j, node, &keywords[args.n_keywords].value));
    args.keywords = keywords;
    args.n_keywords++;
    GRAFT_TRY(graft_j__call(j, &callee, &args, &result));
    status = write_text(j, &result);
done:
    return status;
}

static bool keyword_is(const graft_jkeyword *keyword, const char *name, size_t n)
{
    return keyword->n == n && memcmp(keyword->name, name, n) == 0;
}

static const char *macro_name(const graft_jnode *node, size_t *n)
{
    *n = node->name != NULL ? node->name->n : 6;
    return node->name != NULL ? node->name->text : "caller";
}

/* Keywords that are no parameters go into kwargs, or are an error. */
static graft_status bind_rest(graft_jinja *j, const graft_jnode *node, const graft_jargs *args,
                              const bool *used, graft_jvalue *slots)
{
    graft_status status = GRAFT_OK;
    size_t n_name;
    const char *name = macro_name(node, &n_name);
    graft_jdict *kwargs;
    graft_jlist *varargs;
    GRAFT_TRY(graft_j__dict_new(j, &kwargs));
    for (size_t i = 0; i < args->n_keywords; i++) {
        const graft_jkeyword *keyword = &args->keywords[i];
        if (used[i]) {
            continue;
        }
        if (node->slot_kwargs == GRAFT_J_NO_SLOT) {
            return graft_j__fail(j, "macro '%.*s' takes no keyword argument '%.*s'", (int)n_name,
                                 name, (int)keyword->n, keyword->name);
        }
        GRAFT_TRY(graft_j__set_keyword(j, kwargs, keyword));
    }
    if (node->slot_kwargs != GRAFT_J_NO_SLOT) {
        slots[node->slot_kwargs] = graft_j__dict(kwargs);
    }
    size_t n_rest = args->n > node->n_items ? args->n - node->n_items : 0;
    if (node->slot_varargs != GRAFT_J_NO_SLOT) {
        GRAFT_TRY(graft_j__list_new(j, &varargs, n_rest));
        for (size_t i = 0; i < n_rest; i++) {
            varargs->items[varargs->n++] = args->values[node->n_items + i];
        }
        slots[node->slot_varargs] = graft_j__tuple(varargs);
    } else if (n_rest > 0) {
        return graft_j__fail(j, "macro '%.*s' takes not more than %zu argument(s)", (int)n_name,
                             name, node->n_items);
    }
done:
    return status;
}

/* Fills the parameters' slots of the new activation from the arguments. */
static graft_status bind_macro(graft_jinja *j, const graft_jnode *node, const graft_jargs *args,
                               graft_jvalue *slots)
{
    graft_status status = GRAFT_OK;
    bool *used, caller_found = false;
    GRAFT_TRY(graft_j__alloc(j, &used, args->n_keywords, sizeof *used));
    for (size_t i = 0; i < node->n_items; i++) {
        graft_jvalue *slot = &slots[node->items[i]->slot];
        const graft_jname *name = node->items[i]->name;
        caller_found |= name->n == 6 && memcmp(name->text, "caller", 6) == 0;
        if (i < args->n) {
            *slot = args->values[i];
            continue;
        }
        for (size_t k = 0; k < args->n_keywords; k++) {
            if (keyword_is(&args->keywords[k], name->text, name->n)) {
                *slot = args->keywords[k].value;
                used[k] = true;
            }
        }
    }
    if (node->slot_caller != GRAFT_J_NO_SLOT && !caller_found) {
        graft_jvalue *slot = &slots[node->slot_caller];
        GRAFT_TRY(graft_j__undefined(j, slot, "No caller defined"));
        for (size_t k = 0; k < args->n_keywords; k++) {
            if (keyword_is(&args->keywords[k], "caller", 6)) {
                *slot = args->keywords[k].value;
                used[k] = true;
            }
        }
    }
    status = bind_rest(j, node, args, used, slots);
done:
    return status;
}

/* Parameters that got nothing take their default, or become undefined. */
static graft_status fill_defaults(graft_jinja *j, const graft_jnode *node, graft_jvalue *slots)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < node->n_items; i++) {
        graft_jvalue *slot = &slots[node->items[i]->slot];
        size_t first_default = node->n_items - node->n_more;
        if (slot->kind != GRAFT_J_MISSING) {
            continue;
        }
        if (i >= first_default) {
            GRAFT_TRY(graft_j__eval(j, node->more[i - first_default], slot));
        } else {
            const char *hint;
            const graft_jname *name = node->items[i]->name;
            GRAFT_TRY(graft_j__format(j, &hint, "parameter '%.*s' was not provided", (int)name->n,
                                      name->text));
            GRAFT_TRY(graft_j__undefined(j, slot, hint));
        }
    }
done:
    return status;
}

graft_status graft_j__call_macro(graft_jinja *j, const graft_jmacro *macro, const graft_jargs *args,
                                 graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jnode *node = macro->node;
    graft_jactivation *before = j->active, *active;
    const uint32_t line = j->line;
    GRAFT_TRY(graft_j__activate(j, node->unit, macro->closure, &active));
    GRAFT_TRY(bind_macro(j, node, args, active->slots));
    j->active = active;
    graft_j__enter_frame(j, &node->frame);
    GRAFT_TRY(fill_defaults(j, node, active->slots));
    GRAFT_TRY(capture(j, node->body, node->n_body, out));
    j->line = line;
done:
    j->active = before;
    return status;
}
