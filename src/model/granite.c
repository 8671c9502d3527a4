/* Granite 3 (IBM 2024): Llama with scales of embeddings, attention, residuals and logits. */
#include "model/families.h"

static graft_status read_hparams(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    double divisor = 0;
    bool turned = true;
    h->rope.factors = true;
    GRAFT_TRY(graft_model__get_number(model, "logit_scale", &divisor));
    GRAFT_TRY(graft_model__want_scale(model, "embedding_scale", &h->embedding_scale));
    GRAFT_TRY(graft_model__want_scale(model, "residual_scale", &h->residual_scale));
    GRAFT_TRY(graft_model__want_scale(model, "attention.scale", &h->attention_scale));
    GRAFT_TRY(graft_gguf_want_bool(model->file, "granite.rope.scaling.finetuned", &turned));
    h->logit_scale = 1.0 / divisor;
    h->rope.none = !turned;
done:
    return status;
}

const graft_family graft_family_granite = {
    .arch = "granite",
    .read_hparams = read_hparams,
    .read_block = graft_block_plain,
};
