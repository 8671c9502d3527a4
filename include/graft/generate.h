/* generate.h - one reply of a model. */
#ifndef GRAFT_GENERATE_H
#define GRAFT_GENERATE_H

#include <graft/job.h>

typedef struct graft_generate_request {
    const char *prompt;        /* what the user says, or NULL */
    const char *messages_path; /* JSON file: an array of messages, or an object with `messages` (and `tools`); or NULL */
    const char *tools_path;    /* JSON file with an array of tools, or NULL */
    const char *system;        /* system message put in front of `prompt`, or NULL */
    uint64_t max_new_tokens;   /* >= 1 */
    double temperature;        /* 0: greedy */
    double top_p;              /* (0, 1] */
} graft_generate_request;

/* Answers with base_model (and init_adapter). The reply is passed to hooks->emit piece by piece
 * (valid UTF-8 as far as the model's output is; control characters are the caller's to escape).
 * *out (may be NULL), with json: {"prompt_tokens", "tokens", "text", "calls", "finish"}. */
GRAFT_API graft_status graft_generate_reply(graft_config *config,
                                            const graft_generate_request *request,
                                            const graft_hooks *hooks, int json, char **out);

#endif
