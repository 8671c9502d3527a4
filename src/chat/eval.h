/* chat/eval.h - how each kind of node is computed or run; the parser puts these into the tree.
 *
 * Room-internal. Which fields of the node a function reads stands in ast.h. */
#ifndef GRAFT_CHAT_EVAL_H
#define GRAFT_CHAT_EVAL_H

#include "chat/jinja.h"

/* Expressions (eval.c). */
graft_jeval graft_j__eval_const, graft_j__eval_name, graft_j__eval_tuple, graft_j__eval_list,
    graft_j__eval_dict, graft_j__eval_binary, graft_j__eval_sign, graft_j__eval_and,
    graft_j__eval_or, graft_j__eval_not, graft_j__eval_compare, graft_j__eval_concat,
    graft_j__eval_attribute, graft_j__eval_item, graft_j__eval_slice, graft_j__eval_call,
    graft_j__eval_filter, graft_j__eval_test, graft_j__eval_conditional;

/* Statements (exec.c; for: exec_loop.c). */
graft_jexec graft_j__exec_output, graft_j__exec_if, graft_j__exec_set, graft_j__exec_set_block,
    graft_j__exec_macro, graft_j__exec_call_block, graft_j__exec_filter_block, graft_j__exec_with,
    graft_j__exec_scope, graft_j__exec_jump;

/* Arguments of a call, filter or test node; what *out points to lives in j. */
graft_status graft_j__eval_args(graft_jinja *j, const graft_jnode *node, graft_jargs *out);

#endif
