/* Ministral 3 and Mistral Small 3 (Mistral AI 2025): Llama, but beyond the first context queries grow
 * with their position, and YaRN's magnitude has a multiplier. */
#include "model/families.h"

static graft_status read_hparams(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_rope_hparams *rope = &model->hparams.rope;
    rope->factors = true;
    GRAFT_TRY(graft_model__want_number(model, "attention.temperature_scale", &rope->temperature));
    GRAFT_TRY(graft_model__want_number(model, "rope.scaling.yarn_log_multiplier",
                                       &rope->log_multiplier));
    GRAFT_TRY(graft_model__want_number(model, "rope.scaling.yarn_beta_fast", &rope->beta_fast));
    GRAFT_TRY(graft_model__want_number(model, "rope.scaling.yarn_beta_slow", &rope->beta_slow));
done:
    return status;
}

const graft_family graft_family_mistral3 = {
    .arch = "mistral3",
    .read_hparams = read_hparams,
    .read_block = graft_block_plain,
};
