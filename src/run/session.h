/* run/session.h - a base model made ready to be used: tokenizer, chat template, adapter, threads. */
#ifndef GRAFT_RUN_SESSION_H
#define GRAFT_RUN_SESSION_H

#include <graft/job.h>

#include "adapter/adapter.h"
#include "chat/chat.h"
#include "config/config.h"
#include "data/dataset.h"
#include "data/example.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

typedef struct graft_session {
    const graft_config *config;
    graft_compute compute;
    graft_model *model;
    graft_tokenizer *tokenizer;
    graft_chat *chat;
    graft_adapter *adapter; /* NULL: the bare base */
    size_t reply_bytes; /* what keys and values of replies may take, if half a GiB is less */
} graft_session;

/* GRAFT_E_MODEL unless every row of the embeddings has a token: llama.cpp opens no other file. */
graft_status graft_session_check_vocabulary(const graft_model *model, const graft_tokenizer *tokenizer);

/* Opens base_model and its tokenizer, sets threads and kernel level. GRAFT_E_CONFIG if base_model
 * is not set. */
graft_status graft_session_open(graft_session *session, const graft_config *config);
void graft_session_close(graft_session *session);

/* Which chat template a setting means. */
typedef struct graft_template_choice {
    const char *source; /* NULL: there is none */
    size_t n;
    const char *name;   /* for people */
    graft_text text;    /* of a file */
} graft_template_choice;

/* wanted: a file, "builtin", or "base" or NULL for the base's own, the one for tools if it has two and
 * with_tools is set; file may be NULL. Cleared by the caller, also after a failure. */
graft_status graft_template_choose(graft_template_choice *out, const char *wanted,
                                   const graft_gguf *file, bool with_tools);
void graft_template_choice_clear(graft_template_choice *choice);

/* Chooses the chat template: what chat_template says (a file, "builtin", or "base" for the base's
 * own), else the base's own, else the built-in one; says which. A session without a base has none of
 * its own, and no special tokens. */
graft_status graft_session_chat(graft_session *session, bool with_tools);

/* As graft_session_chat; but where init_adapter is used as it is and no chat_template is set, the
 * template that it was trained with, if that lies beside it. */
graft_status graft_session_chat_tuned(graft_session *session, bool with_tools);

/* Tells the session's template chat_template_date, if that is set; the two above have done so. */
graft_status graft_session_set_date(graft_session *session);

/* Says so if init_adapter was trained with another chat template than the session's. */
graft_status graft_session_compare_template(const graft_session *session);

/* Appends the text of chat_template.jinja in the folder of an adapter; nothing if there is none. */
graft_status graft_template_beside(graft_text *out, const char *adapter);

/* The model will read sequences of up to n_tok tokens, replies included. Where it reads short and long
 * contexts differently, says how it is set and what the runtime has to be given. */
void graft_session_set_context(graft_session *session, size_t n_tok);

/* A new adapter as the settings say, started from init_adapter if that is set. */
graft_status graft_session_new_adapter(graft_session *session);

/* The adapter that this made, as it was then. */
graft_status graft_session_reset_adapter(graft_session *session);

/* The adapter of init_adapter with its own rank and targets, if it is set. */
graft_status graft_session_load_adapter(graft_session *session);

/* An adapter that was read, with its own ranks and targets; `path` is for messages. */
struct graft_loaded_adapter;
graft_status graft_session_attach(graft_session *session, const struct graft_loaded_adapter *loaded,
                                  const char *path);

/* Appends the examples of the configured data files. */
graft_status graft_session_read(graft_dataset *dataset, const graft_config *config,
                                const graft_config_sources *sources);

/* Moves what val_set_size, val_split and seed hold back of what was read of `dataset` into *eval, an empty
 * dataset, and says how much; nothing if there is an eval_dataset. */
graft_status graft_session_hold_back(graft_dataset *train, graft_dataset *eval,
                                     const graft_config *config);

/* What the settings say about the weights of a dataset: `reasoning`; and of one that is trained on,
 * train_on, mask_errors and tool_call_weight. Changes messages and weights of the dataset; *out is
 * for graft_examples_build. Says what it did. */
graft_status graft_session_weigh(graft_weighting *out, graft_dataset *dataset,
                                 const graft_config *config, bool trained);

bool graft_dataset_has_tools(const graft_dataset *dataset);

/* A job begins: what is far below it asks these hooks whether to stop (core/interrupt.h), until it ends. */
void graft_hooks_begin(const graft_hooks *hooks);
void graft_hooks_end(void);
/* Asks the hooks whether to stop; GRAFT_E_INTERRUPTED if so. */
graft_status graft_hooks_check(const graft_hooks *hooks);
void graft_hooks_progress(const graft_hooks *hooks, const graft_progress *progress);
graft_status graft_hooks_emit(const graft_hooks *hooks, const char *bytes, size_t n);

#endif
