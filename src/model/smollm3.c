/* SmolLM3 (Hugging Face 2025): Llama, but every fourth layer does not turn its heads. */
#include "model/families.h"

static graft_status read_block(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_block_plain(model, l, block));
    if ((l + 1) % 4 == 0) {
        block->rotation = NULL;
    }
done:
    return status;
}

const graft_family graft_family_smollm3 = {
    .arch = "smollm3",
    .read_block = read_block,
};
