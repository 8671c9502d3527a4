/* forecast.c - lengths and steps. */
#include "run/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static int by_length(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

graft_status graft_forecast_lengths(graft_length_figures *out, const graft_corpus *corpus)
{
    graft_status status = GRAFT_OK;
    uint32_t *all = NULL, *sorted;
    size_t n = corpus->n_lengths;
    *out = (graft_length_figures){
        .n_examples = n, .n_samples = corpus->n_samples, .limit = corpus->limit,
        .n_cut = corpus->n_cut, .n_windows = corpus->truncation.n_windows,
        .n_lost = corpus->truncation.n_lost};
    for (size_t i = 0; i < corpus->n_samples; i++) {
        const graft_example *e = &corpus->samples[i];
        out->n_tokens += e->n;
        for (uint32_t k = 1; k < e->n; k++) {
            out->n_trained += fabsf(e->weights[k]) > 0;
        }
    }
    if (n == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&all, n, sizeof *all));
    memcpy(all, corpus->lengths, n * sizeof *all);
    qsort(all, n, sizeof *all, by_length);
    while (out->n_unfit < n && all[out->n_unfit] == 0) {
        out->n_unfit++;
    }
    sorted = all + out->n_unfit;
    n -= out->n_unfit;
    if (n == 0) {
        goto done;
    }
    while (out->n_long < n && sorted[n - 1 - out->n_long] > corpus->limit) {
        out->n_long++;
    }
    out->shortest = sorted[0];
    out->median = sorted[(n - 1) / 2];
    out->p95 = sorted[n - 1 - n / 20]; /* at most one in twenty is longer */
    out->longest = sorted[n - 1];
done:
    graft_free(all);
    return status;
}

graft_status graft_first_epoch_open(graft_first_epoch *epoch, const graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_trainer *r = &t->trainer;
    *epoch = (graft_first_epoch){.t = t};
    epoch->n_steps = (size_t)(r->n_steps < r->steps_per_epoch ? r->n_steps : r->steps_per_epoch);
    GRAFT_TRY(graft_alloc(&epoch->order, r->mix.n_slots, sizeof *epoch->order));
    graft_trainer_order(r, epoch->order, 0);
    GRAFT_TRY(graft_step_layout_new(&epoch->layout));
done:
    if (status != GRAFT_OK) {
        graft_first_epoch_close(epoch);
    }
    return status;
}

void graft_first_epoch_close(graft_first_epoch *epoch)
{
    graft_free(epoch->order);
    graft_free(epoch->batch);
    graft_step_layout_free(epoch->layout);
    *epoch = (graft_first_epoch){0};
}

graft_status graft_first_epoch_step(graft_first_epoch *epoch, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_training *t = epoch->t;
    const graft_config *c = t->config;
    graft_layout_options options = {t->trainer.plan.max_tokens_per_pass, c->packing,
                                    c->prefix_sharing, t->trainer.plan.usual_tokens};
    size_t size = (size_t)c->batch_size, begin = i * size, n = 0, n_slots = t->trainer.mix.n_slots;
    size_t end = n_slots - begin < size ? n_slots : begin + size;
    for (size_t k = begin; k < end; k++) {
        const graft_unit *unit = &t->train.units[epoch->order[k]];
        GRAFT_TRY(graft_reserve(&epoch->batch, &epoch->batch_capacity, n + unit->n_samples,
                                sizeof *epoch->batch));
        for (size_t s = 0; s < unit->n_samples; s++) {
            epoch->batch[n++] = &unit->samples[s];
        }
    }
    GRAFT_TRY(graft_step_layout_build(epoch->layout, epoch->batch, n, &options));
done:
    return status;
}

graft_status graft_forecast_steps(graft_step_figures *out, graft_first_epoch *epoch)
{
    graft_status status = GRAFT_OK;
    const graft_trainer *r = &epoch->t->trainer;
    *out = (graft_step_figures){.n_steps = r->n_steps, .steps_per_epoch = r->steps_per_epoch};
    for (; out->n_laid < epoch->n_steps; out->n_laid++) {
        GRAFT_TRY(graft_first_epoch_step(epoch, out->n_laid));
        out->n_tokens += graft_step_layout_tokens(epoch->layout);
        out->n_saved += graft_step_layout_saved(epoch->layout);
        for (size_t i = 0; i < graft_step_layout_n_passes(epoch->layout); i++) {
            const graft_pass *pass = graft_step_layout_pass(epoch->layout, i);
            if (pass->n_predictions > 0) { /* the trainer leaves the others out too */
                out->n_computed += pass->n_tok;
                out->n_largest = pass->n_tok > out->n_largest ? pass->n_tok : out->n_largest;
                out->n_passes++;
            }
        }
    }
done:
    return status;
}
