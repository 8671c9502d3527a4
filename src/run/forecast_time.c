/* forecast_time.c - passes of the job itself, timed. */
#include <math.h>

#include "core/clock.h"
#include "core/log.h"
#include "run/bench_pass.h"
#include "run/forecast.h"

enum { MIN_PASSES = 2 };
#define MIN_SECONDS 2.0     /* shorter passes are repeated */
#define ENOUGH_SECONDS 20.0 /* one such pass will do */

typedef struct timing {
    bool warm; /* the first pass is behind us */
    bool odd;  /* a loss was not finite, and that was said */
} timing;

/* Whatever its loss is: an example that training passes over takes as long as others. */
static graft_status time_pass(double *seconds, timing *state, graft_training *t, const graft_pass *pass,
                              double weight)
{
    graft_status status = GRAFT_OK;
    double loss, begin = graft_clock_seconds();
    size_t n = graft_plan_recomputed(&t->trainer.plan, t->session.model,
                                     &t->session.compute.kernels, pass->n_tok);
    GRAFT_TRY(graft_hooks_check(t->hooks));
    GRAFT_TRY(graft_bench_one_pass(&t->session, pass, weight, n, &loss));
    *seconds = graft_clock_seconds() - begin;
    if (!isfinite(loss) && !state->odd) {
        graft_log(GRAFT_LOG_WARN, "the loss of the untrained adapter is not finite in one of these passes: "
                  "training will name the examples");
        state->odd = true;
    }
done:
    return status;
}

static bool is_enough(const graft_time_figures *f)
{
    return (f->n_passes >= MIN_PASSES && f->measured_seconds >= MIN_SECONDS) ||
           (f->n_passes > 0 && f->measured_seconds >= ENOUGH_SECONDS);
}

/* Times the passes of the step that is laid out until it is enough. */
static graft_status time_step(graft_time_figures *f, graft_training *t,
                              const graft_step_layout *layout, timing *state)
{
    graft_status status = GRAFT_OK;
    double weight = graft_step_layout_weight(layout);
    for (size_t i = 0; i < graft_step_layout_n_passes(layout) && !is_enough(f); i++) {
        const graft_pass *pass = graft_step_layout_pass(layout, i);
        double seconds;
        if (pass->n_predictions == 0) {
            continue;
        }
        GRAFT_TRY(time_pass(&seconds, state, t, pass, weight));
        /* The first one makes the arena and reads the base: it counts only if that is nothing
         * beside the rest of it. */
        if (state->warm || seconds >= ENOUGH_SECONDS) {
            f->n_passes++;
            f->n_computed += pass->n_tok;
            f->measured_seconds += seconds;
        }
        state->warm = true;
    }
done:
    return status;
}

graft_status graft_forecast_time(graft_time_figures *out, graft_training *t,
                                 graft_first_epoch *epoch, const graft_step_figures *steps)
{
    graft_status status = GRAFT_OK;
    timing state = {0};
    *out = (graft_time_figures){0};
    graft_log(GRAFT_LOG_INFO, "running a few passes to measure their time");
    for (size_t i = 0; steps->n_passes > 0 && !is_enough(out); i = (i + 1) % epoch->n_steps) {
        GRAFT_TRY(graft_first_epoch_step(epoch, i));
        GRAFT_TRY(time_step(out, t, epoch->layout, &state));
    }
    if (out->n_passes > 0) {
        double epochs = (double)steps->n_steps / (double)steps->n_laid;
        out->seconds = out->measured_seconds / (double)out->n_computed *
                       (double)steps->n_computed * epochs;
        out->tokens_per_second = (double)steps->n_tokens * epochs / out->seconds;
    }
done:
    return status;
}
