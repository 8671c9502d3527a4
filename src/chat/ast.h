/* chat/ast.h - tokens and the tree of a template. Room-internal. */
#ifndef GRAFT_CHAT_AST_H
#define GRAFT_CHAT_AST_H

#include "chat/value.h"

/* ---- tokens (lexer.c) ---- */

typedef enum graft_jtoken_kind {
    GRAFT_T_EOF, GRAFT_T_DATA, GRAFT_T_VARIABLE_BEGIN, GRAFT_T_VARIABLE_END, GRAFT_T_BLOCK_BEGIN,
    GRAFT_T_BLOCK_END, GRAFT_T_NAME, GRAFT_T_STRING, GRAFT_T_INTEGER, GRAFT_T_FLOAT,
    GRAFT_T_ADD, GRAFT_T_SUB, GRAFT_T_DIV, GRAFT_T_FLOORDIV, GRAFT_T_MUL, GRAFT_T_MOD, GRAFT_T_POW,
    GRAFT_T_TILDE, GRAFT_T_LBRACKET, GRAFT_T_RBRACKET, GRAFT_T_LPAREN, GRAFT_T_RPAREN,
    GRAFT_T_LBRACE, GRAFT_T_RBRACE, GRAFT_T_EQ, GRAFT_T_NE, GRAFT_T_GT, GRAFT_T_GTEQ, GRAFT_T_LT,
    GRAFT_T_LTEQ, GRAFT_T_ASSIGN, GRAFT_T_DOT, GRAFT_T_COLON, GRAFT_T_PIPE, GRAFT_T_COMMA,
    GRAFT_T_SEMICOLON
} graft_jtoken_kind;

typedef struct graft_jtoken {
    graft_jtoken_kind kind;
    uint32_t line;
    const char *text; /* DATA, NAME: the bytes; others: as written */
    size_t n;
    graft_jvalue value; /* STRING, INTEGER, FLOAT */
} graft_jtoken;

typedef struct graft_jtokens {
    graft_jtoken *items; /* the last one is EOF */
    size_t n, capacity;
} graft_jtokens;

/* Source with \n as its only line end and without a last one, cut into tokens by Jinja's rules
 * for trim_blocks and lstrip_blocks. Everything lives in j; so must `source`. */
graft_status graft_j__tokenize(graft_jinja *j, const char *source, size_t n, graft_jtokens *out);
const char *graft_j__token_name(graft_jtoken_kind kind);

/* ---- names and frames (scope.c) ---- */

struct graft_jsymbol;
typedef struct graft_jname { /* one per spelling */
    const char *text;
    size_t n;
    struct graft_jsymbol *binding; /* while names are resolved: the innermost frame that has it */
} graft_jname;

/* What a frame does to a slot when it is entered. */
typedef enum graft_jload {
    GRAFT_J_LOAD_NOTHING, /* a parameter: set by whoever enters */
    GRAFT_J_LOAD_MISSING,
    GRAFT_J_LOAD_CONTEXT, /* from the variables given to the rendering, or globals */
    GRAFT_J_LOAD_OUTER    /* copied from the frame around */
} graft_jload;
typedef struct graft_jsymbol {
    struct graft_jsymbol *next; /* in the same frame */
    struct graft_jsymbol *shadowed;
    graft_jname *name;
    const struct graft_jframe *frame;
    const struct graft_junit *unit;
    uint32_t slot;
    graft_jload load;
    uint32_t outer_hops, outer_slot;
} graft_jsymbol;
typedef struct graft_jframe {
    graft_jsymbol *first, *last;
} graft_jframe;
/* A piece of template with variables of its own at run time. */
typedef struct graft_junit {
    const struct graft_junit *outer;
    uint32_t n_slots, depth;
} graft_junit;

/* ---- the tree ---- */

