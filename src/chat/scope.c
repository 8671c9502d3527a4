/* chat/scope.c - which variable a name means, decided once per template.
 *
 * Jinja compiles templates to Python functions, and its scoping is that of the generated code:
 * a frame (template, loop body, macro, ...) owns a name if anything in it stores the name, even
 * later on; the rest is looked up outwards, and in the context last. Frames are analysed as a
 * whole before their inner frames are. Followed here in detail, because templates show it:
 *   - a name first stored in a frame and not known outside is unset before, even if the context
 *     has it; if the store stands in a branch of an `if`, or a load comes first, it starts as the
 *     context's value;
 *   - a name also known outside starts as a copy, in every iteration of a loop anew;
 *   - macros see the variables around them as they are when the macro is called. */
#include <string.h>

#include "chat/jinja.h"

typedef struct resolver {
    graft_jinja *j;
    graft_junit *unit;
    graft_jframe *frame;
    unsigned branches;  /* ifs around, inside of the frame; while analysing */
    unsigned for_loops; /* around, in the text */
    bool in_loop;       /* a break has a loop to leave */
    bool soft;          /* inside of an if: unknown filters fail only when they run */
} resolver;

typedef graft_status visitor(resolver *r, graft_jnode *node);

/* ---- symbols ---- */

static graft_status define(resolver *r, graft_jname *name, graft_jload load)
{
    graft_jsymbol *symbol;
    graft_status status = graft_j__alloc(r->j, &symbol, 1, sizeof *symbol);
    if (status != GRAFT_OK) {
        return status;
    }
    *symbol = (graft_jsymbol){.shadowed = name->binding,
                              .name = name,
                              .frame = r->frame,
                              .unit = r->unit,
                              .slot = r->unit->n_slots++,
                              .load = load};
    if (load == GRAFT_J_LOAD_OUTER) {
        symbol->outer_hops = r->unit->depth - name->binding->unit->depth;
        symbol->outer_slot = name->binding->slot;
    }
    if (r->frame->last != NULL) {
        r->frame->last->next = symbol;
    } else {
        r->frame->first = symbol;
    }
    r->frame->last = symbol;
    name->binding = symbol;
    return GRAFT_OK;
}

static bool owned(const resolver *r, const graft_jname *name)
{
    return name->binding != NULL && name->binding->frame == r->frame;
}

static graft_status load(resolver *r, graft_jname *name)
{
    return name->binding != NULL ? GRAFT_OK : define(r, name, GRAFT_J_LOAD_CONTEXT);
}

static graft_status store(resolver *r, graft_jname *name)
{
    if (owned(r, name)) {
        return GRAFT_OK;
    }
    return define(r, name, name->binding != NULL ? GRAFT_J_LOAD_OUTER
                           : r->branches > 0     ? GRAFT_J_LOAD_CONTEXT
                                                 : GRAFT_J_LOAD_MISSING);
}

/* Targets of loops and with, parameters of macros: set by whoever enters the frame. */
static graft_status declare(resolver *r, graft_jnode *target)
{
    graft_status status = GRAFT_OK;
    if (target->kind == GRAFT_N_STORE && owned(r, target->name)) {
        target->name->binding->load = GRAFT_J_LOAD_NOTHING;
    } else if (target->kind == GRAFT_N_STORE) {
        status = define(r, target->name, GRAFT_J_LOAD_NOTHING);
    }
    for (size_t i = 0; target->kind == GRAFT_N_TUPLE && i < target->n_items; i++) {
        GRAFT_TRY(declare(r, target->items[i]));
    }
done:
    return status;
}

/* A parameter that is not written down as one; *slot is where it lives. */
static graft_status declare_name(resolver *r, graft_jname *name, uint32_t *slot)
{
    graft_status status = define(r, name, GRAFT_J_LOAD_NOTHING);
    if (status == GRAFT_OK) {
        *slot = name->binding->slot;
    }
    return status;
}

static void leave(graft_jframe *frame)
{
    for (graft_jsymbol *s = frame->first; s != NULL; s = s->next) {
        s->name->binding = s->shadowed;
    }
}

/* ---- walking ---- */

static graft_status each(resolver *r, graft_jnode *const *nodes, size_t n, visitor *visit)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(visit(r, nodes[i]));
    }
