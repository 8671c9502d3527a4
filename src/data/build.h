/* data/build.h - how readers take texts apart and put conversations together. Room-internal. */
#ifndef GRAFT_DATA_BUILD_H
#define GRAFT_DATA_BUILD_H

#include "data/reader.h"

/* A borrowed piece of text. */
typedef struct graft_piece {
    const char *at;
    size_t n;
} graft_piece;

graft_piece graft_piece_of(const graft_json *string); /* {"", 0} if it is none */
graft_piece graft_piece_trim(graft_piece text);        /* without white space around it */
graft_piece graft_piece_skip(graft_piece text);        /* ... before it */
/* Where `what` begins in text; text.n if nowhere. */
size_t graft_piece_find(graft_piece text, const char *what);
bool graft_piece_begins(graft_piece text, const char *what);
graft_piece graft_piece_from(graft_piece text, size_t at); /* the rest */

/* Appends {"role", "content"}. */
graft_status graft_build__text(graft_json *messages, const char *role, graft_piece content);
/* Appends a system message, unless the text is empty. */
graft_status graft_build__system(graft_json *messages, graft_piece content);
/* Appends a message of role "tool"; name may be empty. */
graft_status graft_build__result(graft_json *messages, graft_piece name, graft_piece content);
/* Appends a call (as tool_calls holds it, or the function alone) to the assistant's message that
 * ends `messages`, or to a new one without content. */
graft_status graft_build__call(graft_json *messages, const graft_json *call);
/* The same; arguments are taken. */
graft_status graft_build__named_call(graft_json *messages, graft_piece name, graft_json *arguments);
/* Gives messages[first..), which a reader made of `item`, what stands beside its text: the loss
 * weight to those of the assistant (to all if none is), thoughts to the first of these. */
graft_status graft_build__beside(graft_json *messages, size_t first, const graft_json *item);
/* GRAFT_E_DATA unless item, of which calls joined `message`, has the loss weight that this has: a
 * message has one. */
graft_status graft_build__joins(const graft_json *message, const graft_json *item);
/* A tool {"name", "description", "parameters"}; parameters are taken, description may be empty. */
graft_status graft_build__tool(graft_json *tools, graft_piece name, graft_piece description,
                               graft_json *parameters);

/* Appends what stands before a question: {system, history: [[question, answer], ...]}. */
graft_status graft_build__before(graft_json *messages, const graft_json *record);
/* Appends instruction and input of {instruction, input}, joined by a newline, as the user's. */
graft_status graft_build__instruction(graft_json *messages, const graft_json *record);

/* Reads the value, JSON or a Python literal, that begins *text, and moves *text behind it. */
graft_status graft_build__value(graft_json **out, graft_piece *text);
/* Appends `text` without the phrases that instruct in a layout's own words (a space in a phrase
 * matches any white space; a value in braces behind a phrase goes with it). */
graft_status graft_build__without(graft_text *out, graft_piece text, const char *const *phrases);

/* Writes a value as text: a string as it is, anything else as json.dumps does. */
graft_status graft_build__as_text(graft_text *out, const graft_json *value);

/* --- transcripts: "USER: ...", "ASSISTANT: ..." at the beginnings of lines --- */

typedef struct graft_transcript {
    const char *const *labels; /* NULL-terminated; "USER:" */
    graft_piece rest;
    bool numbered;             /* "Action:" also stands for "Action 3:" */
} graft_transcript;

typedef struct graft_segment {
    int label;       /* index in labels; -1: the text before the first label */
    graft_piece text; /* trimmed */
} graft_segment;
/* False at the end. An empty text before the first label is passed over. */
bool graft_transcript_next(graft_transcript *t, graft_segment *out);

#endif
