/* export/grammar_shape.h - how a chat template writes calls, learnt from what it makes of some. Room-internal.
 *
 * A reply with calls is OPEN call (BETWEEN call)* CLOSE. A call is a name, MIDDLE and an object in JSON;
 * or a name and its arguments one by one: FIRST key VALUE value (NEXT key VALUE value)* LAST, or EMPTY. */
#ifndef GRAFT_EXPORT_GRAMMAR_SHAPE_H
#define GRAFT_EXPORT_GRAMMAR_SHAPE_H

#include "export/export.h"

typedef enum graft_call_kind {
    GRAFT_CALL_JSON,   /* arguments are one object */
    GRAFT_CALL_PYTHON, /* one by one, values as Python writes them */
    GRAFT_CALL_RAW     /* one by one, texts as they are, other values as JSON or Python */
} graft_call_kind;

typedef struct graft_call_shape {
    const char *dialect;
    graft_call_kind kind;
    bool words_before;      /* does a reply with calls keep what is said beside them? */
    /* All but the two that are called text are GBNF expressions, for some have holes. */
    graft_text open;        /* the whole of it */
    graft_text opening;     /* the same behind the mark */
    graft_text opening_behind; /* instead, behind words */
    graft_text between, close, middle; /* between: empty if there is one call at most */
    graft_text first, value, next, last, empty;
    graft_text value_end;   /* text that ends a raw value; `next` and `last` go on behind it */
    graft_text mark;        /* text that calls begin with and nothing else; "": a call is the whole reply */
    bool named_in_quotes;   /* the name is part of a JSON string */
} graft_call_shape;

void graft_call_shape_init(graft_call_shape *shape);
void graft_call_shape_clear(graft_call_shape *shape);
/* GRAFT_E_FAILED with the reason if the template writes calls in no such way. */
graft_status graft_call_shape_learn(graft_call_shape *out, const graft_export_serving *serving);

#endif
