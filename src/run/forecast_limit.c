/* forecast_limit.c - what a time limit leaves of a run. */
#include <stdio.h>

#include "run/forecast.h"

graft_status graft_forecast_limit(graft_limit_figures *out, graft_training *t,
                                  const graft_time_figures *time)
{
    graft_status status = GRAFT_OK;
    graft_pace_costs costs;
    graft_text text;
    graft_text_init(&text);
    *out = (graft_limit_figures){0};
    t->trainer.pace.tokens_per_second = time->tokens_per_second;
    GRAFT_TRY(graft_training_measure_pace(t));
    graft_training_pace_costs(&costs, t);
    if (t->config->eval_before && t->eval.n_units > 0) {
        costs.first_seconds = costs.evaluation_seconds;
    }
    uint64_t n = graft_pace_fit(&costs);
    if (n == 0) {
        status = graft_training_fail_pace(t, &costs);
        goto done;
    }
    GRAFT_TRY(graft_training_format_pace(t, &costs, n, &text));
    out->n_steps = n;
    out->most = costs.most;
    out->epochs = (double)n / (double)costs.per_epoch;
    out->seconds_left = costs.seconds_left;
    out->evaluation_seconds = costs.evaluation_seconds;
    out->finishes_at = graft_training_wall(t) + graft_pace_seconds(&costs, n, 0);
    snprintf(out->text, sizeof out->text, "%s", graft_text_z(&text));
done:
    graft_text_clear(&text);
    return status;
}
