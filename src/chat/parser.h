/* chat/parser.h - what the two halves of the parser share. Room-internal. */
#ifndef GRAFT_CHAT_PARSER_H
#define GRAFT_CHAT_PARSER_H

#include "chat/eval.h"
#include "core/map.h"

typedef struct graft_jnodes { /* a growing list */
    graft_jnode **items;
    size_t n, capacity;
} graft_jnodes;

typedef struct graft_jparser {
    graft_jinja *j;
    const graft_jtoken *at;
    graft_map names; /* spelling to graft_jname */
} graft_jparser;

/* Fails with "expected X, got Y" unless the token is a `kind` (or the name `word`). */
graft_status graft_jparse__expect(graft_jparser *p, graft_jtoken_kind kind);
graft_status graft_jparse__expect_word(graft_jparser *p, const char *word);
bool graft_jparse__is(const graft_jparser *p, graft_jtoken_kind kind);
bool graft_jparse__is_word(const graft_jparser *p, const char *word);
bool graft_jparse__skip(graft_jparser *p, graft_jtoken_kind kind);
bool graft_jparse__skip_word(graft_jparser *p, const char *word);
/* "unexpected X" for the token at hand. */
graft_status graft_jparse__unexpected(graft_jparser *p);
void graft_jparse__advance(graft_jparser *p);

graft_status graft_jparse__node(graft_jparser *p, graft_jnode_kind kind, graft_jnode **out);
graft_status graft_jparse__expression_node(graft_jparser *p, graft_jnode_kind kind,
                                           graft_jeval *eval, uint32_t line, graft_jnode **out);
graft_status graft_jparse__push(graft_jparser *p, graft_jnodes *list, graft_jnode *node);
graft_status graft_jparse__name(graft_jparser *p, const char *text, size_t n, graft_jname **out);

/* What ends a tuple without brackets, besides the end of the tag and ")". */
typedef enum graft_jtuple_end { GRAFT_J_TUPLE_PLAIN, GRAFT_J_TUPLE_TARGET, GRAFT_J_TUPLE_ITER } graft_jtuple_end;

/* parse_expression.c */
graft_status graft_jparse__expression(graft_jparser *p, bool with_conditional, graft_jnode **out);

/* parse_postfix.c: extend *node by what follows. */
graft_status graft_jparse__postfix(graft_jparser *p, graft_jnode **node);
graft_status graft_jparse__filters_and_tests(graft_jparser *p, graft_jnode **node);
/* A filter chain behind `subject` (NULL: of a filter block); `inline_start`: without the first "|". */
graft_status graft_jparse__filters(graft_jparser *p, graft_jnode *subject, bool inline_start,
                                   graft_jnode **out);

/* parse_primary.c */
graft_status graft_jparse__primary(graft_jparser *p, graft_jnode **out);
/* One expression, or a tuple where a comma follows. */
graft_status graft_jparse__tuple(graft_jparser *p, bool with_conditional, graft_jtuple_end end,
                                 bool in_brackets, graft_jnode **out);
/* What can be assigned to: names, tuples of them and, if allowed, members of namespaces. */
graft_status graft_jparse__target(graft_jparser *p, graft_jtuple_end end, bool with_members,
                                  graft_jnode **out);
graft_status graft_jparse__target_name(graft_jparser *p, graft_jnode **out);

#endif