done:
    return status;
}

static graft_status children(resolver *r, graft_jnode *node, visitor *visit)
{
    graft_status status = GRAFT_OK;
    graft_jnode *const parts[4] = {node->a, node->b, node->c, node->d};
    GRAFT_TRY(graft_j__enter(r->j));
    for (size_t i = 0; i < 4; i++) {
        if (parts[i] != NULL) {
            GRAFT_TRY(visit(r, parts[i]));
        }
    }
    GRAFT_TRY(each(r, node->items, node->n_items, visit));
    GRAFT_TRY(each(r, node->more, node->n_more, visit));
    GRAFT_TRY(each(r, node->body, node->n_body, visit));
    graft_j__leave(r->j);
done:
    return status;
}

/* ---- first pass over a frame: what it owns ---- */

static graft_status analyze_if(resolver *r, graft_jnode *node);

static graft_status analyze(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    switch (node->kind) {
    case GRAFT_N_NAME:
    case GRAFT_N_MEMBER_STORE:
        return load(r, node->name);
    case GRAFT_N_STORE:
    case GRAFT_N_MACRO:
        return store(r, node->name);
    case GRAFT_N_IF:
        return analyze_if(r, node);
    case GRAFT_N_FOR:
        return analyze(r, node->b);
    case GRAFT_N_CALL_BLOCK:
    case GRAFT_N_FILTER_BLOCK:
    case GRAFT_N_SET_BLOCK:
        return analyze(r, node->a);
    case GRAFT_N_WITH:
        return analyze(r, node->d);
    case GRAFT_N_SET:
        GRAFT_TRY(analyze(r, node->b));
        return analyze(r, node->a);
    case GRAFT_N_SCOPE:
        return GRAFT_OK;
    default:
        return children(r, node, analyze);
    }
done:
    return status;
}

static graft_status analyze_if(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__enter(r->j));
    for (size_t i = 0; i < node->n_items; i++) {
        GRAFT_TRY(analyze(r, node->items[i]->a));
        r->branches++;
        GRAFT_TRY(each(r, node->items[i]->items, node->items[i]->n_items, analyze));
        r->branches--;
    }
    r->branches++;
    GRAFT_TRY(each(r, node->more, node->n_more, analyze));
    r->branches--;
    graft_j__leave(r->j);
done:
    return status;
}

/* ---- second pass: every name gets its slot, inner frames are entered ---- */

static graft_status resolve(resolver *r, graft_jnode *node);

/* The resolver inside of `frame`. */
static resolver inside(const resolver *r, graft_jframe *frame)
{
    resolver inner = *r;
    inner.frame = frame;
    inner.branches = 0;
    inner.soft = false;
    return inner;
}

static graft_status new_unit(resolver *r, graft_junit **out)
{
    graft_status status = graft_j__alloc(r->j, out, 1, sizeof **out);
    if (status == GRAFT_OK) {
        (*out)->outer = r->unit;
        (*out)->depth = r->unit->depth + 1;
    }
    return status;
}

static graft_status resolve_name(resolver *r, graft_jnode *node)
{
    const graft_jsymbol *symbol = node->name->binding;
    node->hops = r->unit->depth - symbol->unit->depth;
    node->slot = symbol->slot;
    if (node->kind == GRAFT_N_STORE && r->for_loops > 0 && node->name->n == 4 &&
        memcmp(node->name->text, "loop", 4) == 0) {
        r->j->line = node->line;
        return graft_j__fail(r->j, "Can't assign to special loop variable in for-loop");
    }
    return GRAFT_OK;
}

