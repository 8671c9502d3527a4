/* chat/parts.h - what a conversation says, part by part, and which parts a template shows.
 *
 * While a template is traced every byte knows the part it came from, so a part is shown if a byte
 * of it came out: however the template trims, escapes or cuts it, and whatever else looks like it. */
#ifndef GRAFT_CHAT_PARTS_H
#define GRAFT_CHAT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum graft_chat_part_kind {
    GRAFT_CHAT_PART_CALL,        /* the name of the function that a call is for */
    GRAFT_CHAT_PART_ARGUMENT,    /* name and value of one argument; all of them where they are a text */
    GRAFT_CHAT_PART_CONTENT,     /* what a message says, without the thought at its begin */
    GRAFT_CHAT_PART_THOUGHT,     /* see graft_thought_length, and the keys for thoughts */
    GRAFT_CHAT_PART_TOOL,        /* the name of a declared tool */
    GRAFT_CHAT_PART_DESCRIPTION, /* what it is for */
    GRAFT_CHAT_PART_PARAMETER    /* one of its parameters */
} graft_chat_part_kind;

/* Texts of white space, empty lists and objects, and null say nothing and are no parts. */
typedef struct graft_chat_part {
    uint8_t kind;  /* graft_chat_part_kind */
    bool shown;
    uint32_t owner; /* index of the message, or of the tool */
    uint32_t call;  /* CALL, ARGUMENT: index of the call in it */
    uint32_t item;  /* ARGUMENT, PARAMETER: index of the member */
} graft_chat_part;

/* Of a conversation with more than some 65,000 parts the first ones. */
typedef struct graft_chat_parts {
    graft_chat_part *items; /* messages in order, then tools */
    size_t n, capacity;
} graft_chat_parts;
void graft_chat_parts_init(graft_chat_parts *parts);
void graft_chat_parts_clear(graft_chat_parts *parts);

/* Bytes of an assistant's content that the thought at its begin takes, with the white space behind
 * it: up to the first </think>; <think> before it may be missing. 0: there is none. */
size_t graft_thought_length(const char *content, size_t n);

/* The keys of messages under which thoughts stand, the usual one first. */
enum { GRAFT_N_THOUGHT_KEYS = 3 };
extern const char *const graft_thought_keys[GRAFT_N_THOUGHT_KEYS];
bool graft_is_thought_key(const char *key, size_t n);

#endif
