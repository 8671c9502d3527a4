/* eval/matching.h - do the calls of a reply say what was expected?
 *
 * Calls of one reply are compared as sets: parallel calls may come in any order, but each expected
 * call needs one of its own. What is expected of an argument is either one value (equal as JSON, 1
 * equal to 1.0) or, in the form of the Berkeley Function Calling Leaderboard, a list of acceptable
 * ones: "" among them means that the argument may be left out, members of objects inside are lists
 * of alternatives again, and strings are compared without regard to case, spaces, the signs ,./-_*^
 * and the kind of quotes (https://gorilla.cs.berkeley.edu/leaderboard.html). */
#ifndef GRAFT_EVAL_MATCHING_H
#define GRAFT_EVAL_MATCHING_H

#include "io/json.h"

typedef struct graft_expected_call {
    const char *name;            /* borrowed from the JSON it was read from */
    const graft_json *arguments; /* an object: {ARG: value}, or {ARG: [alternatives]} */
    bool has_alternatives;
} graft_expected_call;

typedef struct graft_expected {
    graft_expected_call *calls;
    size_t n;
} graft_expected;

/* Reads what the assistant's message calls: its tool_calls; none, or no message, is fine. If
 * `alternatives` has the form [{NAME: {ARG: [values]}}] and speaks of the same calls (the same
 * names in the same order, or the message calls nothing), it counts instead: a conversation has one
 * list of alternatives, but may have several turns. Both must outlive *out. GRAFT_E_DATA for a call
 * without name or arguments. */
graft_status graft_expected_read(graft_expected *out, const graft_json *message,
                                 const graft_json *alternatives);
void graft_expected_clear(graft_expected *expected);

/* Are two strings the same but for case, spaces, the signs ,./-_*^ and the kind of quotes? */
bool graft_texts_agree(const graft_json *a, const graft_json *b);

/* Are the arguments (an object) what the call expects? The name is not looked at. */
bool graft_arguments_match(const graft_json *arguments, const graft_expected_call *expected);

/* Says whether reply call i can stand for expected call k. */
typedef bool graft_can_stand(const void *context, size_t i, size_t k);

/* Pairs off n_a things with n_b others, each at most once, so that as many as possible find a
 * partner; *n_pairs is how many did (Kuhn's augmenting paths). */
graft_status graft_match(size_t *n_pairs, size_t n_a, size_t n_b, graft_can_stand *can,
                         const void *context);

#endif
