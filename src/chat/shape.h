/* chat/shape.h - what a template wants to be given, found out by probing: the canonical form of a
 * message unless it only works otherwise. Room-internal. */
#ifndef GRAFT_CHAT_SHAPE_H
#define GRAFT_CHAT_SHAPE_H

#include "io/json.h"

typedef struct graft_shape {
    bool string_arguments; /* arguments as JSON text instead of an object */
    bool empty_content;    /* "" where a message has no content */
    bool short_ids;        /* ids of calls have 9 letters and digits; others are replaced by such */
    bool no_tools_list;    /* an empty list where there are no tools, instead of none */
    bool developer_as_system;
    const char *thought;   /* the key it reads thoughts from, if it does not know them all; or NULL */
} graft_shape;

/* A reference to the message, or to a copy, in the shape the template wants. */
graft_status graft_shape__apply(graft_json **out, graft_json *message, const graft_shape *shape);

#endif
