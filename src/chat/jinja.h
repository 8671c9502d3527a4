/* chat/jinja.h - the machine: one parse or one rendering of a template, and what it calls.
 *
 * Room-internal. A template becomes a tree (ast.h); scope.c turns its names into slots, with
 * Jinja's compile-time rules; eval.c and exec.c walk it. Filters, tests, globals and methods are
 * tables: a new one is a function and a row. */
#ifndef GRAFT_CHAT_JINJA_H
#define GRAFT_CHAT_JINJA_H

#include "chat/ast.h"
#include "chat/template.h"
#include "chat/text.h"
#include "chat/value.h"

/* The variables of one activation of a unit (a template, macro or recursive loop body). */
typedef struct graft_jactivation {
    struct graft_jactivation *outer;
    graft_jvalue *slots;
} graft_jactivation;

typedef enum graft_jflow { GRAFT_J_GO_ON, GRAFT_J_BREAK, GRAFT_J_CONTINUE } graft_jflow;

struct graft_jinja {
    graft_arena arena;
    char *next; /* free part of the current piece */
    size_t left;
    size_t used; /* bytes handed out */
    graft_template_limits limits;
    const char *name; /* of the template */
    uint32_t line;
    graft_status code; /* what failures are */
    size_t steps, depth, peak_depth;
    /* rendering only */
    graft_jactivation *active;
    graft_jbuffer *out; /* where statements write */
    graft_jflow flow;
    const graft_jdict *data, *trusted;
    int64_t now; /* graft_daytime_calendar */
};

void graft_j__init(graft_jinja *j, const char *name, graft_status code,
                   const graft_template_limits *limits);
void graft_j__clear(graft_jinja *j);

/* ---- arguments ---- */

typedef struct graft_jkeyword {
    const char *name;
    size_t n;
    graft_jvalue value;
    const graft_jstring *key; /* the name where a mapping behind ** has it, NULL: the template's */
} graft_jkeyword;
/* dict[name] = value; the name keeps its origin. */
graft_status graft_j__set_keyword(graft_jinja *j, graft_jdict *dict, const graft_jkeyword *keyword);

struct graft_jargs {
    const graft_jvalue *values;
    size_t n;
    const graft_jkeyword *keywords;
    size_t n_keywords;
};
/* Sorts arguments into the parameters of `signature`: names split by commas, a leading "/" if
 * none may be given by name, "=" behind those that may be left out. out[] gets one value per
 * parameter, MISSING where left out. `callee` is for messages. At most GRAFT_J_MAX_PARAMETERS. */
enum { GRAFT_J_MAX_PARAMETERS = 8 };
graft_status graft_j__bind(graft_jinja *j, const char *callee, const char *signature,
                           const graft_jargs *args, graft_jvalue out[GRAFT_J_MAX_PARAMETERS]);

/* ---- tables ---- */

/* signature NULL: the function takes `args` as they are; otherwise they are in `p`, bound. */
typedef struct graft_jcall {
    const graft_jvalue *self; /* what is filtered, tested, or whose method it is */
    const graft_jvalue *p;    /* bound parameters */
    const graft_jargs *args;  /* as written */
} graft_jcall;
typedef graft_status graft_jfunction(graft_jinja *j, const graft_jcall *call, graft_jvalue *out);

typedef struct graft_jfilter {
    const char *name, *signature;
    graft_jfunction *run;
} graft_jfilter;
extern const graft_jfilter graft_jfilters[]; /* ends with a NULL name */
const graft_jfilter *graft_j__find_filter(const char *name, size_t n);

typedef struct graft_jtest {
    const char *name, *signature;
    graft_status (*run)(graft_jinja *j, const graft_jcall *call, bool *out);
} graft_jtest;
extern const graft_jtest graft_jtests[];
const graft_jtest *graft_j__find_test(const char *name, size_t n);

typedef struct graft_jglobal {
    const char *name, *signature;
    graft_jfunction *run;
} graft_jglobal;
extern const graft_jglobal graft_jglobals[];
const graft_jglobal *graft_j__find_global(const char *name, size_t n);

/* What a method does to markup: gives markup again, and which argument it escapes first. */
typedef struct graft_jmethod {
    const char *name, *signature;
    graft_jfunction *run; /* NULL: Python has it, templates may name but not call it */
    bool mutates;         /* the sandbox hides it */
    bool keeps_markup;    /* on markup, its strings are markup */
} graft_jmethod;
/* NULL for a name the type has no attribute of. */
const graft_jmethod *graft_j__find_method(const graft_jvalue *subject, const char *name, size_t n);

/* ---- running ---- */

graft_status graft_j__run_filter(graft_jinja *j, const graft_jfilter *filter,
                                 const graft_jvalue *subject, const graft_jargs *args,
                                 graft_jvalue *out);
