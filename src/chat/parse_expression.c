/* chat/parse_expression.c - the grammar of expressions, from loose to tight:
 *
 *   a if b else c / or / and / not / comparisons, in / + - / ~ / * / // % / ** / unary, then
 *   .attribute [item] (call) and behind those |filter and `is` test. */
#include <string.h>

#include "chat/parser.h"

static graft_status parse_unary(graft_jparser *p, bool with_filter, graft_jnode **out);
static graft_status parse_primary(graft_jparser *p, graft_jnode **out);

static graft_status new_expression(graft_jparser *p, graft_jnode_kind kind, graft_jeval *eval,
                                   uint32_t line, graft_jnode **out)
{
    graft_status status = graft_jparse__node(p, kind, out);
    if (status == GRAFT_OK) {
        (*out)->eval = eval;
        (*out)->line = line;
    }
    return status;
}

/* ---- operators ---- */

typedef graft_status parse_function(graft_jparser *p, graft_jnode **out);

static graft_status binary(graft_jparser *p, graft_jeval *eval, graft_joperator *operate,
                           uint32_t line, parse_function *parse_right, graft_jnode **left)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node, *right;
    GRAFT_TRY(parse_right(p, &right));
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, eval, line, &node));
    node->a = *left;
    node->b = right;
    node->operate = operate;
    *left = node;
done:
    return status;
}

static graft_status parse_filtered_unary(graft_jparser *p, graft_jnode **out)
{
    return parse_unary(p, true, out);
}

/* Left-associative operators of one rank. Long chains are loops, not recursion, here; they are
 * bounded where the tree is walked. */
typedef struct rank_row {
    graft_jtoken_kind token;
    graft_joperator *operate;
} rank_row;

static graft_status parse_rank(graft_jparser *p, const rank_row *rows, parse_function *tighter,
                               graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(tighter(p, out));
    for (;;) {
        const rank_row *row = rows;
        while (row->operate != NULL && !graft_jparse__is(p, row->token)) {
            row++;
        }
        if (row->operate == NULL) {
            break;
        }
        uint32_t line = p->at->line;
        graft_jparse__advance(p);
        GRAFT_TRY(binary(p, graft_j__eval_binary, row->operate, line, tighter, out));
    }
done:
    return status;
}

static graft_status parse_power(graft_jparser *p, graft_jnode **out)
{
    static const rank_row rows[] = {{GRAFT_T_POW, graft_j__power}, {GRAFT_T_EOF, NULL}};
    return parse_rank(p, rows, parse_filtered_unary, out);
}

static graft_status parse_product(graft_jparser *p, graft_jnode **out)
{
    static const rank_row rows[] = {{GRAFT_T_MUL, graft_j__multiply},
                                    {GRAFT_T_DIV, graft_j__divide},
                                    {GRAFT_T_FLOORDIV, graft_j__floor_divide},
                                    {GRAFT_T_MOD, graft_j__modulo},
                                    {GRAFT_T_EOF, NULL}};
    return parse_rank(p, rows, parse_power, out);
}

static graft_status parse_concat(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes parts = {0};
    uint32_t line = p->at->line;
    graft_jnode *part;
    GRAFT_TRY(parse_product(p, out));
    if (!graft_jparse__is(p, GRAFT_T_TILDE)) {
        goto done;
    }
    GRAFT_TRY(graft_jparse__push(p, &parts, *out));
    while (graft_jparse__skip(p, GRAFT_T_TILDE)) {
        GRAFT_TRY(parse_product(p, &part));
        GRAFT_TRY(graft_jparse__push(p, &parts, part));
    }
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_concat, line, out));
    (*out)->items = parts.items;
    (*out)->n_items = parts.n;
done:
    return status;
}

static graft_status parse_sum(graft_jparser *p, graft_jnode **out)
{
    static const rank_row rows[] = {{GRAFT_T_ADD, graft_j__add_values},
                                    {GRAFT_T_SUB, graft_j__subtract},
                                    {GRAFT_T_EOF, NULL}};
    return parse_rank(p, rows, parse_concat, out);
}

