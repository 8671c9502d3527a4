/* Gemma 2 (Gemma team 2024): scaled embeddings, norms before and after attention and unit, soft-capped
 * scores and logits, a window in every second layer. */
#include <math.h>

#include "model/families.h"

#define MAX_WINDOW ((size_t)1 << 31)

enum { LAYERS_OF_27B = 46 }; /* the size whose scores are scaled by its width per head */

static graft_status read_hparams(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    h->window = 4096;
    h->window_period = 2;
    h->attention_softcap = 50.0;
    h->logit_softcap = 30.0;
    h->embedding_scale = sqrt((double)h->n_embd);
    if (h->n_layer == LAYERS_OF_27B) {
        h->attention_scale = 1.0 / sqrt((double)(h->n_embd / h->n_head));
    }
    GRAFT_TRY(graft_model__want_size(model, "attention.sliding_window", 1, MAX_WINDOW,
                                     &h->window));
    GRAFT_TRY(graft_model__want_size(model, "attention.sliding_window_pattern", 1, h->n_layer + 1,
                                     &h->window_period));
    h->rope.local_scale = h->rope.scale;
    GRAFT_TRY(graft_model__want_number(model, "rope.freq_base_swa", &h->rope.local_base));
    GRAFT_TRY(graft_model__want_number(model, "attn_logit_softcapping", &h->attention_softcap));
    GRAFT_TRY(graft_model__want_number(model, "final_logit_softcapping", &h->logit_softcap));
    if (!(h->attention_softcap > 0) || !(h->logit_softcap > 0)) {
        return graft_model__refuse(model, "soft caps must be positive");
    }
done:
    return status;
}

static graft_status read_block(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_block_plain(model, l, block));
    GRAFT_TRY(graft_block_post_norms(model, l, block));
done:
    return status;
}

const graft_family graft_family_gemma2 = {
    .arch = "gemma2",
    .halves = true,
    .partial = true,
    .tied = true,
    .gate = GRAFT_GATE_GELU,
    .read_hparams = read_hparams,
    .read_block = read_block,
};
