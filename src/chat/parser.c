/* chat/parser.c - statements: the tree of a template from its tokens. */
#include "chat/parser.h"

#include <string.h>

#include "core/memory.h"

/* ---- tokens ---- */

void graft_jparse__advance(graft_jparser *p)
{
    if (p->at->kind != GRAFT_T_EOF) {
        p->at++;
    }
    p->j->line = p->at->line;
}

bool graft_jparse__is(const graft_jparser *p, graft_jtoken_kind kind)
{
    return p->at->kind == kind;
}

bool graft_jparse__is_word(const graft_jparser *p, const char *word)
{
    return p->at->kind == GRAFT_T_NAME && strlen(word) == p->at->n &&
           memcmp(p->at->text, word, p->at->n) == 0;
}

bool graft_jparse__skip(graft_jparser *p, graft_jtoken_kind kind)
{
    bool is = graft_jparse__is(p, kind);
    if (is) {
        graft_jparse__advance(p);
    }
    return is;
}

bool graft_jparse__skip_word(graft_jparser *p, const char *word)
{
    bool is = graft_jparse__is_word(p, word);
    if (is) {
        graft_jparse__advance(p);
    }
    return is;
}

graft_status graft_jparse__unexpected(graft_jparser *p)
{
    const graft_jtoken *t = p->at;
    if (t->kind == GRAFT_T_NAME) {
        return graft_j__fail(p->j, "unexpected '%.*s'", (int)(t->n < 60 ? t->n : 60), t->text);
    }
    return graft_j__fail(p->j, "unexpected %s", graft_j__token_name(t->kind));
}

static graft_status expected(graft_jparser *p, const char *what)
{
    const graft_jtoken *t = p->at;
    if (t->kind == GRAFT_T_NAME) {
        return graft_j__fail(p->j, "expected %s, got '%.*s'", what, (int)(t->n < 60 ? t->n : 60),
                             t->text);
    }
    return graft_j__fail(p->j, "expected %s, got %s", what, graft_j__token_name(t->kind));
}

graft_status graft_jparse__expect(graft_jparser *p, graft_jtoken_kind kind)
{
    return graft_jparse__skip(p, kind) ? GRAFT_OK : expected(p, graft_j__token_name(kind));
}

graft_status graft_jparse__expect_word(graft_jparser *p, const char *word)
{
    return graft_jparse__skip_word(p, word) ? GRAFT_OK : expected(p, word);
}

/* ---- nodes and names ---- */

graft_status graft_jparse__node(graft_jparser *p, graft_jnode_kind kind, graft_jnode **out)
{
    graft_status status = graft_j__alloc(p->j, out, 1, sizeof **out);
    if (status == GRAFT_OK) {
        (*out)->kind = kind;
        (*out)->line = p->at->line;
        (*out)->slot_loop = (*out)->slot_caller = GRAFT_J_NO_SLOT;
        (*out)->slot_kwargs = (*out)->slot_varargs = GRAFT_J_NO_SLOT;
    }
    return status;
}

graft_status graft_jparse__expression_node(graft_jparser *p, graft_jnode_kind kind,
                                           graft_jeval *eval, uint32_t line, graft_jnode **out)
{
    graft_status status = graft_jparse__node(p, kind, out);
    if (status == GRAFT_OK) {
        (*out)->eval = eval;
        (*out)->line = line;
    }
    return status;
}

graft_status graft_jparse__push(graft_jparser *p, graft_jnodes *list, graft_jnode *node)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity != 0 ? list->capacity * 2 : 4;
        graft_jnode **items;
        graft_status status = graft_j__alloc(p->j, &items, capacity, sizeof *items);
        if (status != GRAFT_OK) {
            return status;
        }
        if (list->n > 0) {
            memcpy(items, list->items, list->n * sizeof *items);
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = node;
    return GRAFT_OK;
}

graft_status graft_jparse__name(graft_jparser *p, const char *text, size_t n, graft_jname **out)
{
    graft_status status = GRAFT_OK;
    uint64_t found;
    if (graft_map_find(&p->names, text, n, &found)) {
        *out = (graft_jname *)(uintptr_t)found;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__alloc(p->j, out, 1, sizeof **out));
    (*out)->text = text;
    (*out)->n = n;
    status = graft_map_set(&p->names, text, n, (uint64_t)(uintptr_t)*out, NULL);
done:
    return status;
}

/* ---- blocks ---- */

static graft_status parse_statement(graft_jparser *p, graft_jnode **out);

static bool at_any(const graft_jparser *p, const char *const *words)
{
    for (; words != NULL && *words != NULL; words++) {
        if (graft_jparse__is_word(p, *words)) {
            return true;
        }
    }
    return false;
}

