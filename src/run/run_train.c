#include <graft/train.h>

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "eval/gates.h"
#include "run/report_html.h"
#include "run/sums.h"
#include "run/training.h"

static graft_status open_folder(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const char *folder = t->config->output_dir;
    char *lock = NULL;
    if (folder == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "output_dir is not set: name the folder of the run");
    }
    GRAFT_TRY(graft_make_dirs(folder));
    GRAFT_TRY(graft_path_join(&t->checkpoints, folder, "checkpoints"));
    GRAFT_TRY(graft_path_join(&lock, folder, ".lock"));
    GRAFT_TRY(graft_lock_take(&t->lock, lock));
    GRAFT_TRY(graft_runlog_open(&t->log, folder));
done:
    graft_free(lock);
    return status;
}

static graft_status run(graft_training *t)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hooks_check(t->hooks));
    GRAFT_TRY(graft_training_begin_pace(t));
    GRAFT_TRY(graft_training_open_sensors(t));
    GRAFT_TRY(graft_training_prepare(t));
    GRAFT_TRY(graft_training_resume(t));
    GRAFT_TRY(graft_base_watch_init(&t->base_watch, t->session.model->file,
                                    t->config->base_check_steps));
    GRAFT_TRY(graft_sums_remove(t->config->output_dir));
    GRAFT_TRY(graft_journal_open(&t->journal, t->config->output_dir, t->trainer.step,
                                 t->best.evaluated, t->trainer.watch.n_rollbacks));
    GRAFT_TRY(graft_training_save_config(t));
    GRAFT_TRY(graft_training_check_pace(t));
    GRAFT_TRY(graft_training_measure_before(t));
    GRAFT_TRY(graft_training_plan_pace(t));
    GRAFT_TRY(graft_training_steps(t));
    GRAFT_TRY(graft_training_choose(t));
    GRAFT_TRY(graft_training_export(t, false));
    GRAFT_TRY(graft_training_evaluate_after(t));
    GRAFT_TRY(graft_report_html(t->config->output_dir));
    GRAFT_TRY(graft_training_export(t, true)); /* what can be refused comes last */
    GRAFT_TRY(graft_sums_write(t->config->output_dir));
done:
    return status;
}

static graft_status read_gates(graft_gates *gates, const graft_config *config)
{
    bool evaluates = config->eval_after && (config->eval_dataset.n > 0 || config->val_set_size > 0);
    if (config->require.n > 0 && !evaluates) {
        return graft_fail(GRAFT_E_CONFIG, "require: scores are asked for, but nothing is evaluated "
                                          "at the end: set eval_dataset or val_set_size, and "
                                          "eval_after");
    }
    return graft_gates_read(gates, (const char *const *)config->require.items, config->require.n);
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
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(read_gates(&gates, config));
    GRAFT_TRY(graft_selection_read(&t.selection, config->metric_for_best_model));
    GRAFT_TRY(open_folder(&t));
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
done:
    graft_training_close(&t);
    graft_text_clear(&text);
    return status;
}
