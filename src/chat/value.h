/* chat/value.h - what a template computes with: Python's values, each knowing where it came from.
 *
 * Room-internal; users see chat/template.h. Everything lives in the memory of one `graft_jinja`
 * (one parse or one rendering) and is given back at once. Values do not change after they were
 * built, except namespaces, loops and iterators, so they are shared freely: a slice of a
 * text points into it. Semantics are those of CPython 3.11 and Jinja2 3.1, which are the reference. */
#ifndef GRAFT_CHAT_VALUE_H
#define GRAFT_CHAT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

/* Where bytes came from. Data may be of a part that is looked for in what is rendered: part p of
 * graft_chat_parts is GRAFT_FROM_PART + p. */
typedef uint16_t graft_jorigin;
enum { GRAFT_FROM_DATA = 0, GRAFT_FROM_TEMPLATE = 1, GRAFT_FROM_PART = 2 };

/* The arithmetic operators. */
typedef struct graft_jinja graft_jinja;
typedef struct graft_jvalue graft_jvalue;
typedef graft_status graft_joperator(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                     graft_jvalue *out);
/* The comparing ones. */
typedef graft_status graft_jcompare(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                                    bool *out);

typedef enum graft_jkind {
    GRAFT_J_MISSING, /* a variable nobody has set; never the result of an expression */
    GRAFT_J_UNDEFINED,
    GRAFT_J_NONE,
    GRAFT_J_BOOL,
    GRAFT_J_INT,
    GRAFT_J_FLOAT,
    GRAFT_J_STRING,
    GRAFT_J_LIST,
    GRAFT_J_TUPLE,
    GRAFT_J_DICT,
    GRAFT_J_RANGE,
    GRAFT_J_VIEW,     /* dict.keys(), .values(), .items() */
    GRAFT_J_ITERATOR, /* what map, select, ... give: can be walked once */
    GRAFT_J_MACRO,
    GRAFT_J_FUNCTION, /* a row of globals.c */
    GRAFT_J_METHOD,   /* a row of methods.c with its receiver */
    GRAFT_J_OBJECT,   /* namespace, loop, cycler, joiner */
    GRAFT_J_N_KINDS
} graft_jkind;

/* UTF-8 with an origin per byte. */
typedef struct graft_jstring {
    const char *data;
    const graft_jorigin *origin; /* one per byte, or NULL: every byte comes from `uniform` */
    size_t n;           /* bytes */
    size_t n_chars;     /* code points */
    graft_jorigin uniform;
    bool markup; /* passed `safe` or `escape`: + escapes what is added to it */
} graft_jstring;

typedef struct graft_jlist { /* of LIST and TUPLE */
    graft_jvalue *items;
    size_t n, capacity;
} graft_jlist;

typedef struct graft_jdict graft_jdict;
typedef struct graft_jiter graft_jiter;
typedef struct graft_jmacro graft_jmacro;
typedef struct graft_jobject graft_jobject;
struct graft_jglobal;
struct graft_jmethod;
struct graft_jbuffer;

typedef struct graft_jrange {
    int64_t start, stop, step;
    size_t n;
} graft_jrange;

typedef enum graft_jview_part { GRAFT_J_KEYS, GRAFT_J_VALUES, GRAFT_J_ITEMS } graft_jview_part;
typedef struct graft_jview {
    const graft_jdict *dict;
    graft_jview_part part;
} graft_jview;

/* What is said when an undefined value is used; the first that is set counts. */
typedef struct graft_jundefined {
    const char *hint;    /* the whole message */
    const char *subject; /* "dict object" has no attribute NAME; NULL: NAME is undefined */
    const char *name;
    int64_t element; /* for a subject without a name: has no element N */
} graft_jundefined;

typedef struct graft_jbound {
    const struct graft_jmethod *row;
    const graft_jvalue *self;
} graft_jbound;

