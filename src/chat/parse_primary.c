/* chat/parse_primary.c - literals, names, tuples, and what can be assigned to. */
#include <string.h>

#include "chat/parser.h"

static graft_status parse_list(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes items = {0};
    graft_jnode *item;
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_list, p->at->line, out));
    graft_jparse__advance(p);
    while (!graft_jparse__is(p, GRAFT_T_RBRACKET)) {
        if (items.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        if (graft_jparse__is(p, GRAFT_T_RBRACKET)) {
            break;
        }
        GRAFT_TRY(graft_jparse__expression(p, true, &item));
        GRAFT_TRY(graft_jparse__push(p, &items, item));
    }
    graft_jparse__advance(p);
    (*out)->items = items.items;
    (*out)->n_items = items.n;
done:
    return status;
}

static graft_status parse_dict(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes keys = {0}, values = {0};
    graft_jnode *node;
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_dict, p->at->line, out));
    graft_jparse__advance(p);
    while (!graft_jparse__is(p, GRAFT_T_RBRACE)) {
        if (keys.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        if (graft_jparse__is(p, GRAFT_T_RBRACE)) {
            break;
        }
        GRAFT_TRY(graft_jparse__expression(p, true, &node));
        GRAFT_TRY(graft_jparse__push(p, &keys, node));
        GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COLON));
        GRAFT_TRY(graft_jparse__expression(p, true, &node));
        GRAFT_TRY(graft_jparse__push(p, &values, node));
    }
    graft_jparse__advance(p);
    (*out)->items = keys.items;
    (*out)->n_items = keys.n;
    (*out)->more = values.items;
    (*out)->n_more = values.n;
done:
    return status;
}

/* Neighbouring string literals are one. */
static graft_status parse_string(graft_jparser *p, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    node->value = p->at->value;
    if (p->at[1].kind != GRAFT_T_STRING) {
        graft_jparse__advance(p);
        return GRAFT_OK;
    }
    for (; graft_jparse__is(p, GRAFT_T_STRING); graft_jparse__advance(p)) {
        GRAFT_TRY(graft_j__add_string(p->j, &buffer, p->at->value.u.s));
    }
    status = graft_j__finish(p->j, &buffer, &node->value);
done:
    return status;
}

static bool constant_word(const graft_jtoken *token, graft_jvalue *out)
{
    static const struct {
        const char *word;
        int value; /* -1: none */
    } words[] = {{"true", 1}, {"True", 1}, {"false", 0}, {"False", 0}, {"none", -1}, {"None", -1}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].word) == token->n && memcmp(words[i].word, token->text, token->n) == 0) {
            *out = words[i].value < 0 ? graft_j__none : graft_j__bool(words[i].value != 0);
            return true;
        }
    }
    return false;
}

static graft_status parse_name(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    const graft_jtoken *token = p->at;
    graft_jvalue value;
    graft_jparse__advance(p);
    if (constant_word(token, &value)) {
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_CONST, graft_j__eval_const, token->line, out));
        (*out)->value = value;
        goto done;
    }
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_NAME, graft_j__eval_name, token->line, out));
    status = graft_jparse__name(p, token->text, token->n, &(*out)->name);
done:
    return status;
}

graft_status graft_jparse__primary(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    switch (p->at->kind) {
    case GRAFT_T_NAME:
        return parse_name(p, out);
    case GRAFT_T_STRING:
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_CONST, graft_j__eval_const, p->at->line, out));
        return parse_string(p, *out);
    case GRAFT_T_INTEGER:
    case GRAFT_T_FLOAT:
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_CONST, graft_j__eval_const, p->at->line, out));
        (*out)->value = p->at->value;
        graft_jparse__advance(p);
        return GRAFT_OK;
    case GRAFT_T_LPAREN:
        graft_jparse__advance(p);
        GRAFT_TRY(graft_jparse__tuple(p, true, GRAFT_J_TUPLE_PLAIN, true, out));
        return graft_jparse__expect(p, GRAFT_T_RPAREN);
    case GRAFT_T_LBRACKET:
        return parse_list(p, out);
    case GRAFT_T_LBRACE:
        return parse_dict(p, out);
    default:
        return graft_jparse__unexpected(p);
    }
