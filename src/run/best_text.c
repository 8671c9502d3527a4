/* best_text.c - what is said about the best adapter and about stopping early. */
#include <math.h>

#include "run/training.h"

typedef unsigned long long ull;

graft_status graft_training_format_early_stop(const graft_training *t, graft_text *out)
{
    char moment[GRAFT_MOMENT_BYTES];
    graft_training_name_moment(moment, t, t->trainer.step, ' ');
    return graft_text_appendf(out, "Stopped early after %s (step %llu of %llu): no better %s in %llu "
                              "evaluations.", moment, (ull)t->trainer.step,
                              (ull)t->trainer.n_steps,
                              graft_selection_name(&t->selection, &t->best.last),
                              (ull)t->best.n_stale);
}

graft_status graft_training_format_best(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_best *best = &t->best;
    char moment[GRAFT_MOMENT_BYTES];
    if (t->stopped_early) {
        GRAFT_TRY(graft_training_format_early_stop(t, out));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
    if (!t->scores_between || best->params == NULL) {
        goto done;
    }
    graft_training_name_moment(moment, t, best->step, ' ');
    GRAFT_TRY(graft_text_appendf(out, "Best: %s, ", moment));
    GRAFT_TRY(graft_selection_format(out, &t->selection, &best->score));
    if (best->step == t->trainer.step) {
        GRAFT_TRY(graft_text_append_z(out, ", the last one.\n"));
        goto done;
    }
    graft_training_name_moment(moment, t, t->trainer.step, ' ');
    GRAFT_TRY(graft_text_appendf(out, "; the last one, %s, has ", moment));
    GRAFT_TRY(graft_selection_format(out, &t->selection, &best->last));
    GRAFT_TRY(graft_text_appendf(out, ". Exported is %s.\n",
                                 t->config->load_best_model_at_end
                                     ? "the best"
                                     : "the last (load_best_model_at_end: false)"));
done:
    return status;
}

graft_status graft_training_set_best(const graft_training *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    const graft_best *best = &t->best;
    if (t->scores_between) {
        GRAFT_TRY(graft_json_set_bool(o, "stopped_early", t->stopped_early));
    }
    if (t->scores_between && best->params != NULL) {
        GRAFT_TRY(graft_json_set_string(o, "metric_for_best_model",
                                        graft_selection_name(&t->selection, &best->score)));
        GRAFT_TRY(graft_json_set_int(o, "best_step", (int64_t)best->step));
        GRAFT_TRY(graft_json_set_double(o, "best", fabs(best->score.value)));
        GRAFT_TRY(graft_json_set_int(o, "exported_step",
                                     (int64_t)(t->chosen_step > 0 ? t->chosen_step
                                                                  : t->trainer.step)));
    }
done:
    return status;
}
