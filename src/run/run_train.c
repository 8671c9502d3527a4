#include <graft/train.h>

#include "core/interrupt.h"
#include "core/log.h"
#include "run/preflight.h"
#include "run/report_html.h"
#include "run/sums.h"
#include "run/training.h"

/* Nothing of it is lost: it is done again. */
static graft_status explain_early_stop(const graft_training *t)
{
    return graft_fail(GRAFT_E_INTERRUPTED, "stopped before step %llu; the same command %s",
                      (unsigned long long)t->trainer.step + 1,
                      t->trainer.step > 0 ? "continues" : "starts again");
}

static graft_status check_space(const graft_training *t)
{
    graft_space_figures space;
    graft_status status = graft_preflight_count(&space, t);
    return status == GRAFT_OK ? graft_preflight_space(t, &space) : status;
}

/* Everything up to the first step. */
static graft_status begin(graft_training *t)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hooks_check(t->hooks));
    GRAFT_TRY(graft_training_begin_pace(t));
    GRAFT_TRY(graft_training_open_sensors(t));
    GRAFT_TRY(graft_training_prepare(t));
    GRAFT_TRY(graft_training_resume(t));
    t->saved_step = t->trainer.step;
    GRAFT_TRY(check_space(t));
    GRAFT_TRY(graft_base_watch_init(&t->base_watch, t->session.model->file,
                                    t->config->base_check_steps));
    GRAFT_TRY(graft_training_look_at_result(t));
    GRAFT_TRY(graft_sums_remove(t->config->output_dir));
    GRAFT_TRY(graft_journal_open(&t->journal, t->config->output_dir, t->trainer.step,
                                 t->best.evaluated, t->trainer.watch.n_rollbacks));
    GRAFT_TRY(graft_training_save_config(t));
    GRAFT_TRY(graft_training_check_pace(t));
    GRAFT_TRY(graft_training_measure_before(t));
    GRAFT_TRY(graft_training_plan_pace(t));
    if (graft_training_is_limited(t)) { /* now it is known how often it is evaluated */
        GRAFT_TRY(check_space(t));
    }
done:
    return status == GRAFT_E_INTERRUPTED ? explain_early_stop(t) : status;
}

/* What else belongs into the folder. The adapter is there already. */
static graft_status write_rest(graft_training *t)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_unwritten_retry(&t->unwritten));
    GRAFT_TRY(graft_journal_finish(t->journal));
    GRAFT_TRY(graft_training_remove_artefacts(t));
    GRAFT_TRY(graft_report_html(t->config->output_dir));
    GRAFT_TRY(graft_sums_write(t->config->output_dir));
done:
    return status != GRAFT_E_DISK ? status
                                  : graft_fail(status, "%s; the adapter is written, and whole",
                                               graft_error_message());
}

static graft_status run(graft_training *t)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(begin(t));
    GRAFT_TRY(graft_training_steps(t));
    GRAFT_TRY(graft_training_choose(t));
    GRAFT_TRY(graft_training_export(t));
    GRAFT_TRY(graft_training_evaluate_after(t));
    GRAFT_TRY(graft_training_merge(t)); /* what can be refused comes last */
    graft_interrupt_hold(); /* it is all but done */
    status = write_rest(t);
    graft_interrupt_release();
done:
    return status == GRAFT_OK ? status : graft_training_rescue(t, status);
}

graft_status graft_train(graft_config *config, const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_training t;
    graft_gates gates;
    graft_text text;
    graft_text_init(&text);
    graft_training_init(&t, config, hooks);
    if (out != NULL) {
        *out = NULL;
    }
    graft_hooks_begin(hooks);
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_check_text(config));
    GRAFT_TRY(graft_training_read_gates(&gates, config));
    GRAFT_TRY(graft_selection_read(&t.selection, config->metric_for_best_model));
    GRAFT_TRY(graft_preflight_folder(&t));
    GRAFT_TRY(graft_runlog_open(&t.log, t.config->output_dir));
    status = run(&t);
    if (status != GRAFT_OK) {
        graft_log(GRAFT_LOG_DEBUG, "ended: %s", graft_error_message());
        goto done;
    }
    GRAFT_TRY(graft_training_summary(&t, json != 0, &text));
    if (out != NULL) {
        GRAFT_TRY(graft_text_take(&text, out));
    }
    GRAFT_TRY(graft_gates_check(&gates, &t.after)); /* everything is written all the same */
    GRAFT_TRY(graft_training_check_exports(&t));
done:
    graft_hooks_end();
    graft_training_close(&t);
    graft_text_clear(&text);
    return status;
}
