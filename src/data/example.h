/* data/example.h - a conversation as token ids with loss weights; steps as passes of spans. */
#ifndef GRAFT_DATA_EXAMPLE_H
#define GRAFT_DATA_EXAMPLE_H

#include "autograd/pass.h"
#include "chat/chat.h"
#include "tokenizer/tokenizer.h"

/* Which message a token belongs to, coarsely. CONTEXT tokens of the template itself count for the
 * role of the message they frame; what belongs to no message (generation prompt) is TEMPLATE. */
typedef enum graft_token_role {
    GRAFT_TOKEN_SYSTEM, GRAFT_TOKEN_USER, GRAFT_TOKEN_ASSISTANT, GRAFT_TOKEN_TOOL,
    GRAFT_TOKEN_TEMPLATE, GRAFT_TOKEN_N_ROLES
} graft_token_role;

typedef struct graft_example {
    int32_t *ids;
    float *weights;    /* weights[i]: loss weight of predicting ids[i] from what stands before it */
    uint8_t *roles;    /* graft_token_role */
    uint32_t n;
    uint32_t conversation; /* index in the dataset */
} graft_example;
void graft_example_clear(graft_example *example);

/* How parts of a trained turn weigh. */
typedef struct graft_weighting {
    float calls;               /* factor on the tokens with which tools are called; 0: 1 */
    bool reasoning_is_context; /* thoughts stay in the text and are not trained */
} graft_weighting;

/* Renders and tokenises a conversation. An assistant turn is what rendering adds between the
 * generation prompt before it and the end of the turn; its tokens (with the end-of-turn token,
 * without the white space after it) get the weight of the message. Text is cut into tokens
 * separately before and from the start of each assistant turn, because that is how it is served.
 * The weighting (NULL: all alike) changes that for the part of a turn that the template writes for its
 * tool calls, and for its thought (see data/turns.h).
 * BOS is put in front if the tokenizer says so and the text does not already begin with it.
 * A template that is not prefix-preserving gives several examples (one per trained turn):
 * *out is an array of *n_out. Freed with graft_example_clear on each and graft_free. */
graft_status graft_examples_build(graft_example **out, size_t *n_out, const graft_chat *chat,
                                  const graft_tokenizer *tokenizer,
                                  const graft_conversation *conversation, uint32_t index,
                                  const graft_weighting *weighting);

/* The prompt of assistant turn `turn` (index of the message): everything before it and the
 * generation prompt, as it would be served. Appends to `out`. */
graft_status graft_prompt_build(graft_tokens *out, const graft_chat *chat,
                                const graft_tokenizer *tokenizer,
                                const graft_conversation *conversation, size_t turn);

/* How many tokens stand in each role, and how many of them are trained. */
typedef struct graft_token_shares {
    size_t n[GRAFT_TOKEN_N_ROLES], trained[GRAFT_TOKEN_N_ROLES];
    size_t n_examples;
} graft_token_shares;
const char *graft_token_role_name(graft_token_role role); /* "system" ... "template" */
/* Adds examples[0..n) to the counts. */
void graft_token_shares_add(graft_token_shares *shares, const graft_example *examples, size_t n);
/* Appends "trained tokens: 1200 of 4300 (27.9 %): user 0 of 900, assistant 1200 of 3400". */
graft_status graft_token_shares_format(graft_text *out, const graft_token_shares *shares);
/* GRAFT_E_DATA with that line if no token is trained, or every one that can be. */
graft_status graft_token_shares_check(const graft_token_shares *shares);

/* The passes of one step. Buffers are kept and reused from step to step. */
typedef struct graft_step_layout graft_step_layout;
graft_status graft_step_layout_new(graft_step_layout **out);
void graft_step_layout_free(graft_step_layout *layout);

typedef struct graft_layout_options {
    size_t max_tokens_per_pass; /* a longer example is GRAFT_E_CONFIG, naming the setting */
    bool packing;               /* false: one example per pass */
    bool prefix_sharing;        /* examples of a pass that begin alike share spans */
    size_t usual_tokens;        /* beyond so many a pass only takes an example that shares with it
                                 * at least half of what it adds; 0: the same as the most */
} graft_layout_options;

/* Lays out examples[0..n) (pointers, in step order). Each goes to the pass in which it needs the
 * fewest tokens of its own, as long as it fits there. Tokens behind the last trained one, and that
 * one itself, predict nothing and are not laid out; examples without trained tokens take no room.
 * Nothing is allocated when the sizes of an earlier step are not exceeded. */
graft_status graft_step_layout_build(graft_step_layout *layout,
                                     const graft_example *const *examples, size_t n,
                                     const graft_layout_options *options);
size_t graft_step_layout_n_passes(const graft_step_layout *layout);
const graft_pass *graft_step_layout_pass(const graft_step_layout *layout, size_t i);
/* [n_predictions] of pass i: how many examples have the prediction, whose weights it adds up. */
const uint32_t *graft_step_layout_times(const graft_step_layout *layout, size_t i);
double graft_step_layout_weight(const graft_step_layout *layout);  /* total weight of the step */
size_t graft_step_layout_tokens(const graft_step_layout *layout);  /* of all its examples */
size_t graft_step_layout_saved(const graft_step_layout *layout);   /* not computed, being shared */
size_t graft_step_layout_trained(const graft_step_layout *layout); /* of weight != 0 */

#endif
