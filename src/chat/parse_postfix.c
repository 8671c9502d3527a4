/* chat/parse_postfix.c - what follows an operand: .attribute, [item], (call), |filter, is test. */
#include <string.h>

#include "chat/parser.h"

/* ---- calls, filters, tests ---- */

static graft_status parse_keyword(graft_jparser *p, graft_jnodes *keywords)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_KEYWORD, NULL, p->at->line, &node));
    node->member = p->at->text;
    node->n_member = p->at->n;
    graft_jparse__advance(p);
    graft_jparse__advance(p);
    GRAFT_TRY(graft_jparse__expression(p, true, &node->a));
    status = graft_jparse__push(p, keywords, node);
done:
    return status;
}

/* (a, b, key=c, *args, **kwargs) into a CALL, FILTER or TEST node. */
static graft_status parse_arguments(graft_jparser *p, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    graft_jnodes values = {0}, keywords = {0};
    graft_jnode *value;
    bool comma = false;
    GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_LPAREN));
    while (!graft_jparse__is(p, GRAFT_T_RPAREN)) {
        bool ordered = true;
        if (comma) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
            if (graft_jparse__is(p, GRAFT_T_RPAREN)) {
                break;
            }
        }
        comma = true;
        if (graft_jparse__skip(p, GRAFT_T_MUL)) {
            ordered = node->b == NULL && node->c == NULL;
            GRAFT_TRY(graft_jparse__expression(p, true, &node->b));
        } else if (graft_jparse__skip(p, GRAFT_T_POW)) {
            ordered = node->c == NULL;
            GRAFT_TRY(graft_jparse__expression(p, true, &node->c));
        } else if (graft_jparse__is(p, GRAFT_T_NAME) && p->at[1].kind == GRAFT_T_ASSIGN) {
            ordered = node->c == NULL;
            GRAFT_TRY(parse_keyword(p, &keywords));
        } else {
            ordered = node->b == NULL && node->c == NULL && keywords.n == 0;
            GRAFT_TRY(graft_jparse__expression(p, true, &value));
            GRAFT_TRY(graft_jparse__push(p, &values, value));
        }
        if (!ordered) {
            return graft_j__fail(p->j, "invalid syntax for function call expression");
        }
    }
    GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_RPAREN));
    node->items = values.items;
    node->n_items = values.n;
    node->more = keywords.items;
    node->n_more = keywords.n;
done:
    return status;
}

static graft_status parse_call(graft_jparser *p, graft_jnode **subject)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_CALL, graft_j__eval_call, p->at->line, &node));
    node->a = *subject;
    GRAFT_TRY(parse_arguments(p, node));
    *subject = node;
done:
    return status;
}

/* The name of a filter or test, which may have dots. */
static graft_status parse_dotted_name(graft_jparser *p, graft_jnode *node)
{
    graft_status status = GRAFT_OK;
    const graft_jtoken *token = p->at;
    GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_NAME));
    node->member = token->text;
    node->n_member = token->n;
    while (graft_jparse__skip(p, GRAFT_T_DOT)) {
        const char *joined;
        token = p->at;
        GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_NAME));
        GRAFT_TRY(graft_j__format(p->j, &joined, "%.*s.%.*s", (int)node->n_member, node->member,
                                  (int)token->n, token->text));
        node->member = joined;
        node->n_member += 1 + token->n;
    }
done:
    return status;
}

graft_status graft_jparse__filters(graft_jparser *p, graft_jnode *subject, bool inline_start,
                                   graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    *out = subject;
    while (inline_start || graft_jparse__skip(p, GRAFT_T_PIPE)) {
        graft_jnode *node;
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_FILTER, graft_j__eval_filter, p->at->line, &node));
        GRAFT_TRY(parse_dotted_name(p, node));
        const graft_jfilter *filter = graft_j__find_filter(node->member, node->n_member);
        node->row = filter;
        node->a = *out;
        if (filter != NULL && filter->run == NULL) {
            return graft_j__fail(p->j, "the filter '%s' is not supported", filter->name);
        }
        if (graft_jparse__is(p, GRAFT_T_LPAREN)) {
            GRAFT_TRY(parse_arguments(p, node));
        }
        *out = node;
        inline_start = false;
    }
done:
    return status;
}

/* What may follow `is name` as its one argument without brackets. */
static bool begins_test_argument(const graft_jparser *p)
{
    switch (p->at->kind) {
    case GRAFT_T_NAME:
        return !graft_jparse__is_word(p, "else") && !graft_jparse__is_word(p, "or") &&
               !graft_jparse__is_word(p, "and");
    case GRAFT_T_STRING:
    case GRAFT_T_INTEGER:
    case GRAFT_T_FLOAT:
    case GRAFT_T_LBRACKET:
    case GRAFT_T_LBRACE:
        return true;
    default:
        return false;
    }
}