static graft_status flush(graft_jparser *p, graft_jnodes *texts, graft_jnodes *body)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    if (texts->n == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_jparse__node(p, GRAFT_N_OUTPUT, &node));
    node->exec = graft_j__exec_output;
    node->line = texts->items[0]->line;
    node->items = texts->items;
    node->n_items = texts->n;
    *texts = (graft_jnodes){0};
    status = graft_jparse__push(p, body, node);
done:
    return status;
}

static graft_status parse_text(graft_jparser *p, graft_jnodes *texts)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    if (graft_jparse__is(p, GRAFT_T_DATA)) {
        GRAFT_TRY(graft_jparse__node(p, GRAFT_N_CONST, &node));
        node->eval = graft_j__eval_const;
        GRAFT_TRY(graft_j__string(p->j, &node->value, p->at->text, p->at->n, GRAFT_FROM_TEMPLATE));
        graft_jparse__advance(p);
    } else {
        graft_jparse__advance(p);
        GRAFT_TRY(graft_jparse__tuple(p, true, GRAFT_J_TUPLE_PLAIN, false, &node));
        GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_VARIABLE_END));
    }
    status = graft_jparse__push(p, texts, node);
done:
    return status;
}

/* Statements and text up to a tag that begins with one of `ends` (which is left at hand, behind
 * its "{%"), or up to the end of the template where ends is NULL. `opened`: line of the first tag. */
static graft_status parse_body(graft_jparser *p, const char *const *ends, uint32_t opened,
                               graft_jnodes *body)
{
    graft_status status = GRAFT_OK;
    graft_jnodes texts = {0};
    graft_jnode *node;
    GRAFT_TRY(graft_j__enter(p->j));
    while (!graft_jparse__is(p, GRAFT_T_EOF)) {
        if (!graft_jparse__is(p, GRAFT_T_BLOCK_BEGIN)) {
            GRAFT_TRY(parse_text(p, &texts));
            continue;
        }
        GRAFT_TRY(flush(p, &texts, body));
        graft_jparse__advance(p);
        if (at_any(p, ends)) {
            break;
        }
        GRAFT_TRY(parse_statement(p, &node));
        GRAFT_TRY(graft_jparse__push(p, body, node));
        GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_BLOCK_END));
    }
    if (ends != NULL && graft_jparse__is(p, GRAFT_T_EOF)) {
        p->j->line = opened;
        return graft_j__fail(p->j, "unexpected end of template: '%s' is missing for this tag",
                             ends[0]);
    }
    GRAFT_TRY(flush(p, &texts, body));
    graft_j__leave(p->j);
done:
    return status;
}

/* The rest of an opening tag, then its body. */
static graft_status parse_block(graft_jparser *p, const char *const *ends, graft_jnode ***items,
                                size_t *n_items)
{
    graft_status status = GRAFT_OK;
    graft_jnodes body = {0};
    const uint32_t opened = p->j->line;
    graft_jparse__skip(p, GRAFT_T_COLON);
    GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_BLOCK_END));
    GRAFT_TRY(parse_body(p, ends, opened, &body));
    *items = body.items;
    *n_items = body.n;
done:
    return status;
}

/* ---- statements; the tag's name has been skipped ---- */

static graft_status statement(graft_jparser *p, graft_jnode_kind kind, graft_jexec *exec,
                              graft_jnode **out)
{
    graft_status status = graft_jparse__node(p, kind, out);
    if (status == GRAFT_OK) {
        (*out)->exec = exec;
    }
    return status;
}

static graft_status copy_target(graft_jparser *p, const graft_jnode *target, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes items = {0};
    GRAFT_TRY(graft_jparse__node(p, target->kind, out));
    graft_jnode *copy = *out;
    *copy = *target;
    for (size_t i = 0; i < target->n_items; i++) {
        graft_jnode *item;
        GRAFT_TRY(copy_target(p, target->items[i], &item));
        GRAFT_TRY(graft_jparse__push(p, &items, item));
    }
    copy->items = items.items;
done:
    return status;
}

static graft_status parse_for(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endfor", "else", NULL}, *const last[] = {"endfor", NULL};
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(statement(p, GRAFT_N_FOR, graft_j__exec_for, &node));
    GRAFT_TRY(graft_jparse__name(p, "loop", 4, &node->name));
    GRAFT_TRY(graft_jparse__target(p, GRAFT_J_TUPLE_TARGET, false, &node->a));
    GRAFT_TRY(graft_jparse__expect_word(p, "in"));
    GRAFT_TRY(graft_jparse__tuple(p, false, GRAFT_J_TUPLE_ITER, false, &node->b));
    if (graft_jparse__skip_word(p, "if")) {
        GRAFT_TRY(graft_jparse__expression(p, true, &node->c));
        GRAFT_TRY(copy_target(p, node->a, &node->d));
    }
    node->recursive = graft_jparse__skip_word(p, "recursive");
    GRAFT_TRY(parse_block(p, ends, &node->items, &node->n_items));
    if (graft_jparse__skip_word(p, "else")) {
        GRAFT_TRY(parse_block(p, last, &node->more, &node->n_more));
    }
    GRAFT_TRY(graft_jparse__expect_word(p, "endfor"));
    *out = node;
done:
    return status;
}

