/* forecast_memory.c - a plan of memory (train/plan.h) as figures for people. */
#include "run/forecast.h"

void graft_forecast_memory(graft_memory_figures *out, const graft_training *t, size_t n_tok)
{
    const graft_plan *plan = &t->trainer.plan;
    const graft_model *model = t->session.model;
    const graft_kernels *kernels = &t->session.compute.kernels;
    size_t parameters = t->session.adapter->n_params * sizeof(graft_real);
    size_t resident = graft_plan_resident_bytes(model);
    *out = (graft_memory_figures){
        .base = (size_t)graft_gguf_size(model->file),
        .adapter = 4 * parameters,
        .saving = plan->saving_bytes,
        .scratch = plan->fixed_bytes - 4 * parameters,
        .activations = graft_plan_pass_bytes(plan, model, kernels, n_tok),
        /* Of the adapter only the parameters have been written yet. */
        .other = resident > parameters ? resident - parameters : 0,
        .n_tok = n_tok,
        .n_recomputed = graft_plan_recomputed(plan, model, kernels, n_tok),
        .n_layer = model->hparams.n_layer,
    };
    out->peak = out->base + out->adapter + out->scratch + out->activations + out->saving +
                out->other;
}
