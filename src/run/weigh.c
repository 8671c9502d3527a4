/* weigh.c - what the settings say about loss weights, done to a dataset. */
#include "core/log.h"
#include "run/session.h"

graft_status graft_session_weigh(graft_weighting *out, graft_dataset *dataset,
                                 const graft_config *config, bool trained)
{
    graft_status status = GRAFT_OK;
    *out = (graft_weighting){0, config->reasoning == GRAFT_REASONING_CONTEXT};
    if (config->reasoning == GRAFT_REASONING_DROP) {
        size_t n = 0;
        GRAFT_TRY(graft_dataset_drop_reasoning(dataset, &n));
        graft_log(GRAFT_LOG_INFO, "reasoning: drop: left the thoughts of %zu messages out", n);
    }
    if (!trained) {
        return GRAFT_OK;
    }
    out->calls = (float)config->tool_call_weight;
    if (config->train_on == GRAFT_TRAIN_ON_LAST) {
        graft_dataset_train_last(dataset);
    }
    if (config->mask_errors) {
        size_t n_errors = 0, n_masked = 0;
        GRAFT_TRY(graft_dataset_mask_errors(dataset, &n_errors, &n_masked));
        graft_log(GRAFT_LOG_INFO, "mask_errors: %zu tool results report an error; %zu messages that "
                  "called for them are not trained", n_errors, n_masked);
    }
done:
    return status;
}