static graft_status resolve_for(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    resolver outer = *r, inner;
    GRAFT_TRY(resolve(r, node->b));
    if (node->recursive) {
        GRAFT_TRY(new_unit(r, &node->unit));
        outer.unit = node->unit;
    }
    inner = inside(&outer, &node->frame);
    inner.for_loops++;
    inner.in_loop = true;
    GRAFT_TRY(declare_name(&inner, node->name, &node->slot_loop));
    GRAFT_TRY(declare(&inner, node->a));
    GRAFT_TRY(each(&inner, node->items, node->n_items, analyze));
    GRAFT_TRY(resolve(&inner, node->a));
    GRAFT_TRY(each(&inner, node->items, node->n_items, resolve));
    leave(&node->frame);
    if (node->c != NULL) {
        inner = inside(&outer, &node->frame_test);
        GRAFT_TRY(declare(&inner, node->d));
        GRAFT_TRY(analyze(&inner, node->c));
        GRAFT_TRY(resolve(&inner, node->d));
        GRAFT_TRY(resolve(&inner, node->c));
        leave(&node->frame_test);
    }
    inner = inside(&outer, &node->frame_else);
    inner.for_loops++;
    inner.in_loop = outer.in_loop && !node->recursive;
    GRAFT_TRY(each(&inner, node->more, node->n_more, analyze));
    GRAFT_TRY(each(&inner, node->more, node->n_more, resolve));
    leave(&node->frame_else);
done:
    return status;
}

/* Whether a piece of a macro's body uses a name that it does not store before. */
typedef struct mention {
    const char *text;
    size_t n;
    graft_jname *found; /* NULL: not used */
    bool stored;
} mention;

static graft_status look_for(graft_jinja *j, const graft_jnode *node, mention *m);

static graft_status look_in(graft_jinja *j, graft_jnode *const *nodes, size_t n, mention *m)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < n && m->found == NULL && !m->stored; i++) {
        GRAFT_TRY(look_for(j, nodes[i], m));
    }
done:
    return status;
}

static graft_status look_for(graft_jinja *j, const graft_jnode *node, mention *m)
{
    graft_status status = GRAFT_OK;
    graft_jnode *const parts[4] = {node->a, node->b, node->c, node->d};
    if ((node->kind == GRAFT_N_NAME || node->kind == GRAFT_N_STORE) && node->name->n == m->n &&
        memcmp(node->name->text, m->text, m->n) == 0) {
        m->found = node->kind == GRAFT_N_NAME ? node->name : NULL;
        m->stored |= node->kind == GRAFT_N_STORE;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__enter(j));
    for (size_t i = 0; i < 4 && m->found == NULL && !m->stored; i++) {
        if (parts[i] != NULL) {
            GRAFT_TRY(look_for(j, parts[i], m));
        }
    }
    GRAFT_TRY(look_in(j, node->items, node->n_items, m));
    GRAFT_TRY(look_in(j, node->more, node->n_more, m));
    GRAFT_TRY(look_in(j, node->body, node->n_body, m));
    graft_j__leave(j);
done:
    return status;
}

/* caller, kwargs and varargs are parameters of a macro whose body names them. */
static graft_status declare_extras(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    const struct {
        const char *text;
        uint32_t *slot;
    } extras[3] = {{"caller", &node->slot_caller},
                   {"kwargs", &node->slot_kwargs},
                   {"varargs", &node->slot_varargs}};
    for (size_t i = 0; i < 3; i++) {
        mention m = {.text = extras[i].text, .n = strlen(extras[i].text)};
        GRAFT_TRY(look_in(r->j, node->body, node->n_body, &m));
        for (size_t k = 0; k < node->n_items && m.found != NULL; k++) {
            const graft_jname *name = node->items[k]->name;
            if (name->n == m.n && memcmp(name->text, m.text, m.n) == 0) {
                m.found = NULL; /* an ordinary parameter */
                if (i == 0 && k < node->n_items - node->n_more) {
                    return graft_j__fail(r->j, "the parameter \"caller\" must have a default");
                }
            }
        }
        if (m.found != NULL) {
            GRAFT_TRY(declare_name(r, m.found, extras[i].slot));
        }
    }
done:
    return status;
}

static graft_status resolve_macro(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    resolver inner = inside(r, &node->frame);
    if (node->kind == GRAFT_N_MACRO) {
        GRAFT_TRY(resolve_name(r, node));
    } else {
        GRAFT_TRY(resolve(r, node->a));
    }
    GRAFT_TRY(new_unit(r, &node->unit));
    inner.unit = node->unit;
    inner.in_loop = false;
    for (size_t i = 0; i < node->n_items; i++) {
        GRAFT_TRY(declare(&inner, node->items[i]));
    }
    GRAFT_TRY(declare_extras(&inner, node));
    GRAFT_TRY(each(&inner, node->more, node->n_more, analyze));
    GRAFT_TRY(each(&inner, node->body, node->n_body, analyze));
    GRAFT_TRY(each(&inner, node->items, node->n_items, resolve));
    GRAFT_TRY(each(&inner, node->more, node->n_more, resolve));
    GRAFT_TRY(each(&inner, node->body, node->n_body, resolve));
    leave(&node->frame);
done:
    return status;
}

