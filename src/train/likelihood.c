/* Losses and log-probabilities without training. */
#include <math.h>

#include "core/interrupt.h"
#include "core/memory.h"
#include "train/trainer.h"

static graft_status pass_loss(graft_model *model, graft_compute *compute, const graft_pass *pass,
                              double *loss, float *logprobs)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    graft_tape_begin(&tape, compute, false);
    GRAFT_TRY(graft_model_loss(model, &tape, pass, 0, 1.0, loss, logprobs));
done:
    return status;
}

graft_status graft_examples_loss(graft_model *model, graft_compute *compute,
                                 const graft_example *const *examples, size_t n,
                                 size_t max_tokens_per_pass, double *loss_sum, double *weight_sum)
{
    return graft_examples_visit(model, compute, examples, n, max_tokens_per_pass, loss_sum,
                                weight_sum, NULL, NULL);
}

graft_status graft_examples_visit(graft_model *model, graft_compute *compute,
                                  const graft_example *const *examples, size_t n,
                                  size_t max_tokens_per_pass, double *loss_sum, double *weight_sum,
                                  graft_visit_logprob *visit, void *context)
{
    graft_status status = GRAFT_OK;
    graft_step_layout *layout = NULL;
    float *logprobs = NULL;
    size_t capacity = 0;
    size_t longest = 1;
    *loss_sum = *weight_sum = 0;
    for (size_t i = 0; i < n; i++) {
        longest = examples[i]->n > longest ? examples[i]->n : longest;
    }
    size_t tokens = longest > max_tokens_per_pass ? longest : max_tokens_per_pass;
    graft_layout_options options = {tokens, true, true, 0};
    GRAFT_TRY(graft_model_prepare(model, compute));
    GRAFT_TRY(graft_step_layout_new(&layout));
    GRAFT_TRY(graft_step_layout_build(layout, examples, n, &options));
    for (size_t i = 0; i < graft_step_layout_n_passes(layout); i++) {
        const graft_pass *pass = graft_step_layout_pass(layout, i);
        const uint32_t *times = graft_step_layout_times(layout, i);
        GRAFT_TRY(graft_interrupt_check());
        GRAFT_TRY(graft_reserve(&logprobs, &capacity, pass->n_predictions, sizeof *logprobs));
        GRAFT_TRY(pass_loss(model, compute, pass, loss_sum, visit != NULL ? logprobs : NULL));
        for (size_t k = 0; visit != NULL && k < pass->n_predictions; k++) {
            visit(context, &pass->predictions[k], times[k], logprobs[k]);
        }
    }
    *weight_sum = graft_step_layout_weight(layout);
    if (!isfinite(*loss_sum)) {
        status = graft_fail(GRAFT_E_NUMERICS, "the loss on the evaluation examples is not finite");
    }
done:
    graft_free(logprobs);
    graft_step_layout_free(layout);
    return status;
}

graft_status graft_example_logprobs(graft_model *model, graft_compute *compute,
                                    const graft_example *example, float *out)
{
    graft_status status = GRAFT_OK;
    graft_prediction *predictions = NULL;
    uint32_t *positions = NULL;
    uint32_t n = example->n;
    double loss = 0;
    graft_span span = {0, n, 0, n, -1, 0};
    if (n < 2) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_model_prepare(model, compute));
    GRAFT_TRY(graft_alloc(&predictions, n - 1, sizeof *predictions));
    GRAFT_TRY(graft_alloc(&positions, n, sizeof *positions));
    for (uint32_t i = 0; i < n; i++) {
        positions[i] = i;
        if (i > 0) {
            predictions[i - 1] = (graft_prediction){i - 1, example->ids[i], 1.0f, 0, i};
        }
    }
    graft_pass pass = {n, example->ids, positions, &span, 1, predictions, n - 1};
    GRAFT_TRY(pass_loss(model, compute, &pass, &loss, out + 1));
    if (!isfinite(loss)) {
        status = graft_fail(GRAFT_E_NUMERICS, "the loss of example %u is not finite", example->conversation);
    }
done:
    graft_free(predictions);
    graft_free(positions);
    return status;
}
