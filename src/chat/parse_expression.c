/* chat/parse_expression.c - the grammar of expressions, from loose to tight:
 *
 *   a if b else c / or / and / not / comparisons, in / + - / ~ / * / // % / ** / unary, then
 *   .attribute [item] (call) and behind those |filter and `is` test. */
#include <string.h>

#include "chat/parser.h"

static graft_status parse_unary(graft_jparser *p, bool with_filter, graft_jnode **out);

/* ---- operators ---- */

typedef graft_status parse_function(graft_jparser *p, graft_jnode **out);

static graft_status binary(graft_jparser *p, graft_jeval *eval, graft_joperator *operate,
                           uint32_t line, parse_function *parse_right, graft_jnode **left)
{
    graft_status status = GRAFT_OK;
    graft_jnode *node, *right;
    GRAFT_TRY(parse_right(p, &right));
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, eval, line, &node));
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
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_concat, line, out));
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
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, NULL, line, &node));
        node->compare = compare;
        GRAFT_TRY(parse_sum(p, &node->a));
        GRAFT_TRY(graft_jparse__push(p, &operands, node));
    }
    if (operands.n > 0) {
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_compare, line, &node));
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
    GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_not, line, out));
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
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_CONDITIONAL, graft_j__eval_conditional, line, &node));
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

static graft_status parse_unary(graft_jparser *p, bool with_filter, graft_jnode **out)
{
    graft_status status = GRAFT_OK;
    uint32_t line = p->at->line;
    bool minus = graft_jparse__is(p, GRAFT_T_SUB);
    GRAFT_TRY(graft_j__enter(p->j));
    if (minus || graft_jparse__is(p, GRAFT_T_ADD)) {
        graft_jparse__advance(p);
        GRAFT_TRY(graft_jparse__expression_node(p, GRAFT_N_EXPRESSION, graft_j__eval_sign, line, out));
        (*out)->negated = minus;
        GRAFT_TRY(parse_unary(p, false, &(*out)->a));
    } else {
        GRAFT_TRY(graft_jparse__primary(p, out));
    }
    GRAFT_TRY(graft_jparse__postfix(p, out));
    if (with_filter) {
        GRAFT_TRY(graft_jparse__filters_and_tests(p, out));
    }
    graft_j__leave(p->j);
done:
    return status;
}
