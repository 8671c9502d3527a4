/* The list of vocabulary models, with the defaults of llama.cpp src/llama-vocab.cpp. */
#include "tokenizer/models.h"

#include <string.h>

static const graft_vocabulary_model models[] = {
    {.name = "gpt2", .bos = 11, .eos = 11},
    {.name = "llama", .bos = 1, .eos = 2, .scored = true, .add_bos = true, .space_prefix = true},
    {.name = "gemma4", .pre = "gemma4", .bos = -1, .eos = -1},
};
static const size_t n_models = sizeof models / sizeof models[0];

const graft_vocabulary_model *graft_vocabulary_model_find(const char *name, size_t n)
{
    for (size_t i = 0; i < n_models; i++) {
        if (strlen(models[i].name) == n && memcmp(models[i].name, name, n) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

graft_status graft_vocabulary_models_list(graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < n_models; i++) {
        GRAFT_TRY(graft_text_appendf(out, " %s", models[i].name));
    }
done:
    return status;
}
