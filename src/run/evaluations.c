/* evaluations.c - the scores of a run: of the base, between steps, and of what is exported. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "run/training.h"

typedef unsigned long long ull;

static graft_journal_place place_of(const graft_training *t, const char *when)
{
    double epoch = (double)t->trainer.step / (double)t->trainer.steps_per_epoch;
    return (graft_journal_place){when, t->trainer.step, epoch, 0};
}

/* --- one evaluation --- */

/* Of what is asked, and by which base: scores compare only where that is the same. */
static graft_status digest_basis(char out[65], const graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    graft_sha256 hash;
    uint8_t digest[32];
    char data[65];
    graft_text words;
    graft_text_init(&words);
    graft_corpus_hash(&t->eval, data);
    GRAFT_TRY(graft_text_appendf(&words, "%s %s; %llu %llu %d; %s", t->base_hash, data,
                                 (ull)c->eval_samples, (ull)c->eval_max_new_tokens, c->eval_turns,
                                 graft_chat_dialect(t->session.chat)->name));
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, graft_text_z(&words), words.len);
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, out);
done:
    graft_text_clear(&words);
    return status;
}

static const char basis_key[] = "basis_sha256";

/* Keeps every item's verdict in a file of the run, and the scores in the journal; place NULL: there
 * they are already. */
static graft_status record(graft_training *t, const graft_eval_report *report, const char *file,
                           const graft_journal_place *place)
{
    graft_status status = GRAFT_OK;
    char *path = NULL, basis[65];
    graft_text text;
    graft_json *json = NULL;
    graft_text_init(&text);
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, file));
    GRAFT_TRY(digest_basis(basis, t));
    GRAFT_TRY(graft_eval_report_json(&json, report));
    GRAFT_TRY(graft_json_set_string(json, basis_key, basis));
    GRAFT_TRY(graft_json_write(&text, json, GRAFT_JSON_PRETTY));
    GRAFT_TRY(graft_text_append_char(&text, '\n'));
    GRAFT_TRY(graft_unwritten_write(&t->unwritten, path, graft_text_z(&text), text.len));
    if (place != NULL) {
        GRAFT_TRY(graft_journal_eval(t->journal, place, graft_json_get(json, "scores"),
                                     report->loss_per_token));
    }
done:
    graft_json_free(json);
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

/* Scores the model as it is. What was measured last on general text goes with it. */
static graft_status evaluate(graft_training *t, graft_eval_report *report, const char *phase)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_score_corpus(report, &t->session, &t->eval, t->hooks, phase));
    GRAFT_TRY(graft_base_check(&t->base));
    if (t->general.last > 0) {
        report->general_loss = t->general.last;
        report->general_tokens = t->general.n_tokens;
    }
done:
    return status;
}

/* Reads an evaluation that an earlier process left; *report stays empty if there is none. *same: it asked the
 * same of the same base. */
static graft_status read_report(const graft_training *t, graft_eval_report *report, bool *same,
                                const char *file)
{
    graft_status status = GRAFT_OK;
    char *path = NULL, basis[65];
    graft_text text;
    graft_json *json = NULL;
    graft_text_init(&text);
    *same = false;
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, file));
    GRAFT_TRY(digest_basis(basis, t));
    if (!graft_path_exists(path)) {
        goto done;
    }
    GRAFT_TRY(graft_file_read(&text, path, GRAFT_EVAL_FILE_BYTES));
    if (graft_json_parse(&json, text.data, text.len) != GRAFT_OK ||
        graft_eval_report_parse(report, json) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
    }
    const char *found = status == GRAFT_OK ? graft_json_string(graft_json_get(json, basis_key), NULL) : NULL;
    *same = found != NULL && strcmp(found, basis) == 0;
done:
    graft_json_free(json);
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

/* Scores what the run began with once more, in a run that continues. The adapter is what it was afterwards. */
static graft_status evaluate_start(graft_training *t, const char *why)
{
    graft_status status = GRAFT_OK;
    graft_adapter *adapter = t->session.adapter;
    graft_real *params = NULL;
    size_t n = adapter->n_params;
    graft_log(GRAFT_LOG_WARN, "%s/eval-before.json %s: the start of the run is evaluated once more",
              t->config->output_dir, why);
    GRAFT_TRY(graft_alloc(&params, n, sizeof *params));
    memcpy(params, adapter->params, n * sizeof *params);
    status = graft_session_reset_adapter(&t->session);
    if (status == GRAFT_OK) {
        status = evaluate(t, &t->before, "evaluating the base");
    }
    memcpy(adapter->params, params, n * sizeof *params);
    GRAFT_TRY(status);
    if (t->general.before > 0) {
        t->before.general_loss = t->general.before;
        t->before.general_tokens = t->general.n_tokens;
    }
    GRAFT_TRY(record(t, &t->before, "eval-before.json", NULL));
done:
    graft_free(params);
    return status;
}