/* The comparison at hand, skipped, or NULL. */
static graft_jcompare *skip_comparison(graft_jparser *p)
{
    static const struct {
        graft_jtoken_kind token;
        graft_jcompare *compare;
    } rows[] = {{GRAFT_T_EQ, graft_j__is_equal},      {GRAFT_T_NE, graft_j__is_not_equal},
                {GRAFT_T_LT, graft_j__is_less},       {GRAFT_T_LTEQ, graft_j__is_less_equal},
                {GRAFT_T_GT, graft_j__is_greater},    {GRAFT_T_GTEQ, graft_j__is_greater_equal}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (graft_jparse__skip(p, rows[i].token)) {
            return rows[i].compare;
        }
    }
    if (graft_jparse__skip_word(p, "in")) {
        return graft_j__is_in;
    }
    if (graft_jparse__is_word(p, "not") && p->at[1].kind == GRAFT_T_NAME && p->at[1].n == 2 &&
        memcmp(p->at[1].text, "in", 2) == 0) {
        graft_jparse__advance(p);
        graft_jparse__advance(p);
        return graft_j__is_not_in;
    }
    return NULL;
}

static graft_status parse_comparison(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes operands = {0};
    graft_jcompare *compare;
    uint32_t line = p->at->line;
    graft_jnode *node;
    GRAFT_TRY(parse_sum(p, out));
    while ((compare = skip_comparison(p)) != NULL) {
        GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, NULL, line, &node));
        node->compare = compare;
        GRAFT_TRY(parse_sum(p, &node->a));
        GRAFT_TRY(graft_jparse__push(p, &operands, node));
    }
    if (operands.n > 0) {
        GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_compare, line, &node));
        node->a = *out;
        node->items = operands.items;
        node->n_items = operands.n;
        *out = node;
    }
done:
    return status;
}

static graft_status parse_not(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    uint32_t line = p->at->line;
    if (!graft_jparse__skip_word(p, "not")) {
        return parse_comparison(p, out);
    }
    GRAFT_TRY(graft_j__enter(p->j));
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_not, line, out));
    status = parse_not(p, &(*out)->a);
    graft_j__leave(p->j);
done:
    return status;
}

static graft_status parse_and(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(parse_not(p, out));
    for (uint32_t line = p->at->line; graft_jparse__skip_word(p, "and"); line = p->at->line) {
        GRAFT_TRY(binary(p, graft_j__eval_and, NULL, line, parse_not, out));
    }
done:
    return status;
}

static graft_status parse_or(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(parse_and(p, out));
    for (uint32_t line = p->at->line; graft_jparse__skip_word(p, "or"); line = p->at->line) {
        GRAFT_TRY(binary(p, graft_j__eval_or, NULL, line, parse_and, out));
    }
done:
    return status;
}

static graft_status parse_conditional(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    uint32_t line = p->at->line;
    graft_jnode *node;
    GRAFT_TRY(graft_j__enter(p->j));
    GRAFT_TRY(parse_or(p, out));
    while (graft_jparse__skip_word(p, "if")) {
        GRAFT_TRY(new_expression(p, GRAFT_N_CONDITIONAL, graft_j__eval_conditional, line, &node));
        node->b = *out;
        GRAFT_TRY(parse_or(p, &node->a));
        if (graft_jparse__skip_word(p, "else")) {
            GRAFT_TRY(parse_conditional(p, &node->c));
        }
        *out = node;
    }
    graft_j__leave(p->j);
done:
    return status;
}

graft_status graft_jparse__expression(graft_jparser *p, bool with_conditional, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    if (with_conditional) {
        return parse_conditional(p, out);
    }
    GRAFT_TRY(graft_j__enter(p->j));
    status = parse_or(p, out);
    graft_j__leave(p->j);
done:
    return status;
}

/* ---- calls, filters, tests ---- */

static graft_status parse_keyword(graft_jparser *p, graft_jnodes *keywords)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node;
    GRAFT_TRY(new_expression(p, GRAFT_N_KEYWORD, NULL, p->at->line, &node));
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
    GRAFT_TRY(new_expression(p, GRAFT_N_CALL, graft_j__eval_call, p->at->line, &node));
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
        GRAFT_TRY(new_expression(p, GRAFT_N_FILTER, graft_j__eval_filter, p->at->line, &node));
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