static graft_status parse_if(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endif", "elif", "else", NULL}, *const last[] = {"endif", NULL};
    graft_status status = GRAFT_OK;
    graft_jnodes branches = {0};
    graft_jnode *node, *branch;
    GRAFT_TRY(statement(p, GRAFT_N_IF, graft_j__exec_if, &node));
    do {
        GRAFT_TRY(graft_jparse__node(p, GRAFT_N_BRANCH, &branch));
        GRAFT_TRY(graft_jparse__tuple(p, false, GRAFT_J_TUPLE_PLAIN, false, &branch->a));
        GRAFT_TRY(parse_block(p, ends, &branch->items, &branch->n_items));
        GRAFT_TRY(graft_jparse__push(p, &branches, branch));
    } while (graft_jparse__skip_word(p, "elif"));
    if (graft_jparse__skip_word(p, "else")) {
        GRAFT_TRY(parse_block(p, last, &node->more, &node->n_more));
    }
    GRAFT_TRY(graft_jparse__expect_word(p, "endif"));
    node->items = branches.items;
    node->n_items = branches.n;
    *out = node;
done:
    return status;
}

static graft_status parse_set(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endset", NULL};
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(statement(p, GRAFT_N_SET, graft_j__exec_set, &node));
    GRAFT_TRY(graft_jparse__target(p, GRAFT_J_TUPLE_PLAIN, true, &node->a));
    if (graft_jparse__skip(p, GRAFT_T_ASSIGN)) {
        GRAFT_TRY(graft_jparse__tuple(p, true, GRAFT_J_TUPLE_PLAIN, false, &node->b));
    } else {
        node->kind = GRAFT_N_SET_BLOCK;
        node->exec = graft_j__exec_set_block;
        GRAFT_TRY(graft_jparse__filters(p, NULL, false, &node->b));
        GRAFT_TRY(parse_block(p, ends, &node->items, &node->n_items));
        GRAFT_TRY(graft_jparse__expect_word(p, "endset"));
    }
    *out = node;
done:
    return status;
}

/* (a, b=1) */
static graft_status parse_signature(graft_jparser *p, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_jnodes parameters = {0}, defaults = {0};
    graft_jnode *parameter, *value;
    GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_LPAREN));
    while (!graft_jparse__is(p, GRAFT_T_RPAREN)) {
        if (parameters.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        GRAFT_TRY(graft_jparse__target_name(p, &parameter));
        GRAFT_TRY(graft_jparse__push(p, &parameters, parameter));
        if (graft_jparse__skip(p, GRAFT_T_ASSIGN)) {
            GRAFT_TRY(graft_jparse__expression(p, true, &value));
            GRAFT_TRY(graft_jparse__push(p, &defaults, value));
        } else if (defaults.n > 0) {
            return graft_j__fail(p->j, "non-default argument follows default argument");
        }
    }
    graft_jparse__advance(p);
    node->items = parameters.items;
    node->n_items = parameters.n;
    node->more = defaults.items;
    node->n_more = defaults.n;
done:
    return status;
}

static graft_status parse_macro(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endmacro", NULL};
    graft_status status = GRAFT_OK;
    graft_jnode *node, *name;
    GRAFT_TRY(statement(p, GRAFT_N_MACRO, graft_j__exec_macro, &node));
    GRAFT_TRY(graft_jparse__target_name(p, &name));
    node->name = name->name;
    GRAFT_TRY(parse_signature(p, node));
    GRAFT_TRY(parse_block(p, ends, &node->body, &node->n_body));
    GRAFT_TRY(graft_jparse__expect_word(p, "endmacro"));
    *out = node;
done:
    return status;
}

static graft_status parse_call_block(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endcall", NULL};
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(statement(p, GRAFT_N_CALL_BLOCK, graft_j__exec_call_block, &node));
    if (graft_jparse__is(p, GRAFT_T_LPAREN)) {
        GRAFT_TRY(parse_signature(p, node));
    }
    GRAFT_TRY(graft_jparse__expression(p, true, &node->a));
    if (node->a->kind != GRAFT_N_CALL) {
        return graft_j__fail(p->j, "expected call");
    }
    GRAFT_TRY(parse_block(p, ends, &node->body, &node->n_body));
    GRAFT_TRY(graft_jparse__expect_word(p, "endcall"));
    *out = node;
done:
    return status;
}