struct graft_jvalue {
    uint8_t kind;         /* graft_jkind */
    graft_jorigin origin; /* of numbers and of the punctuation of containers; strings have their own */
    union {
        bool b;
        int64_t i;
        double f;
        const graft_jstring *s;
        graft_jlist *list;
        graft_jdict *dict;
        const graft_jrange *range;
        const graft_jview *view;
        graft_jiter *iter;
        const graft_jmacro *macro;
        const struct graft_jglobal *function;
        const graft_jbound *method;
        graft_jobject *object;
        const graft_jundefined *undefined;
    } u;
};

typedef struct graft_jentry {
    graft_jvalue key, value;
    uint64_t hash;
} graft_jentry;

struct graft_jdict { /* in insertion order */
    graft_jentry *entries;
    size_t n, capacity;
    uint32_t *index; /* open addressing once there are more than a few; entry number + 1 */
    size_t n_index;
};

/* A walk over something. `next` gives *done instead of a value at the end. */
struct graft_jiter {
    graft_status (*next)(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done);
    graft_jvalue over;      /* what is walked */
    graft_jiter *inner;     /* of iterators over iterators */
    size_t at;              /* index or byte */
    void *with;             /* whatever `next` needs */
    const char *type_name;  /* "generator" */
};

/* Objects with behaviour of their own. `get` leaves *found false for an unknown name. */
typedef struct graft_jargs graft_jargs;
typedef struct graft_jclass {
    const char *name; /* "Namespace" */
    graft_status (*get)(graft_jinja *j, graft_jobject *self, const char *name, size_t n,
                        graft_jvalue *out, bool *found);
    graft_status (*call)(graft_jinja *j, graft_jobject *self, const graft_jargs *args,
                         graft_jvalue *out);             /* NULL: not callable */
    graft_status (*repr)(graft_jinja *j, graft_jobject *self, struct graft_jbuffer *out); /* or NULL */
} graft_jclass;
struct graft_jobject { /* first member of the objects themselves */
    const graft_jclass *class_;
};

/* ---- memory, failures, bounds (jinja.c) ---- */