/* What an earlier process measured, if it could write it, and was asked the same (--force). */
static graft_status recall_before(graft_training *t)
{
    graft_status status = GRAFT_OK;
    bool same;
    GRAFT_TRY(read_report(t, &t->before, &same, "eval-before.json"));
    if (t->before.n == 0) {
        GRAFT_TRY(evaluate_start(t, "is missing"));
    } else if (!same) {
        graft_eval_report_clear(&t->before);
        GRAFT_TRY(evaluate_start(t, "is of other data, other settings or another base"));
    }
    if (!(t->general.before > 0)) { /* it is of other text, if of any */
        t->before.general_loss = (double)NAN;
    }
done:
    return status;
}

graft_status graft_training_evaluate_before(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_journal_place place = place_of(t, "before");
    graft_merit score;
    GRAFT_TRY(graft_training_remove_scores(t));
    if (!t->config->eval_before || t->eval.n_units == 0) {
        goto done;
    }
    if (t->trainer.step > 0) {
        GRAFT_TRY(recall_before(t));
        goto done;
    }
    GRAFT_TRY(evaluate(t, &t->before, "evaluating the base"));
    GRAFT_TRY(graft_selection_score(&score, &t->selection, &t->before));
    GRAFT_TRY(record(t, &t->before, "eval-before.json", &place));
done:
    return status;
}

/* --- between steps --- */

/* "epoch 2: exact 12/40 (+3), loss 0.4321 (-0.0210): the best so far" */
static graft_status announce(const graft_training *t, const char *moment,
                             const graft_merit *earlier, const graft_merit *now, bool best)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    bool is_share = now->of > 0, knew = !isnan(earlier->value);
    GRAFT_TRY(graft_text_appendf(&line, "%s: ", moment));
    GRAFT_TRY(graft_selection_format(&line, &t->selection, now));
    if (knew && is_share) {
        GRAFT_TRY(graft_text_appendf(&line, " (%+lld)",
                                     (long long)now->hits - (long long)earlier->hits));
    } else if (knew) {
        GRAFT_TRY(graft_text_appendf(&line, " (%+.4f)", fabs(now->value) - fabs(earlier->value)));
    }
    if (isfinite(now->loss) && !(now->value < 0)) { /* it is not what decides */
        GRAFT_TRY(graft_text_appendf(&line, ", loss %.4f", now->loss));
        if (isfinite(earlier->loss)) {
            GRAFT_TRY(graft_text_appendf(&line, " (%+.4f)", now->loss - earlier->loss));
        }
    }
    graft_log(GRAFT_LOG_INFO, "%s%s", graft_text_z(&line), best ? ": the best so far" : "");
done:
    graft_text_clear(&line);
    return status;
}

static bool is_exhausted(const graft_training *t)
{
    uint64_t patience = t->config->early_stopping_patience;
    return patience > 0 && t->scores_between && t->best.evaluated == t->trainer.step &&
           t->best.n_stale >= patience && t->trainer.step < t->trainer.n_steps;
}

static graft_status log_early_stop(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    GRAFT_TRY(graft_training_format_early_stop(t, &line));
    graft_log(GRAFT_LOG_INFO, "%s", graft_text_z(&line));
done:
    graft_text_clear(&line);
    return status;
}

/* Scores the model as it is, and remembers it if it is the best so far. */
static graft_status score_moment(graft_training *t, const graft_journal_place *place)
{
    graft_status status = GRAFT_OK;
    uint64_t step = t->trainer.step;
    char moment[GRAFT_MOMENT_BYTES], file[GRAFT_MOMENT_BYTES + 16], phase[GRAFT_MOMENT_BYTES + 16];
    graft_eval_report report;
    graft_merit score, earlier = t->best.last;
    graft_eval_report_init(&report);
    graft_training_name_moment(moment, t, step, '-');
    snprintf(file, sizeof file, "eval-%s.json", moment);
    graft_training_name_moment(moment, t, step, ' ');
    snprintf(phase, sizeof phase, "evaluating %s", moment);
    if (t->best.n_evaluations == 0 && t->before.n > 0) {
        GRAFT_TRY(graft_selection_score(&earlier, &t->selection, &t->before));
    }
    GRAFT_TRY(evaluate(t, &report, phase));
    GRAFT_TRY(graft_selection_score(&score, &t->selection, &report));
    GRAFT_TRY(record(t, &report, file, place));
    GRAFT_TRY(graft_best_offer(&t->best, t->session.adapter, step, &score,
                               t->config->early_stopping_threshold));
    bool best = t->best.params != NULL && t->best.step == step;
    GRAFT_TRY(announce(t, moment, &earlier, &score, best));
    if (best || !t->config->load_best_model_at_end) {
        graft_eval_report_clear(&t->after);
        t->after = report;
        graft_eval_report_init(&report);
    }
done:
    graft_eval_report_clear(&report);
    return status;
}

