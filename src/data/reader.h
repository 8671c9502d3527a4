/* data/reader.h - layouts of example files: one reader each, listed in readers.c.
 *
 * A reader turns one JSON record into a conversation in loose OpenAI form; what all layouts have in
 * common (shapes, ids, links between calls and results, weights) is then checked and brought into
 * the canonical form of chat/conversation.h by graft_conversation__canonical. */
#ifndef GRAFT_DATA_READER_H
#define GRAFT_DATA_READER_H

#include "data/dataset.h"

struct graft_reader {
    const char *name;  /* "openai" */
    const char *shape; /* how a record looks, for messages: "{prompt, completion}" */
    bool (*matches)(const graft_json *record); /* does the first record of a file look like it? */
    /* Reads the answer file of a source. NULL: this layout has none. GRAFT_E_CONFIG or _E_DATA. */
    graft_status (*open)(void **state, const char *answers_path);
    void (*close)(void *state);
    /* Sets out->messages, tools and expected. Messages name the fact without file and line. */
    graft_status (*convert)(graft_conversation *out, const graft_json *record, void *state);
};

extern const graft_reader graft_reader_openai, graft_reader_bfcl, graft_reader_sharegpt,
    graft_reader_prompt;
extern const graft_reader *const graft_readers[]; /* NULL-terminated, in order of detection */

const graft_reader *graft_readers_find(const char *name); /* NULL if unknown */
/* Appends the names, separated by ", ". */
graft_status graft_readers_names(graft_text *out);

/* One record from text to canonical conversation, without file and line. */
graft_status graft_reader__convert_text(graft_conversation *out, const graft_reader *reader,
                                        void *state, const char *text, size_t n);

/* Replaces the loose messages, tools and expected by canonical ones and fills turns:
 * - content: string or null; parts of type text are joined with a newline
 * - tool_calls: id added ("call00001") where missing, arguments as object; function_call and the
 *   role function, their forerunners, are read as tool_calls and tool
 * - a tool message answers a call that stands before it and is not answered yet. Without
 *   tool_call_id it is given the id of the first such call of its name if the calls had no ids
 * - weight, train, loss_mask, loss_weight: the loss weight of an assistant message (numbers or
 *   booleans; default 1); they are taken out of the message
 * GRAFT_E_DATA: "message 4: role \"tool\" without tool_call_id" (messages are counted from 1). */
graft_status graft_conversation__canonical(graft_conversation *conversation);

/* Builders for readers; NULL content leaves it null. The message is appended to `messages`. */
graft_status graft_reader__add_text(graft_json *messages, const char *role,
                                    const graft_json *content);
/* Retains a borrowed value into an object. */
graft_status graft_reader__set_shared(graft_json *object, const char *key, const graft_json *value);

#endif
