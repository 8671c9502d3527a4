/* Llama (Touvron et al. 2023) and what shares its graph: Llama 1 to 3.2, Mistral 7B and Nemo, SmolLM
 * and SmolLM2, TinyLlama and others. */
#include "model/families.h"

static graft_status read_hparams(graft_model *model)
{
    model->hparams.rope.factors = true; /* Llama 3.1: of each frequency */
    return GRAFT_OK;
}

const graft_family graft_family_llama = {
    .arch = "llama",
    .read_hparams = read_hparams,
    .read_block = graft_block_plain,
};