/* Everything that is measured while training, as the model stands. */
static graft_status measure(graft_training *t)
{
    graft_status status = GRAFT_OK;
    double begin = graft_clock_seconds();
    graft_journal_place place = place_of(t, t->config->eval_strategy == GRAFT_EVAL_STEPS ? "step" : "epoch");
    GRAFT_TRY(graft_training_measure_held(t, &place));
    if (t->scores_between) {
        GRAFT_TRY(score_moment(t, &place));
    }
    t->best.evaluated = t->trainer.step;
    if (is_exhausted(t)) {
        GRAFT_TRY(graft_journal_best(t->journal, &place, "early_stop",
                                     graft_selection_name(&t->selection, &t->best.last),
                                     t->best.step, fabs(t->best.score.value)));
    }
done:
    graft_training_evaluated(t, graft_clock_seconds() - begin, true);
    t->begin += graft_clock_seconds() - begin; /* of the steps alone */
    return status;
}

graft_status graft_training_pause(graft_training *t, bool *measured)
{
    graft_status status = GRAFT_OK;
    uint64_t step = t->trainer.step;
    *measured = false;
    if (graft_training_measures_between(t) && step > 0 && step < t->trainer.n_steps &&
        step % graft_training_interval(t) == 0 && t->best.evaluated != step) {
        GRAFT_TRY(measure(t));
        *measured = true;
    }
    t->stopped_early = is_exhausted(t);
    if (t->stopped_early) {
        GRAFT_TRY(log_early_stop(t));
    }
done:
    return status;
}

/* --- after the last step --- */

/* Everything is saved already when the result is evaluated. */
static graft_status explain(const graft_training *t, graft_status status)
{
    return status == GRAFT_E_INTERRUPTED
               ? graft_fail(status, "stopped while the result was evaluated; %s", graft_training_way_on(t))
               : status;
}

graft_status graft_training_choose(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_best *best = &t->best;
    uint64_t step = t->trainer.step;
    if (!t->scores_between) {
        return GRAFT_OK;
    }
    if (best->evaluated != step) {
        GRAFT_TRY(explain(t, measure(t)));
        status = graft_training_save(t);
        status = status == GRAFT_E_DISK || status == GRAFT_E_MEMORY ? GRAFT_OK : status;
        GRAFT_TRY(status);
    }
    if (t->config->load_best_model_at_end && best->params != NULL && best->step != step) {
        graft_best_restore(best, t->session.adapter);
        t->chosen_step = best->step;
    }
    if (best->params != NULL) {
        graft_journal_place place = place_of(t, "after");
        GRAFT_TRY(graft_journal_best(t->journal, &place, "best",
                                     graft_selection_name(&t->selection, &best->score),
                                     best->step, fabs(best->score.value)));
    }
done:
    return status;
}

/* The losses on what is held of the adapter that is exported; those measured last, if they are its. */
static graft_status measure_held_after(graft_training *t, const graft_journal_place *place)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_training_measure_held(t, place));
    t->replay.after = t->replay.last;
    t->general.after = t->general.last;
done:
    return status;
}

/* Reads the scores of what is exported from the evaluation that an earlier process wrote, if they are
 * those of that adapter still. */
static graft_status recall_after(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_merit *known = t->chosen_step > 0 ? &t->best.score : &t->best.last;
    char moment[GRAFT_MOMENT_BYTES], file[GRAFT_MOMENT_BYTES + 16];
    uint64_t step = t->chosen_step > 0 ? t->chosen_step : t->trainer.step;
    bool same;
    graft_training_name_moment(moment, t, step, '-');
    snprintf(file, sizeof file, "eval-%s.json", moment);
    GRAFT_TRY(read_report(t, &t->after, &same, file));
    double loss = t->after.loss_per_token;
    bool other = loss < known->loss || loss > known->loss;
    if (t->after.n > 0 && (other || !same)) {
        status = graft_fail(GRAFT_E_DATA, "%s/%s: is of %s", t->config->output_dir, file,
                            other ? "another adapter" : "other data, other settings or another base");
        graft_eval_report_clear(&t->after);
        graft_eval_report_init(&t->after);
    }
done:
    return status;
}

graft_status graft_training_evaluate_after(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_journal_place place = place_of(t, "after");
    place.of_step = t->chosen_step;
    GRAFT_TRY(explain(t, measure_held_after(t, &place)));
    if (!t->config->eval_after || t->eval.n_units == 0) {
        GRAFT_TRY(graft_training_remove_last_score(t));
        goto done;
    }
    if (t->scores_between && t->after.n == 0 && recall_after(t) != GRAFT_OK) {
        graft_log(GRAFT_LOG_WARN, "%s: evaluated once more", graft_error_message());
    }
    if (t->after.n == 0) {
        GRAFT_TRY(explain(t, evaluate(t, &t->after, "evaluating the result")));
    }
    t->after.general_loss = t->general.after > 0 ? t->general.after : (double)NAN; /* of the text of now */
    t->after.general_tokens = t->general.after > 0 ? t->general.n_tokens : 0;
    GRAFT_TRY(record(t, &t->after, "eval-after.json", &place));
done:
    return status;
}
