/* eval.h - what a model scores on examples: generation against expected calls, and likelihood. */
#ifndef GRAFT_EVAL_H
#define GRAFT_EVAL_H

#include <graft/job.h>

/* Scores base_model (with init_adapter, if set) on `dataset`: one greedy reply per assistant turn
 * (at most eval_samples), and the loss per trained token. *out: a table, or with json the object
 * {"n", "loss_per_token", "tokens", "scores", "items"}. */
GRAFT_API graft_status graft_eval(graft_config *config, const graft_hooks *hooks, int json,
                                  char **out);

/* Per example one line through hooks->emit: with json
 * {"index", "ids", "weights", "logprobs": [null, ...]}; otherwise a readable table of tokens. */
GRAFT_API graft_status graft_score(graft_config *config, const graft_hooks *hooks, int json);

#endif