static graft_status parse_filter_block(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endfilter", NULL};
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(statement(p, GRAFT_N_FILTER_BLOCK, graft_j__exec_filter_block, &node));
    GRAFT_TRY(graft_jparse__filters(p, NULL, true, &node->a));
    GRAFT_TRY(parse_block(p, ends, &node->items, &node->n_items));
    GRAFT_TRY(graft_jparse__expect_word(p, "endfilter"));
    *out = node;
done:
    return status;
}

static graft_status parse_with(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endwith", NULL};
    graft_status status = GRAFT_OK;
    graft_jnodes targets = {0}, values = {0};
    graft_jnode *node, *part;
    GRAFT_TRY(statement(p, GRAFT_N_WITH, graft_j__exec_with, &node));
    while (!graft_jparse__is(p, GRAFT_T_BLOCK_END)) {
        if (targets.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        GRAFT_TRY(graft_jparse__target(p, GRAFT_J_TUPLE_PLAIN, false, &part));
        GRAFT_TRY(graft_jparse__push(p, &targets, part));
        GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_ASSIGN));
        GRAFT_TRY(graft_jparse__expression(p, true, &part));
        GRAFT_TRY(graft_jparse__push(p, &values, part));
    }
    GRAFT_TRY(graft_jparse__node(p, GRAFT_N_EXPRESSION, &node->d));
    node->d->items = values.items;
    node->d->n_items = values.n;
    node->more = targets.items;
    node->n_more = targets.n;
    GRAFT_TRY(parse_block(p, ends, &node->items, &node->n_items));
    GRAFT_TRY(graft_jparse__expect_word(p, "endwith"));
    *out = node;
done:
    return status;
}

static graft_status parse_print(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes items = {0};
    graft_jnode *item;
    GRAFT_TRY(statement(p, GRAFT_N_OUTPUT, graft_j__exec_output, out));
    while (!graft_jparse__is(p, GRAFT_T_BLOCK_END)) {
        if (items.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        GRAFT_TRY(graft_jparse__expression(p, true, &item));
        GRAFT_TRY(graft_jparse__push(p, &items, item));
    }
    (*out)->items = items.items;
    (*out)->n_items = items.n;
done:
    return status;
}

/* transformers marks what the model writes with this tag; here its body just passes. */
static graft_status parse_generation(graft_jparser *p, graft_jnode **out)
{
    static const char *const ends[] = {"endgeneration", NULL};
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(statement(p, GRAFT_N_SCOPE, graft_j__exec_scope, &node));
    GRAFT_TRY(parse_block(p, ends, &node->items, &node->n_items));
    GRAFT_TRY(graft_jparse__expect_word(p, "endgeneration"));
    *out = node;
done:
    return status;
}

static graft_status parse_break(graft_jparser *p, graft_jnode **out)
{
    graft_status status = statement(p, GRAFT_N_JUMP, graft_j__exec_jump, out);
    if (status == GRAFT_OK) {
        (*out)->is_break = true;
    }
    return status;
}

static graft_status parse_continue(graft_jparser *p, graft_jnode **out)
{
    return statement(p, GRAFT_N_JUMP, graft_j__exec_jump, out);
}

/* A tag is a row. Without a function: Jinja has it, but there is nothing for it to do here, since
 * one template is all there is. */
static const struct {
    const char *word;
    graft_status (*parse)(graft_jparser *p, graft_jnode **out);
} statements[] = {
    {"for", parse_for},
    {"if", parse_if},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"print", parse_print},
    {"generation", parse_generation},
    {"break", parse_break},
    {"continue", parse_continue},
    {"block", NULL},
    {"extends", NULL},
    {"include", NULL},
    {"import", NULL},
    {"from", NULL},
    {"autoescape", NULL},
};

static graft_status parse_statement(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    if (!graft_jparse__is(p, GRAFT_T_NAME)) {
        return graft_j__fail(p->j, "tag name expected");
    }
    const graft_jtoken *tag = p->at;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!graft_jparse__skip_word(p, statements[i].word)) {
            continue;
        }
        if (statements[i].parse == NULL) {
            return graft_j__fail(p->j, "the tag '%s' is not supported", statements[i].word);
        }
        GRAFT_TRY(statements[i].parse(p, out));
        (*out)->line = tag->line;
        goto done;
    }
    status = graft_j__fail(p->j, "unknown tag '%.*s'", (int)(tag->n < 60 ? tag->n : 60), tag->text);
done:
    return status;
}

graft_status graft_j__parse(graft_jinja *j, const graft_jtokens *tokens, graft_jtree *out)
{
    graft_jparser p = {.j = j, .at = tokens->items};
    graft_jnodes body = {0};
    graft_map_init(&p.names);
    *out = (graft_jtree){0};
    j->line = p.at->line;
    graft_status status = parse_body(&p, NULL, 1, &body);
    out->items = body.items;
    out->n_items = body.n;
    graft_map_clear(&p.names);
    return status;
}