typedef enum graft_jnode_kind {
    GRAFT_N_EXPRESSION, /* no meaning for names beyond its children */
    GRAFT_N_NAME, GRAFT_N_STORE, GRAFT_N_MEMBER_STORE, GRAFT_N_TUPLE, GRAFT_N_CONST, GRAFT_N_CALL,
    GRAFT_N_FILTER, GRAFT_N_TEST, GRAFT_N_CONDITIONAL, GRAFT_N_SLICE, GRAFT_N_KEYWORD,
    GRAFT_N_OUTPUT, GRAFT_N_IF, GRAFT_N_BRANCH, GRAFT_N_FOR, GRAFT_N_SET, GRAFT_N_SET_BLOCK,
    GRAFT_N_MACRO, GRAFT_N_CALL_BLOCK, GRAFT_N_FILTER_BLOCK, GRAFT_N_WITH, GRAFT_N_SCOPE,
    GRAFT_N_JUMP
} graft_jnode_kind;

typedef struct graft_jnode graft_jnode;
typedef graft_status graft_jeval(graft_jinja *j, const graft_jnode *node, graft_jvalue *out);
typedef graft_status graft_jexec(graft_jinja *j, const graft_jnode *node);

/* One shape for all nodes; which fields a kind uses stands where the parser makes it:
 *   NAME, STORE        name, hops, slot
 *   MEMBER_STORE       name (the namespace), hops, slot, member
 *   CALL               a(items, more: KEYWORD, b: *args, c: **kwargs)
 *   FILTER, TEST       as CALL with a the subject (NULL in a filter block: its body), row, member
 *   CONDITIONAL        b if a else c (c may be NULL)
 *   SLICE              a:b:c, each may be NULL
 *   KEYWORD            member = a
 *   OUTPUT             items
 *   IF                 items: BRANCH(a: test, items: body); more: else
 *   FOR                for a in b if c: items, else more; d: a again, for the test; name: `loop`
 *   SET                a = b
 *   SET_BLOCK          a = items, through the filter b if there is one
 *   MACRO, CALL_BLOCK  items: STOREs of the parameters, more: defaults of the last of them;
 *                      body in `body`; CALL_BLOCK: a is the call
 *   FILTER_BLOCK       a: filter, items: body
 *   WITH               more: STOREs, d->items: values, items: body
 *   SCOPE              items: body (the generation tag) */
struct graft_jnode {
    graft_jnode_kind kind;
    uint32_t line;
    graft_jeval *eval; /* of expressions */
    graft_jexec *exec; /* of statements */
    graft_jnode *a, *b, *c, *d;
    graft_jnode **items, **more, **body;
    size_t n_items, n_more, n_body;
    graft_jname *name;
    const char *member; /* attribute, filter, test, keyword */
    size_t n_member;
    graft_jvalue value;  /* CONST */
    const void *row; /* filter or test; NULL: no such one */
    graft_joperator *operate;
    graft_jcompare *compare;
    uint32_t hops, slot; /* of NAME, STORE, MEMBER_STORE; of a macro's own name */
    graft_jframe frame, frame_test, frame_else;
    graft_junit *unit; /* of MACRO, CALL_BLOCK, recursive FOR */
    uint32_t slot_loop, slot_caller, slot_kwargs, slot_varargs; /* GRAFT_J_NO_SLOT: not used */
    bool recursive, negated, is_break;
};
#define GRAFT_J_NO_SLOT UINT32_MAX

typedef struct graft_jtree {
    graft_jnode **items;
    size_t n_items;
    graft_jframe frame;
    graft_junit unit;
} graft_jtree;

/* Tokens to tree, names unresolved. */
graft_status graft_j__parse(graft_jinja *j, const graft_jtokens *tokens, graft_jtree *out);
/* Gives every name its slot, and finds what Jinja finds while compiling: unknown filters, break
 * outside loops, assignments to `loop`. */
graft_status graft_j__resolve(graft_jinja *j, graft_jtree *tree);

#endif
