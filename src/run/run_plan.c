#include <graft/plan.h>

#include "run/forecast.h"

/* How much is written follows from how many steps there is time for. */
static graft_status check_limited_space(graft_forecast *f, graft_training *t)
{
    graft_status status = GRAFT_OK;
    t->trainer.n_steps = f->limit.n_steps;
    t->trainer.pace.planned = true;
    GRAFT_TRY(graft_preflight_count(&f->space, t));
    status = graft_preflight_space(t, &f->space);
done:
    return status;
}

static graft_status forecast(graft_forecast *f, graft_training *t, bool measure)
{
    graft_status status = GRAFT_OK;
    graft_first_epoch epoch = {0};
    graft_gates gates;
    GRAFT_TRY(graft_hooks_check(t->hooks));
    GRAFT_TRY(graft_training_read_gates(&gates, t->config));
    GRAFT_TRY(graft_preflight_look(t));
    GRAFT_TRY(graft_training_begin_pace(t));
    GRAFT_TRY(graft_training_open_sensors(t));
    GRAFT_TRY(graft_training_prepare(t));
    GRAFT_TRY(graft_training_look_resume(t));
    GRAFT_TRY(graft_first_epoch_open(&epoch, t));
    GRAFT_TRY(graft_forecast_steps(&f->steps, &epoch));
    graft_forecast_memory(&f->memory, t, f->steps.n_largest);
    f->evaluations = (graft_evaluation_figures){
        .n_evaluations = graft_training_n_evaluations(t),
        .every = t->scores_between ? graft_training_interval(t) : 0,
        .n_examples = t->eval.n_units,
    };
    GRAFT_TRY(graft_score_count(&f->evaluations.n_asked, &f->evaluations.n_turns, &t->session,
                                &t->eval));
    f->has_steps = true;
    GRAFT_TRY(graft_preflight_count(&f->space, t));
    f->has_space = true;
    GRAFT_TRY(graft_preflight_space(t, &f->space));
    if (measure) {
        GRAFT_TRY(graft_forecast_time(&f->time, t, &epoch, &f->steps));
        f->has_time = f->time.n_passes > 0;
    }
    if (f->has_time && graft_training_is_limited(t)) {
        GRAFT_TRY(graft_forecast_limit(&f->limit, t, &f->time));
        f->has_limit = true;
        GRAFT_TRY(check_limited_space(f, t));
    }
done:
    graft_first_epoch_close(&epoch);
    return status;
}

static graft_status describe(graft_forecast *f, const graft_training *t, bool json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_forecast_lengths(&f->lengths, &t->train));
    GRAFT_TRY(json ? graft_forecast_json(&text, f) : graft_forecast_text(&text, f, t->config));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_text_clear(&text);
    return status;
}

graft_status graft_train_plan(graft_config *config, const graft_hooks *hooks, int measure, int json,
                              char **out)
{
    graft_status status = GRAFT_OK;
    graft_training t;
    graft_forecast f = {0};
    graft_training_init(&t, config, hooks);
    *out = NULL;
    graft_hooks_begin(hooks);
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_check_text(config));
    status = forecast(&f, &t, measure != 0);
    /* A job that is refused is mostly refused for its lengths, or they help to make it fit. */
    if (t.train.n_lengths > 0 && t.train.n_lengths == t.train.dataset.n &&
        status != GRAFT_E_INTERRUPTED) {
        graft_status described = describe(&f, &t, json != 0, out);
        status = status == GRAFT_OK ? described : status;
    }
done:
    graft_hooks_end();
    graft_training_close(&t);
    return status;
}
