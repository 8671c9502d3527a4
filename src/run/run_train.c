#include <graft/train.h>

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "eval/gates.h"
#include "run/report_html.h"
#include "run/training.h"

#define EVAL_LIMIT ((size_t)1 << 30) /* bytes of an eval-*.json that is read back */

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

/* Scores the model as it is, keeps every item's verdict, and says so in the journal. */
static graft_status evaluate(graft_training *t, graft_eval_report *report, const char *when)
{
    graft_status status = GRAFT_OK;
    char name[48];
    char *path = NULL;
    graft_text text;
    graft_json *json = NULL;
    bool before = strcmp(when, "before") == 0;
    graft_text_init(&text);
    if (t->eval.n_units == 0) {
        return GRAFT_OK;
    }
    snprintf(name, sizeof name, "eval-%s.json", when);
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, name));
    GRAFT_TRY(graft_score_corpus(report, &t->session, &t->eval, t->hooks,
                                 before ? "evaluating the base" : "evaluating the result"));
    GRAFT_TRY(graft_eval_report_json(&json, report));
    GRAFT_TRY(graft_json_write(&text, json, GRAFT_JSON_PRETTY));
    GRAFT_TRY(graft_text_append_char(&text, '\n'));
    GRAFT_TRY(graft_file_write(path, graft_text_z(&text), text.len));
    GRAFT_TRY(graft_journal_eval(t->journal, when, t->trainer.step,
                                 (double)t->trainer.step / (double)t->trainer.steps_per_epoch,
                                 graft_json_get(json, "scores")));
done:
    graft_json_free(json);
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

/* The score before training belongs to step 0: a resumed run reads what it wrote then. */
static graft_status evaluate_before(graft_training *t)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    graft_text text;
    graft_json *json = NULL;
    graft_text_init(&text);
    if (!t->config->eval_before) {
        return GRAFT_OK;
    }
    if (t->trainer.step == 0) {
        return evaluate(t, &t->before, "before");
    }
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, "eval-before.json"));
    if (!graft_path_exists(path)) {
        goto done;
    }
    GRAFT_TRY(graft_file_read(&text, path, EVAL_LIMIT));
    if (graft_json_parse(&json, text.data, text.len) != GRAFT_OK ||
        graft_eval_report_parse(&t->before, json) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
    }
done:
    graft_json_free(json);
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

static graft_status run(graft_training *t)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hooks_check(t->hooks));
    GRAFT_TRY(graft_training_prepare(t));
    GRAFT_TRY(graft_training_resume(t));
    GRAFT_TRY(graft_journal_open(&t->journal, t->config->output_dir, t->trainer.step));
    GRAFT_TRY(graft_training_save_config(t));
    GRAFT_TRY(evaluate_before(t));
    GRAFT_TRY(graft_training_begin_replay(t));
    GRAFT_TRY(graft_training_steps(t));
    GRAFT_TRY(graft_training_export(t));
    GRAFT_TRY(graft_training_measure_replay(t, "after", &t->replay_after));
    if (t->config->eval_after) {
        GRAFT_TRY(evaluate(t, &t->after, "after"));
    }
    GRAFT_TRY(graft_report_html(t->config->output_dir));
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
