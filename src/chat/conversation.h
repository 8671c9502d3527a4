/* chat/conversation.h - one example as people mean it: messages, tools, what is expected.
 *
 * The canonical form is OpenAI's. `messages` is a JSON array of objects with `role` (system, user,
 * assistant, tool; developer is kept as written and counts as system), `content` (string, or null),
 * `tool_calls` [{"id", "type": "function", "function": {"name", "arguments": OBJECT}}], `tool_call_id`,
 * `name`; whatever else stood in the source message is kept behind those. */
#ifndef GRAFT_CHAT_CONVERSATION_H
#define GRAFT_CHAT_CONVERSATION_H

#include "io/json.h"

typedef enum graft_role {
    GRAFT_ROLE_SYSTEM, GRAFT_ROLE_USER, GRAFT_ROLE_ASSISTANT, GRAFT_ROLE_TOOL, GRAFT_N_ROLES
} graft_role;
const char *graft_role_name(graft_role role); /* "system" ... */

typedef struct graft_turn {
    graft_role role;
    float weight; /* loss weight of what this message says; 0 unless it is an assistant's */
} graft_turn;

typedef struct graft_conversation {
    graft_json *messages; /* array, canonical */
    graft_json *tools;    /* array of {"type": "function", "function": {name, description, parameters}}, or NULL */
    graft_json *expected; /* acceptable calls for scoring: array of {NAME: {ARG: [alternatives, "" = may be left out]}}, or NULL */
    graft_turn *turns;    /* one per message */
    size_t n_turns;
    char *file;           /* where it came from */
    size_t line;          /* 1-based */
    size_t source;        /* index of the entry of `dataset` it came from; behind the last: replay */
} graft_conversation;
void graft_conversation_init(graft_conversation *conversation);
void graft_conversation_clear(graft_conversation *conversation);

/* Are tools declared, or called? */
bool graft_conversation_uses_tools(const graft_conversation *conversation);

#endif