static graft_status parse_postfix(graft_jparser *p, graft_jnode **node);

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
    GRAFT_TRY(new_expression(p, GRAFT_N_TEST, graft_j__eval_test, p->at->line, &node));
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
        GRAFT_TRY(parse_primary(p, &argument));
        GRAFT_TRY(parse_postfix(p, &argument));
        GRAFT_TRY(graft_jparse__push(p, &values, argument));
        node->items = values.items;
        node->n_items = values.n;
    }
    *subject = node;
    if (negated) {
        GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_not, node->line, subject));
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
    GRAFT_TRY(new_expression(p, GRAFT_N_SLICE, NULL, p->at->line, &node));
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
        GRAFT_TRY(new_expression(p, GRAFT_N_TUPLE, graft_j__eval_tuple, line, &key));
        key->items = keys.items;
        key->n_items = keys.n;
    }
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION,
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
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_attribute, p->at->line, &node));
    node->a = *subject;
    if (graft_jparse__is(p, GRAFT_T_NAME)) {
        node->member = p->at->text;
        node->n_member = p->at->n;
    } else if (graft_jparse__is(p, GRAFT_T_INTEGER)) {
        node->eval = graft_j__eval_item;
        GRAFT_TRY(new_expression(p, GRAFT_N_CONST, graft_j__eval_const, p->at->line, &node->b));
        node->b->value = p->at->value;
    } else {
        return graft_j__fail(p->j, "expected name or number behind \".\"");
    }
    graft_jparse__advance(p);
    *subject = node;
done:
    return status;
}

static graft_status parse_postfix(graft_jparser *p, graft_jnode **node)
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

static graft_status parse_filters_and_tests(graft_jparser *p, graft_jnode **node)
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

static graft_status parse_unary(graft_jparser *p, bool with_filter, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    uint32_t line = p->at->line;
    bool minus = graft_jparse__is(p, GRAFT_T_SUB);
    GRAFT_TRY(graft_j__enter(p->j));
    if (minus || graft_jparse__is(p, GRAFT_T_ADD)) {
        graft_jparse__advance(p);
        GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_sign, line, out));
        (*out)->negated = minus;
        GRAFT_TRY(parse_unary(p, false, &(*out)->a));
    } else {
        GRAFT_TRY(parse_primary(p, out));
    }
    GRAFT_TRY(parse_postfix(p, out));
    if (with_filter) {
        GRAFT_TRY(parse_filters_and_tests(p, out));
    }
    graft_j__leave(p->j);
done:
    return status;
}

/* ---- literals ---- */

static graft_status parse_list(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    graft_jnodes items = {0};
    graft_jnode *item;
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_list, p->at->line, out));
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
    GRAFT_TRY(new_expression(p, GRAFT_N_EXPRESSION, graft_j__eval_dict, p->at->line, out));
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
        GRAFT_TRY(new_expression(p, GRAFT_N_CONST, graft_j__eval_const, token->line, out));
        (*out)->value = value;
        goto done;
    }
    GRAFT_TRY(new_expression(p, GRAFT_N_NAME, graft_j__eval_name, token->line, out));
    status = graft_jparse__name(p, token->text, token->n, &(*out)->name);
done:
    return status;
}

static graft_status parse_primary(graft_jparser *p, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    switch (p->at->kind) {
    case GRAFT_T_NAME:
        return parse_name(p, out);
    case GRAFT_T_STRING:
        GRAFT_TRY(new_expression(p, GRAFT_N_CONST, graft_j__eval_const, p->at->line, out));
        return parse_string(p, *out);
    case GRAFT_T_INTEGER:
    case GRAFT_T_FLOAT:
        GRAFT_TRY(new_expression(p, GRAFT_N_CONST, graft_j__eval_const, p->at->line, out));
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
    GRAFT_TRY(new_expression(p, GRAFT_N_TUPLE, graft_j__eval_tuple, line, out));
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
    status = parse_primary(p, out);
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
    GRAFT_TRY(parse_tuple_of(p, with_members ? parse_member_target : parse_primary, false, end,
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
