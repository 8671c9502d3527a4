/* chat/chat.h - from a conversation to the text a model sees, and from its reply to tool calls. */
#ifndef GRAFT_CHAT_CHAT_H
#define GRAFT_CHAT_CHAT_H

#include "chat/conversation.h"
#include "chat/template.h"

typedef struct graft_chat graft_chat;

/* source/n: the template to use (the base's own or one the user named; `name` for messages). If
 * it shows nothing of a probe tool (ignores `tools`, tool calls or tool results) and with_tools is
 * set, the built-in tool template (Hermes/ChatML) is used instead and graft_chat_note says so. source == NULL: built-in.
 * bos/eos: texts of the special tokens for the template ("" if none). */
graft_status graft_chat_new(graft_chat **out, const char *source, size_t n, const char *name,
                            const char *bos, const char *eos, bool with_tools);
void graft_chat_free(graft_chat *chat);
const char *graft_chat_builtin(size_t *n); /* text of the built-in tool template */
const char *graft_chat_source(const graft_chat *chat); /* text of the template in use */
const char *graft_chat_name(const graft_chat *chat);   /* "the base's own template", "built-in tool template", a path */
const char *graft_chat_note(const graft_chat *chat);   /* one line worth logging, "" if none */

/* graft_template_set_time of the template in use. */
void graft_chat_set_time(graft_chat *chat, int64_t calendar);
/* What it is told; -1 if it does not ask (for strftime_now). */
int64_t graft_chat_time(const graft_chat *chat);

/* Renders the first n_messages messages of a conversation. */
graft_status graft_chat_render(const graft_chat *chat, graft_rendered *out,
                               const graft_conversation *conversation, size_t n_messages,
                               bool add_generation_prompt);
/* The same, and tells which parts of these messages and of the tools stand in the text. */
graft_status graft_chat_trace(const graft_chat *chat, graft_rendered *out, graft_chat_parts *parts,
                              const graft_conversation *conversation, size_t n_messages,
                              bool add_generation_prompt);

/* A dialect is a way to write tool calls in text; one file each, listed in dialects.c. */
typedef struct graft_dialect {
    const char *name; /* "hermes" */
    /* Does this template source speak it? */
    bool (*speaks)(const char *template_source);
    /* Takes a reply apart: *calls = array of {"name": ..., "arguments": {...}} (empty array if there
     * are none), *content = the text beside them (appended). A call that does not parse leaves *broken > 0. */
    graft_status (*parse)(graft_json **calls, graft_text *content, size_t *broken, const char *text, size_t n);
    bool untyped;       /* all arguments are strings: the dialect does not tell 1 from "1" */
    bool nested;        /* ... or lists and objects of them, an empty one being an empty string */
    const char *result; /* what stands before a tool's result, which no model should write; or NULL */
} graft_dialect;
extern const graft_dialect *const graft_dialects[]; /* NULL-terminated */
const graft_dialect *graft_chat_dialect(const graft_chat *chat); /* the first that speaks; hermes otherwise */
/* Replaces that by the dialect of the name. GRAFT_E_CONFIG lists the known ones. */
graft_status graft_chat_set_dialect(graft_chat *chat, const char *name);

/* As parse, and the arguments an untyped dialect gives become what the schemas of `tools` (or NULL)
 * say: a text stays a text where the schema allows one and the value is of no other type it allows. */
graft_status graft_dialect_apply(const graft_dialect *dialect, const graft_json *tools,
                                 graft_json **calls, graft_text *content, size_t *broken,
                                 const char *text, size_t n);

#endif
