/* data/draft.h - a conversation while it is brought into canonical form. Used inside the room. */
#ifndef GRAFT_DATA_DRAFT_H
#define GRAFT_DATA_DRAFT_H

#include "data/reader.h"

/* A call that was made so far. */
typedef struct graft_draft_call {
    const char *id, *name; /* borrowed from the canonical messages */
    bool answered;
    bool given; /* the id stood in the data */
} graft_draft_call;

typedef struct graft_draft {
    graft_json *messages; /* the canonical ones so far */
    graft_turn *turns;
    size_t n_turns;
    graft_draft_call *calls;
    size_t n_calls, calls_capacity;
    unsigned made; /* the number of the id made up last */
} graft_draft;

/* Reads tool_calls (or function_call) of a message into *out; NULL if it calls nothing. */
graft_status graft_draft__read_calls(graft_draft *d, graft_json **out, const graft_json *message);
/* The highest number of an id in the data that looks made up: those that are begin behind it. */
unsigned graft_draft__made_before(const graft_json *loose);
/* Sets the tool_call_id of `out`, the canonical form of a tool message. */
graft_status graft_draft__link_result(graft_draft *d, graft_json *out, const graft_json *message);
/* Replaces the loose tools of a conversation (list, JSON text of a list, null) by canonical ones or
 * NULL. */
graft_status graft_draft__tools(graft_conversation *conversation);

/* Fails with "WHAT is TYPE". */
graft_status graft_draft__bad(const char *what, const graft_json *value);
/* A text as a message quotes it: short enough for one line. */
const char *graft_draft__quoted(const char *text);

#endif
