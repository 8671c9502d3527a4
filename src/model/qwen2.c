/* Qwen2 and Qwen2.5 (Qwen team 2024): biases of queries, keys and values. */
#include "model/families.h"

static graft_status read_block(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_block_plain(model, l, block));
    if (block->q->bias == NULL || block->k->bias == NULL || block->v->bias == NULL) {
        return graft_model__refuse(model, "layer %zu lacks a bias of attn_q, attn_k or attn_v", l);
    }
done:
    return status;
}

const graft_family graft_family_qwen2 = {
    .arch = "qwen2",
    .halves = true,
    .read_block = read_block,
};
