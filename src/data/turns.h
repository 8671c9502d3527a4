/* data/turns.h - the trained turns of a conversation as text: where each begins and ends, and which
 * part of it is thought or calls tools. Used inside the room. */
#ifndef GRAFT_DATA_TURNS_H
#define GRAFT_DATA_TURNS_H

#include "data/example.h"

/* Bytes of a text; begin == end: none. */
typedef struct graft_range {
    size_t begin, end;
} graft_range;

/* A trained turn, rendered on its own. */
typedef struct graft_turn_text {
    size_t message;
    float weight;
    graft_rendered text; /* the conversation up to and with the turn */
    size_t begin, end;   /* the turn within it */
    graft_range reasoning, calls; /* in the turn; empty where the weighting does not ask for them */
    bool done;           /* belongs to an example already */
} graft_turn_text;

/* What an example is built from. */
typedef struct graft_turns {
    const graft_chat *chat;
    const graft_tokenizer *tokenizer;
    const graft_conversation *conversation;
    graft_weighting weighting;
    graft_turn_text *turns;
    size_t n_turns;
    graft_tokens tokens; /* scratch */
    graft_rendered scratch;
    /* Of the example that was built last: its text, and how much of it each beginning of the
     * conversation repeats (SIZE_MAX: the template refuses that beginning). */
    const graft_rendered *ended;
    size_t *raw_ends;
} graft_turns;

/* Renders the turn of turn->message and finds where it begins and ends, and its parts. */
graft_status graft_turns__render(graft_turns *b, graft_turn_text *turn);

/* Bytes that both begin with, of the same origin. */
size_t graft_turns__common(const graft_rendered *a, const graft_rendered *b);

/* Appends the tokens of text[begin..end) to b->tokens. */
graft_status graft_turns__encode(graft_turns *b, const graft_rendered *text, size_t begin,
                                 size_t end);

/* A copy of an assistant's message without its thoughts; *out = NULL if it has none. A thought is
 * the text of `reasoning_content`, `reasoning` or `thinking`, and what content says between <think>
 * at its begin, which may be missing, and the first </think>. */
graft_status graft_message__without_reasoning(graft_json **out, const graft_json *message);

#endif
