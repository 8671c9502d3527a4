/* data/record.h - layouts in which conversations are written: one writer each, listed in writers.c.
 *
 * A writer makes the JSON record of a conversation. What it cannot say it need not check: every
 * record is read back by the reader of its layout and compared. */
#ifndef GRAFT_DATA_RECORD_H
#define GRAFT_DATA_RECORD_H

#include "data/build.h"

typedef struct graft_record_writer {
    const char *name;           /* "sharegpt" */
    const graft_reader *reader; /* reads it back */
    /* GRAFT_E_DATA: the layout has no place for something ("holds no results of tools"). */
    graft_status (*write)(graft_json **out, const graft_conversation *conversation);
} graft_record_writer;

extern const graft_record_writer graft_writer_alpaca, graft_writer_hermes, graft_writer_ms_swift,
    graft_writer_openai, graft_writer_prompt, graft_writer_sharegpt, graft_writer_toolace,
    graft_writer_xlam;
extern const graft_record_writer *const graft_record_writers[]; /* NULL-terminated */

const graft_record_writer *graft_record_writers_find(const char *name); /* NULL if unknown */
/* Appends the names, separated by ", ". */
graft_status graft_record_writers_names(graft_text *out);

/* Appends the record and a newline. GRAFT_E_DATA, without file and line, if the layout cannot hold
 * the conversation: "layout xlam: message 3: ...". */
graft_status graft_record_write(graft_text *out, const graft_record_writer *writer,
                                const graft_conversation *conversation);

/* Do both say the same? Ids of calls may differ, but results must answer the same calls; content
 * beside calls may be null or empty; a result may or may not repeat the name of what was called.
 * Arguments, tools and expected compare by spelling and order. GRAFT_E_DATA names what differs. */
graft_status graft_conversation__same(const graft_conversation *a, const graft_conversation *b);

/* --- what writers share --- */

/* {"name", "arguments"} of a call, arguments as object. */
graft_status graft_record__function(graft_json **out, const graft_json *call);
/* The JSON text of a value as a string, spelling and order kept. */
graft_status graft_record__as_string(graft_json **out, const graft_json *value);
/* Sets object[key] to that text. */
graft_status graft_record__set_as_string(graft_json *object, const char *key,
                                         const graft_json *value);
/* Sets object[key] to the loss weight of turn i, unless it is what a reader assumes. */
graft_status graft_record__set_weight(graft_json *object, const char *key,
                                      const graft_conversation *conversation, size_t i);
/* Copies the keys of a message but role, content, tool_calls, tool_call_id. */
graft_status graft_record__set_rest(graft_json *object, const graft_json *message);
/* Appends a message in the form of the API. */
graft_status graft_record__openai_message(graft_json *messages, const graft_conversation *c,
                                          size_t i);
/* What a layout calls the parts of a turn. */
typedef struct graft_turn_keys {
    const char *role, *content, *weight;
} graft_turn_keys;
/* Appends turn i with this role and content, which is taken over, its other keys and its weight. */
graft_status graft_record__push_turn(graft_json *list, const graft_turn_keys *keys,
                                     const char *role, graft_json *content,
                                     const graft_conversation *c, size_t i);
/* Appends {"from", "value"}. */
graft_status graft_record__push_text(graft_json *items, const char *from, const graft_text *text);
/* *out = {key: what `add` appends for each message, "tools": their JSON text, if there are any}. */
graft_status graft_record__messages(graft_json **out, const char *key, const graft_conversation *c,
                                    graft_status (*add)(graft_json *list,
                                                        const graft_conversation *c, size_t i));
graft_piece graft_record__role(const graft_json *message);
/* The name of the function that a tool message answers; "" if unknown. */
graft_piece graft_record__answers(const graft_conversation *conversation, size_t i);

#endif