/* Blocks with a frame but no variables of their own to begin with. */
static graft_status resolve_block(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    resolver inner = inside(r, &node->frame);
    graft_jnode *filter = node->kind == GRAFT_N_SET_BLOCK      ? node->b
                          : node->kind == GRAFT_N_FILTER_BLOCK ? node->a
                                                               : NULL;
    inner.in_loop = r->in_loop && node->kind != GRAFT_N_SCOPE;
    if (node->kind == GRAFT_N_SET_BLOCK) {
        GRAFT_TRY(resolve(r, node->a));
    }
    if (node->kind == GRAFT_N_WITH) {
        GRAFT_TRY(resolve(r, node->d));
        for (size_t i = 0; i < node->n_more; i++) {
            GRAFT_TRY(declare(&inner, node->more[i]));
        }
    }
    GRAFT_TRY(each(&inner, node->items, node->n_items, analyze));
    if (filter != NULL) {
        GRAFT_TRY(analyze(&inner, filter));
    }
    GRAFT_TRY(each(&inner, node->more, node->n_more, resolve));
    GRAFT_TRY(each(&inner, node->items, node->n_items, resolve));
    if (filter != NULL) {
        GRAFT_TRY(resolve(&inner, filter));
    }
    leave(&node->frame);
done:
    return status;
}

static graft_status check_known(resolver *r, const graft_jnode *node)
{
    if (node->row != NULL || r->soft) {
        return GRAFT_OK;
    }
    r->j->line = node->line;
    return graft_j__fail(r->j, "No %s named '%.*s'.",
                         node->kind == GRAFT_N_FILTER ? "filter" : "test", (int)node->n_member,
                         node->member);
}

static graft_status resolve_softly(resolver *r, graft_jnode *node)
{
    resolver soft = *r;
    soft.soft = true;
    return children(&soft, node, resolve);
}

static graft_status resolve_kind(resolver *r, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    switch (node->kind) {
    case GRAFT_N_NAME:
    case GRAFT_N_STORE:
    case GRAFT_N_MEMBER_STORE:
        return resolve_name(r, node);
    case GRAFT_N_FOR:
        return resolve_for(r, node);
    case GRAFT_N_MACRO:
    case GRAFT_N_CALL_BLOCK:
        return resolve_macro(r, node);
    case GRAFT_N_SET_BLOCK:
    case GRAFT_N_FILTER_BLOCK:
    case GRAFT_N_WITH:
    case GRAFT_N_SCOPE:
        return resolve_block(r, node);
    case GRAFT_N_IF:
    case GRAFT_N_CONDITIONAL:
        return resolve_softly(r, node);
    case GRAFT_N_FILTER:
    case GRAFT_N_TEST:
        GRAFT_TRY(check_known(r, node));
        return children(r, node, resolve);
    case GRAFT_N_JUMP:
        if (!r->in_loop) {
            r->j->line = node->line;
            return graft_j__fail(r->j, "'%s' outside loop", node->is_break ? "break" : "continue");
        }
        return GRAFT_OK;
    default:
        return children(r, node, resolve);
    }
done:
    return status;
}

static graft_status resolve(resolver *r, graft_jnode *node)
{
    graft_status status = graft_j__enter(r->j);
    if (status == GRAFT_OK) {
        status = resolve_kind(r, node);
        graft_j__leave(r->j);
    }
    return status;
}

graft_status graft_j__resolve(graft_jinja *j, graft_jtree *tree)
{
    graft_status status = GRAFT_OK;
    resolver r = {.j = j, .unit = &tree->unit, .frame = &tree->frame};
    GRAFT_TRY(each(&r, tree->items, tree->n_items, analyze));
    GRAFT_TRY(each(&r, tree->items, tree->n_items, resolve));
    leave(&tree->frame);
done:
    return status;
}