done:
    return status;
}

/* ---- tuples and targets ---- */

static bool tuple_ends(const graft_jparser *p, graft_jtuple_end end)
{
    return graft_jparse__is(p, GRAFT_T_VARIABLE_END) || graft_jparse__is(p, GRAFT_T_BLOCK_END) ||
           graft_jparse__is(p, GRAFT_T_RPAREN) ||
           (end == GRAFT_J_TUPLE_TARGET && graft_jparse__is_word(p, "in")) ||
           (end == GRAFT_J_TUPLE_ITER && graft_jparse__is_word(p, "recursive"));
}

typedef graft_status parse_function(graft_jparser *p, graft_jnode **out);

/* item NULL: full expressions; otherwise the parser of one item. */
static graft_status parse_tuple_of(graft_jparser *p, parse_function *item, bool with_conditional,
                                   graft_jtuple_end end, bool in_brackets, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes items = {0};
    graft_jnode *node;
    bool is_tuple = false;
    uint32_t line = p->at->line;
    for (;;) {
        if (items.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        if (tuple_ends(p, end)) {
            break;
        }
        GRAFT_TRY(item != NULL ? item(p, &node)
                               : graft_jparse__expression(p, with_conditional, &node));
        GRAFT_TRY(graft_jparse__push(p, &items, node));
        if (!graft_jparse__is(p, GRAFT_T_COMMA)) {
            break;
        }
        is_tuple = true;
    }
    if (!is_tuple && items.n > 0) {
        *out = items.items[0];
        goto done;
    }
    if (!is_tuple && !in_brackets) {
        return graft_jparse__unexpected(p);
    }
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_TUPLE, graft_j__eval_tuple, line, out));
    (*out)->items = items.items;
    (*out)->n_items = items.n;
done:
    return status;
}

graft_status graft_jparse__tuple(graft_jparser *p, bool with_conditional, graft_jtuple_end end,
                                 bool in_brackets, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__enter(p->j));
    status = parse_tuple_of(p, NULL, with_conditional, end, in_brackets, out);
    graft_j__leave(p->j);
done:
    return status;
}

static graft_status parse_member_target(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    if (graft_jparse__is(p, GRAFT_T_NAME) && p->at[1].kind == GRAFT_T_DOT) {
        GRAFT_TRY(graft_jparse__node(p, GRAFT_N_MEMBER_STORE, out));
        GRAFT_TRY(graft_jparse__name(p, p->at->text, p->at->n, &(*out)->name));
        graft_jparse__advance(p);
        graft_jparse__advance(p);
        (*out)->member = p->at->text;
        (*out)->n_member = p->at->n;
        return graft_jparse__expect(p, GRAFT_T_NAME);
    }
    status = graft_jparse__primary(p, out);
done:
    return status;
}

/* Turns what was parsed as an expression into what is assigned to. */
static graft_status make_store(graft_jparser *p, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    if (node->kind == GRAFT_N_NAME) {
        node->kind = GRAFT_N_STORE;
    } else if (node->kind == GRAFT_N_TUPLE) {
        for (size_t i = 0; i < node->n_items; i++) {
            GRAFT_TRY(make_store(p, node->items[i]));
        }
    } else if (node->kind != GRAFT_N_MEMBER_STORE) {
        p->j->line = node->line;
        return graft_j__fail(p->j, "this cannot be assigned to");
    }
done:
    return status;
}

graft_status graft_jparse__target(graft_jparser *p, graft_jtuple_end end, bool with_members,
                                  graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(parse_tuple_of(p, with_members ? parse_member_target : graft_jparse__primary, false, end,
                             false, out));
    status = make_store(p, *out);
done:
    return status;
}

graft_status graft_jparse__target_name(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    if (!graft_jparse__is(p, GRAFT_T_NAME)) {
        return graft_jparse__expect(p, GRAFT_T_NAME);
    }
    GRAFT_TRY(parse_name(p, out));
    status = make_store(p, *out);
done:
    return status;
}
