/* tokenizer/models.h - the kinds of vocabulary, by `tokenizer.ggml.model`.
 *
 * gpt2: pairs of bytes are merged in the order of a list. llama: SentencePiece, pairs of
 * characters are merged by the score of what they become, over the whole text. gemma4: pairs of
 * characters in the order of a list. Adding one is adding a row. */
#ifndef GRAFT_TOKENIZER_MODELS_H
#define GRAFT_TOKENIZER_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/strings.h"

typedef struct graft_vocabulary_model {
    const char *name;
    const char *pre; /* the pre-tokeniser whatever the file says; NULL: the file's */
    int32_t bos, eos; /* unless the file says otherwise; -1: none */
    bool scored;      /* pieces with scores instead of merges and a pre-tokeniser */
    bool add_bos, space_prefix; /* of a scored one, unless the file says otherwise */
} graft_vocabulary_model;

/* The row that has the name; NULL if there is none. */
const graft_vocabulary_model *graft_vocabulary_model_find(const char *name, size_t n);
/* Appends " gpt2 llama ...": all names there are. */
graft_status graft_vocabulary_models_list(graft_text *out);

#endif
