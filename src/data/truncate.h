/* data/truncate.h - examples of conversations that are too long, cut between turns. */
#ifndef GRAFT_DATA_TRUNCATE_H
#define GRAFT_DATA_TRUNCATE_H

#include "data/example.h"

typedef struct graft_truncation {
    size_t limit;     /* tokens a sample may have */
    size_t n_windows; /* parts that conversations were cut into */
    size_t n_lost;    /* trained turns that do not fit even alone; they are left out */
} graft_truncation;

/* Like graft_examples_build, for a conversation of which a sample has more than `limit` tokens. It is
 * covered by windows, each as long as fits. A window ends with a trained turn and holds the system
 * messages, the tools, and of what comes before that turn the latest: the oldest exchanges (a user's
 * message and what follows up to the next one) are dropped, and if the last exchange alone is too
 * long, its oldest steps (an assistant's message with the results of its calls) behind the user's
 * message. So no call loses its result, no turn is cut, and every trained turn that fits is trained
 * in exactly one window. Adds to n_windows and n_lost. *n_out is 0 if nothing is left. */
graft_status graft_examples_truncate(graft_example **out, size_t *n_out, graft_truncation *counts,
                                     const graft_chat *chat, const graft_tokenizer *tokenizer,
                                     const graft_conversation *conversation, uint32_t index,
                                     const graft_weighting *weighting);

#endif
