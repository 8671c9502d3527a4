/* Qwen3 (Qwen team 2025): heads of queries and keys are normed before they are turned. */
#include "model/families.h"

static graft_status read_block(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_block_plain(model, l, block));
    GRAFT_TRY(graft_block_head_norms(model, l, block));
done:
    return status;
}

const graft_family graft_family_qwen3 = {
    .arch = "qwen3",
    .halves = true,
    .read_block = read_block,
};
