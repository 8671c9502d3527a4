/* Phi-3, Phi-3.5, Phi-4 and Phi-4-mini (Abdin et al. 2024): one matrix for queries, keys and values,
 * one for both maps of the unit; LongRoPE. The window that Phi-3-mini's files mention is not
 * applied, since the runtime does not apply it. */
#include "model/families.h"

static graft_status read_hparams(graft_model *model)
{
    model->hparams.rope.factors = true;
    return GRAFT_OK;
}

static graft_status read_block(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    size_t n_q = h->n_head * h->d_head, n_qkv = n_q + 2 * h->n_kv * h->d_head;
    GRAFT_TRY(graft_block_norms(model, l, block));
    GRAFT_TRY(graft_model__slot(model, l, "attn_qkv", n_qkv, h->n_embd, &block->qkv));
    GRAFT_TRY(graft_model__slot(model, l, "attn_output", h->n_embd, n_q, &block->output));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_up", 2 * h->n_ff, h->n_embd, &block->gate_up));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_down", h->n_embd, h->n_ff, &block->down));
done:
    return status;
}

const graft_family graft_family_phi3 = {
    .arch = "phi3",
    .halves = true,
    .partial = true,
    .read_hparams = read_hparams,
    .read_block = read_block,
};