/* Sets *out to n * size zeroed bytes. Fails when the rendering has used up its share. */
graft_status graft_j__alloc(graft_jinja *j, void *out, size_t n, size_t size);
/* Bytes that are filled at once: as graft_j__alloc, but not zeroed. */
graft_status graft_j__bytes(graft_jinja *j, char **out, size_t n);
/* "TEMPLATE:LINE: message", with the code of the activity (parsing: model, rendering: data). */
graft_status graft_j__fail(graft_jinja *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts `n` units of work; fails at the bound. */
graft_status graft_j__work(graft_jinja *j, size_t n);
/* One level deeper; fails at the bound. Each success is paired with graft_j__leave. */
graft_status graft_j__enter(graft_jinja *j);
void graft_j__leave(graft_jinja *j);
/* printf into the memory of j. */
graft_status graft_j__format(graft_jinja *j, const char **out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- simple values ---- */

extern const graft_jvalue graft_j__none;
graft_jvalue graft_j__bool(bool b);
graft_jvalue graft_j__int(int64_t i);
graft_jvalue graft_j__float(double f);
graft_status graft_j__undefined(graft_jinja *j, graft_jvalue *out, const char *hint);
graft_status graft_j__undefined_name(graft_jinja *j, graft_jvalue *out, const char *name, size_t n);
graft_status graft_j__undefined_member(graft_jinja *j, graft_jvalue *out,
                                       const graft_jvalue *subject, const graft_jvalue *key);
/* What using an undefined value fails with. */
graft_status graft_j__fail_undefined(graft_jinja *j, const graft_jvalue *undefined);

const char *graft_j__type_name(const graft_jvalue *value); /* "str", "NoneType": as Python says */
bool graft_j__is_number(const graft_jvalue *value);        /* bool, int or float */
bool graft_j__is_integer(const graft_jvalue *value);       /* bool or int */
int64_t graft_j__as_int(const graft_jvalue *value);        /* of those */
double graft_j__as_float(const graft_jvalue *value);       /* of numbers */
/* An int argument named `what`; fails on other types. */
graft_status graft_j__need_int(graft_jinja *j, const graft_jvalue *value, const char *what,
                               int64_t *out);
bool graft_j__truth(const graft_jvalue *value);
graft_status graft_j__equal(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b, bool *out);
/* a < b; `op` ("<") is for the message. */
graft_status graft_j__less(graft_jinja *j, const graft_jvalue *a, const graft_jvalue *b,
                           const char *op, bool *out);
/* value in container */
graft_status graft_j__contains(graft_jinja *j, const graft_jvalue *container,
                               const graft_jvalue *value, bool *out);
graft_status graft_j__length(graft_jinja *j, const graft_jvalue *value, size_t *out);

/* ---- lists, dicts ---- */

graft_status graft_j__list_new(graft_jinja *j, graft_jlist **out, size_t capacity);
graft_status graft_j__list_push(graft_jinja *j, graft_jlist *list, graft_jvalue value);
graft_jvalue graft_j__list(graft_jlist *list);
graft_jvalue graft_j__tuple(graft_jlist *list);
graft_status graft_j__pair(graft_jinja *j, graft_jvalue *out, graft_jvalue a, graft_jvalue b);

graft_status graft_j__dict_new(graft_jinja *j, graft_jdict **out);
graft_jvalue graft_j__dict(graft_jdict *dict);
graft_status graft_j__dict_set(graft_jinja *j, graft_jdict *dict, const graft_jvalue *key,
                               graft_jvalue value);
/* NULL in *out if absent; an unhashable key sets *hashable false (or fails when that is NULL). */
graft_status graft_j__dict_find(graft_jinja *j, const graft_jdict *dict, const graft_jvalue *key,
                                const graft_jvalue **out, bool *hashable);
const graft_jvalue *graft_j__dict_get(const graft_jdict *dict, const char *key, size_t n);

/* ---- walking (iterate.c) ---- */

/* Fails with "'int' object is not iterable". Walking an undefined value gives nothing. */
graft_status graft_j__iterate(graft_jinja *j, const graft_jvalue *value, graft_jiter **out);
bool graft_j__is_iterable(const graft_jvalue *value);
graft_status graft_j__next(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done);
/* Everything that is left, as a new list. */
graft_status graft_j__collect(graft_jinja *j, const graft_jvalue *value, graft_jlist **out);
/* An iterator as a value of its own. */
graft_jvalue graft_j__iterator(graft_jiter *iter);
graft_status graft_j__iter_new(graft_jinja *j, graft_jiter **out, const char *type_name,
                               graft_status (*next)(graft_jinja *, graft_jiter *, graft_jvalue *,
                                                    bool *));
/* Item i of a LIST, TUPLE, RANGE or STRING by Python's rules (negative from the end). */
graft_status graft_j__item(graft_jinja *j, const graft_jvalue *sequence, int64_t i,
                           graft_jvalue *out, bool *found);
/* sequence[start:stop:step]; parts may be none. */
graft_status graft_j__slice(graft_jinja *j, const graft_jvalue *sequence, const graft_jvalue *start,
                            const graft_jvalue *stop, const graft_jvalue *step, graft_jvalue *out);
/* Stable; `reverse` keeps equal elements in order, as Python does. keys[i] belongs to items[i]. */
graft_status graft_j__sort(graft_jinja *j, graft_jvalue *items, const graft_jvalue *keys, size_t n,
                           bool reverse);

/* ---- attributes (attributes.c) ---- */

/* subject.name and subject[key] by the rules of Jinja's sandbox; absent gives an undefined value. */
graft_status graft_j__getattr(graft_jinja *j, const graft_jvalue *subject, const char *name,
                              size_t n, graft_jvalue *out);
graft_status graft_j__getitem(graft_jinja *j, const graft_jvalue *subject, const graft_jvalue *key,
                              graft_jvalue *out);
/* As getattr of Python: no items. */
graft_status graft_j__attribute(graft_jinja *j, const graft_jvalue *subject, const char *name,
                                size_t n, graft_jvalue *out, bool *found);
/* "a.b.0" as the attribute arguments of filters mean it; a non-string is one key. */
graft_status graft_j__getpath(graft_jinja *j, const graft_jvalue *subject, const graft_jvalue *path,
                              graft_jvalue *out);

#endif
