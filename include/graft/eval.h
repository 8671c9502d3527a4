/* eval.h - what a model scores on examples: generation against expected calls, and likelihood. */
#ifndef GRAFT_EVAL_H
#define GRAFT_EVAL_H

#include <stddef.h>

#include <graft/job.h>

/* Scores base_model (with init_adapter, if set) on `dataset`: one greedy reply per assistant turn
 * (at most eval_samples), the loss per trained token, and the perplexity of perplexity_dataset if it is
 * set. The chat template is chat_template's, else chat_template.jinja beside the adapter, else the
 * base's own; so it is for graft_score and graft_generate_reply. *out: a table, or with json the
 * object {"n", "turns", "loss_per_token", "tokens", "scores", "items",
 * "perplexity": {"perplexity", "loss_per_token", "of"}}. */
GRAFT_API graft_status graft_eval(graft_config *config, const graft_hooks *hooks, int json,
                                  char **out);

/* Emits the prompts that graft_eval would ask, one line {"index", "turn", "max_new_tokens", "prompt": [ids]} for
 * each item, for another program to answer. */
GRAFT_API graft_status graft_eval_prompts(graft_config *config, const graft_hooks *hooks);

/* Judges the replies of another program to these prompts as graft_eval judges the model's: a file of lines
 * {"index", "turn", "ids": [...]}, one for each item, the token that ends the turn included if there was one.
 * GRAFT_E_DATA names a line that is none, an item without a reply, a token that is not in the vocabulary. */
GRAFT_API graft_status graft_eval_replies(graft_config *config, const char *path,
                                          const graft_hooks *hooks, int json, char **out);

/* Holds two results of graft_eval (files of its JSON) on the same items side by side: for each score both
 * shares with 95 % Wilson intervals, McNemar's exact p, and the items that turned. `metric` (NULL:
 * none) names a score whose changed replies are listed too, at most `limit`. *out: a table, or with
 * json {"before", "after", "paired", "other_questions", "scores"}. GRAFT_E_DATA if a file is no such
 * result or has an item twice, or if the two have no item in common: none of the same number at
 * which the same is asked for. */
GRAFT_API graft_status graft_compare(const char *before_path, const char *after_path,
                                     const char *metric, size_t limit, int json, char **out);

/* Per example one line through hooks->emit: with json
 * {"index", "ids", "weights", "logprobs": [null, ...]}; otherwise a readable table of tokens. */
GRAFT_API graft_status graft_score(graft_config *config, const graft_hooks *hooks, int json);

#endif