static graft_status parse_test(graft_jparser *p, graft_jnode **subject)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node, *argument;
    graft_jnodes values = {0};
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_TEST, graft_j__eval_test, p->at->line, &node));
    bool negated = graft_jparse__skip_word(p, "not");
    GRAFT_TRY(parse_dotted_name(p, node));
    node->row = graft_j__find_test(node->member, node->n_member);
    node->a = *subject;
    if (graft_jparse__is(p, GRAFT_T_LPAREN)) {
        GRAFT_TRY(parse_arguments(p, node));
    } else if (begins_test_argument(p)) {
        if (graft_jparse__is_word(p, "is")) {
            return graft_j__fail(p->j, "You cannot chain multiple tests with is");
        }
        GRAFT_TRY(graft_jparse__primary(p, &argument));
        GRAFT_TRY(graft_jparse__postfix(p, &argument));
        GRAFT_TRY(graft_jparse__push(p, &values, argument));
        node->items = values.items;
        node->n_items = values.n;
    }
    *subject = node;
    if (negated) {
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_not, node->line, subject));
        (*subject)->a = node;
    }
done:
    return status;
}

/* ---- subscripts ---- */

/* The parts of [start:stop:step], the first already parsed (NULL: left out). */
static graft_status parse_slice_rest(graft_jparser *p, graft_jnode *first, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_SLICE, NULL, p->at->line, &node));
    node->a = first;
    graft_jnode **parts[2] = {&node->b, &node->c};
    for (size_t i = 0; i < 2 && graft_jparse__skip(p, GRAFT_T_COLON); i++) {
        if (!graft_jparse__is(p, GRAFT_T_COLON) && !graft_jparse__is(p, GRAFT_T_RBRACKET) &&
            !graft_jparse__is(p, GRAFT_T_COMMA)) {
            GRAFT_TRY(graft_jparse__expression(p, true, parts[i]));
        }
    }
    *out = node;
done:
    return status;
}

static graft_status parse_subscribed(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    if (graft_jparse__is(p, GRAFT_T_COLON)) {
        return parse_slice_rest(p, NULL, out);
    }
    GRAFT_TRY(graft_jparse__expression(p, true, out));
    if (graft_jparse__is(p, GRAFT_T_COLON)) {
        status = parse_slice_rest(p, *out, out);
    }
done:
    return status;
}

static graft_status parse_brackets(graft_jparser *p, graft_jnode **subject)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node, *key;
    graft_jnodes keys = {0};
    uint32_t line = p->at->line;
    graft_jparse__advance(p);
    while (!graft_jparse__is(p, GRAFT_T_RBRACKET)) {
        if (keys.n > 0) {
            GRAFT_TRY(graft_jparse__expect(p, GRAFT_T_COMMA));
        }
        GRAFT_TRY(parse_subscribed(p, &key));
        GRAFT_TRY(graft_jparse__push(p, &keys, key));
        if (keys.n > 1 && (key->kind == GRAFT_N_SLICE || keys.items[0]->kind == GRAFT_N_SLICE)) {
            return graft_j__fail(p->j, "slices in a tuple of subscripts are not supported");
        }
    }
    graft_jparse__advance(p);
    if (keys.n != 1) {
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_TUPLE, graft_j__eval_tuple, line, &key));
        key->items = keys.items;
        key->n_items = keys.n;
    }
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION,
                             key->kind == GRAFT_N_SLICE ? graft_j__eval_slice : graft_j__eval_item,
                             line, &node));
    node->a = *subject;
    node->b = key;
    *subject = node;
done:
    return status;
}

static graft_status parse_dot(graft_jparser *p, graft_jnode **subject)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    graft_jparse__advance(p);
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_attribute, p->at->line, &node));
    node->a = *subject;
    if (graft_jparse__is(p, GRAFT_T_NAME)) {
        node->member = p->at->text;
        node->n_member = p->at->n;
    } else if (graft_jparse__is(p, GRAFT_T_INTEGER)) {
        node->eval = graft_j__eval_item;
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_CONST, graft_j__eval_const, p->at->line, &node->b));
        node->b->value = p->at->value;
    } else {
        return graft_j__fail(p->j, "expected name or number behind \".\"");
    }
    graft_jparse__advance(p);
    *subject = node;
done:
    return status;
}

graft_status graft_jparse__postfix(graft_jparser *p, graft_jnode **node)
{
    graft_status status = GRAFT_OK;
    for (;;) {
        if (graft_jparse__is(p, GRAFT_T_DOT)) {
            GRAFT_TRY(parse_dot(p, node));
        } else if (graft_jparse__is(p, GRAFT_T_LBRACKET)) {
            GRAFT_TRY(parse_brackets(p, node));
        } else if (graft_jparse__is(p, GRAFT_T_LPAREN)) {
            GRAFT_TRY(parse_call(p, node));
        } else {
            break;
        }
    }
done:
    return status;
}

graft_status graft_jparse__filters_and_tests(graft_jparser *p, graft_jnode **node)
{
    graft_status status = GRAFT_OK;
    for (;;) {
        if (graft_jparse__is(p, GRAFT_T_PIPE)) {
            GRAFT_TRY(graft_jparse__filters(p, *node, false, node));
        } else if (graft_jparse__skip_word(p, "is")) {
            GRAFT_TRY(parse_test(p, node));
        } else if (graft_jparse__is(p, GRAFT_T_LPAREN)) {
            GRAFT_TRY(parse_call(p, node));
        } else {
            break;
        }
    }
done:
    return status;
}
