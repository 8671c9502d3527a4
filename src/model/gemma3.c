/* Gemma 3, text (Gemma team 2025): Gemma 2 with normed heads instead of soft caps, a window in five of
 * six layers, and another base of rope there. */
#include <math.h>

#include "model/families.h"

#define MAX_WINDOW ((size_t)1 << 31)

enum { LAYERS_OF_27B = 62 }; /* the size whose scores are scaled by its width per head */

static graft_status read_hparams(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    h->window_period = 6;
    h->embedding_scale = sqrt((double)h->n_embd);
    if (h->n_layer == LAYERS_OF_27B) {
        h->attention_scale = 1.0 / sqrt((double)(h->n_embd / h->n_head));
    }
    h->rope.local_base = 10000.0;
    h->rope.local_scale = 1.0;
    GRAFT_TRY(graft_model__want_size(model, "attention.sliding_window", 0, MAX_WINDOW,
                                     &h->window));
    GRAFT_TRY(graft_model__want_size(model, "attention.sliding_window_pattern", 1, h->n_layer + 6,
                                     &h->window_period));
    GRAFT_TRY(graft_model__want_number(model, "rope.freq_base_swa", &h->rope.local_base));
    GRAFT_TRY(graft_model__want_number(model, "final_logit_softcapping", &h->logit_softcap));
    h->window_period = h->window == 0 ? 0 : h->window_period;
done:
    return status;
}

static graft_status read_block(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_block_plain(model, l, block));
    GRAFT_TRY(graft_block_head_norms(model, l, block));
    GRAFT_TRY(graft_block_post_norms(model, l, block));
done:
    return status;
}

const graft_family graft_family_gemma3 = {
    .arch = "gemma3",
    .halves = true,
    .partial = true,
    .gate = GRAFT_GATE_GELU,
    .read_hparams = read_hparams,
    .read_block = read_block,
};