graft_status graft_j__run_test(graft_jinja *j, const graft_jtest *test, const graft_jvalue *subject,
                               const graft_jargs *args, bool *out);
/* callee(args) for anything that can be called. */
graft_status graft_j__call(graft_jinja *j, const graft_jvalue *callee, const graft_jargs *args,
                           graft_jvalue *out);
graft_status graft_j__eval(graft_jinja *j, const graft_jnode *node, graft_jvalue *out);
graft_status graft_j__exec(graft_jinja *j, const graft_jnode *node);
/* Runs statements until one breaks out; then j->flow says how. */
graft_status graft_j__exec_all(graft_jinja *j, graft_jnode *const *nodes, size_t n);
graft_status graft_j__call_macro(graft_jinja *j, const graft_jmacro *macro, const graft_jargs *args,
                                 graft_jvalue *out);
graft_joperator graft_j__add_values, graft_j__subtract, graft_j__multiply, graft_j__divide,
    graft_j__floor_divide, graft_j__modulo, graft_j__power;
/* a as its number with the sign (-1 or 1) applied. */
graft_status graft_j__signed(graft_jinja *j, const graft_jvalue *a, int sign, graft_jvalue *out);
graft_jcompare graft_j__is_equal, graft_j__is_not_equal, graft_j__is_less, graft_j__is_greater,
    graft_j__is_less_equal, graft_j__is_greater_equal, graft_j__is_in, graft_j__is_not_in;

struct graft_jmacro {
    const graft_jnode *node; /* MACRO or CALL_BLOCK */
    graft_jactivation *closure;
};

/* A method as a value. */
graft_status graft_j__bind_method(graft_jinja *j, const graft_jmethod *row, const graft_jvalue *self,
                                  graft_jvalue *out);

/* Namespaces, loops, ... (objects.c) */
extern const graft_jclass graft_jnamespace_class, graft_jloop_class;
/* dict(...) of Python */
graft_status graft_j__make_dict(graft_jinja *j, const graft_jargs *args, graft_jdict **out);
graft_status graft_j__namespace_new(graft_jinja *j, const graft_jargs *args, graft_jvalue *out);
typedef struct graft_jnamespace {
    graft_jobject base;
    graft_jdict *members;
} graft_jnamespace;
graft_status graft_j__namespace_set(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                                    graft_jvalue value);
typedef struct graft_jloop {
    graft_jobject base;
    graft_jiter *iter;
    graft_jvalue over; /* what is walked, for its length */
    int64_t index0;
    graft_jvalue before, current, after; /* after: MISSING if not peeked at */
    bool ended;                          /* peeked at the end */
    int64_t length;                      /* -1: not known yet */
    graft_jlist *changed;                /* arguments of the last changed(), or NULL */
    const graft_jnode *recursive;        /* the loop statement when it may call itself */
    graft_jactivation *closure;          /* where that statement stands */
    int64_t depth0;
} graft_jloop;
/* Steps on; *done at the end. */
graft_status graft_j__loop_next(graft_jinja *j, graft_jloop *loop, bool *done);
/* Runs the loop statement over `over`, at depth0, writing to j->out (exec_loop.c). */
graft_status graft_j__run_loop(graft_jinja *j, const graft_jnode *node, const graft_jvalue *over,
                               int64_t depth0);
graft_jexec graft_j__exec_for;
/* Sets up the slots of a frame that is entered (exec.c). */
void graft_j__enter_frame(graft_jinja *j, const graft_jframe *frame);
graft_status graft_j__activate(graft_jinja *j, const graft_junit *unit, graft_jactivation *outer,
                               graft_jactivation **out);
/* Stores into a STORE, MEMBER_STORE or TUPLE of them. */
graft_status graft_j__assign(graft_jinja *j, const graft_jnode *target, const graft_jvalue *value);
graft_jvalue graft_j__resolve_name(const graft_jinja *j, const graft_jname *name);
graft_status graft_j__cycler_new(graft_jinja *j, const graft_jargs *args, graft_jvalue *out);
graft_status graft_j__joiner_new(graft_jinja *j, const graft_jvalue *separator, graft_jvalue *out);

/* The value of a JSON value that came from data or is trusted. */
graft_status graft_j__from_json(graft_jinja *j, const graft_json *json, graft_jorigin origin,
                                graft_jvalue *out);

/* Parts (parts.c): gives all that `messages` and `tools` hold an origin of their part, and marks
 * those that came out. */
graft_status graft_parts__tag(graft_jinja *j, graft_chat_parts *parts, const graft_jdict *variables);
void graft_parts__mark(graft_chat_parts *parts, const graft_jorigin *origins, size_t n);

#endif
