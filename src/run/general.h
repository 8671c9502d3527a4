/* run/general.h - general text that nothing is trained on: the loss on it tells what is forgotten. */
#ifndef GRAFT_RUN_GENERAL_H
#define GRAFT_RUN_GENERAL_H

#include "run/corpus.h"

/* Reads perplexity_dataset, at most perplexity_tokens of it; nothing if it is not set. Files named
 * .txt or .md, or of format "plain", are text; so are examples that are one message of the assistant
 * (the layout "text"). Text is cut into windows of 512 tokens as it is, without a chat template, behind a
 * BOS if the tokenizer asks for one, and all of it counts but the first token of a window. Of
 * conversations their trained tokens count; those longer than the context are left out. */
graft_status graft_general_read(graft_corpus *out, const graft_session *session);

/* The loss per unit of weight on all samples of a corpus, and how many tokens it is over. `path` is
 * what GRAFT_E_DATA names if there are none. */
graft_status graft_general_loss(double *loss, size_t *n_tokens, graft_session *session,
                                const graft_corpus *corpus, const char *path);

#endif
