/* chat/dialects.h - the dialects, and what their parsers share. Room-internal. */
#ifndef GRAFT_CHAT_DIALECTS_H
#define GRAFT_CHAT_DIALECTS_H

#include "chat/chat.h"

extern const graft_dialect graft_dialect_hermes; /* <tool_call>{"name", "arguments"}</tool_call> */
extern const graft_dialect graft_dialect_json;   /* {"name", "parameters"} as the whole reply */

/* Appends the call that `text` spells, an object with a name and its arguments ("arguments" or
 * "parameters"; an object or that object as a JSON string), or an array of such objects, to
 * `calls` as {"name", "arguments": {...}}. *understood is false if it is nothing of the kind; only
 * memory fails. */
graft_status graft_dialect__read_calls(graft_json *calls, const char *text, size_t n,
                                       bool *understood);
/* Appends text[0..n) without the white space around it, on a line of its own if there is text. */
graft_status graft_dialect__add_content(graft_text *content, const char *text, size_t n);

#endif
