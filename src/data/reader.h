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
    bool (*matches)(const graft_json *record); /* does a record look like it? */
    bool marked; /* it is a plainer layout with marks in texts or roles, which the first record of a
                  * file may lack: detection looks for them in the records after it, too */
    /* Such marks are mere text in a file that has a record like this one; NULL: never. */
    bool (*denied_by)(const graft_json *record);
    /* Reads the answer file of a source. NULL: this layout has none. GRAFT_E_CONFIG or _E_DATA. */
    graft_status (*open)(void **state, const char *answers_path);
    void (*close)(void *state);
    /* The parts of a record that are examples of their own, as a list of records for `convert`;
     * NULL if it has none, and is one itself. A reader without it never has parts. */
    graft_status (*split)(graft_json **parts, const graft_json *record);
    bool gathers; /* the records of a file are one example: convert gets {"records": [...]} */
    bool apart;   /* what `split` or gathering makes is no record that a file of it could hold */
    /* Sets out->messages, tools and expected. Messages name the fact without file and line. */
    graft_status (*convert)(graft_conversation *out, const graft_json *record, void *state);
};

extern const graft_reader graft_reader_alpaca, graft_reader_api_bank, graft_reader_bfcl,
    graft_reader_glaive, graft_reader_hermes, graft_reader_llamafactory, graft_reader_ms_swift,
    graft_reader_nestful, graft_reader_openai, graft_reader_prompt, graft_reader_react,
    graft_reader_seal_tools, graft_reader_sharegpt, graft_reader_swe_agent, graft_reader_text,
    graft_reader_toolace, graft_reader_toolalpaca, graft_reader_toolbench, graft_reader_xlam;
extern const graft_reader *const graft_readers[]; /* NULL-terminated, in order of detection */

const graft_reader *graft_readers_find(const char *name); /* NULL if unknown */
/* Appends the names, separated by ", ". */
graft_status graft_readers_names(graft_text *out);

/* The reader that a record looks like it was made for; NULL if none. */
const graft_reader *graft_reader__detect(const graft_json *record);
/* The same, given that records before it look like `so_far` (NULL: none before it): another one
 * only if it is marked and stands before `so_far` in the list. denied: none with `denied_by`. */
const graft_reader *graft_reader__detect_more(const graft_reader *so_far, bool denied,
                                              const graft_json *record);
/* What is missing in a record of a known layout that cannot be trained on (questions without
 * answers, declarations of tools, logs that were cut); NULL if it is none of these. */
const char *graft_reader__refusal(const graft_json *record);

/* From a record to the canonical conversation, without file and line. */
graft_status graft_reader__convert(graft_conversation *out, const graft_reader *reader, void *state,
                                   const graft_json *record);
/* The same from text; of a record with parts it is the first. */
graft_status graft_reader__convert_text(graft_conversation *out, const graft_reader *reader,
                                        void *state, const char *text, size_t n);

/* Replaces the loose messages, tools and expected by canonical ones and fills turns:
 * - content: string or null; parts of type text are joined with a newline
 * - tool_calls: id added ("call00001") where missing, arguments as object; function_call and the
 *   role function, their forerunners, are read as tool_calls and tool
 * - a tool message answers a call that stands before it and is not answered yet. Without
 *   tool_call_id it is given the id of the first such call of its name if the calls had no ids
 * - weight, train, loss_mask, loss_weight, loss: the loss weight of an assistant message (numbers
 *   from 0 on, or booleans; default 1); they are taken out of the message
 * GRAFT_E_DATA: "message 4: role \"tool\" without tool_call_id" (messages are counted from 1). */
graft_status graft_conversation__canonical(graft_conversation *conversation);

/* Sets *weight to the loss weight that stands in a message and *found to the name it has there;
 * NULL, and *weight as it was, if none does. GRAFT_E_DATA: two stand there, or it is no number. */
graft_status graft_reader__weight(double *weight, const char **found, const graft_json *message);
bool graft_reader__is_weight(const char *key);

/* Builders for readers; NULL content leaves it null. The message is appended to `messages`. */
graft_status graft_reader__add_text(graft_json *messages, const char *role,
                                    const graft_json *content);
/* Retains a borrowed value into an object. */
graft_status graft_reader__set_shared(graft_json *object, const char *key, const graft_json *value);

#endif
