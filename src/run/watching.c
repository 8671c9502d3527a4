/* watching.c - what a training job does about a step whose numbers are bad, and about its base. */
#include <stdio.h>

#include "core/log.h"
#include "run/training.h"
#include "train/rollback.h"

typedef unsigned long long ull;

/* --- the examples of a step --- */

enum { EXAMPLES_SHOWN = 8 };

static const graft_conversation *origin(const graft_training *t, const graft_example *example)
{
    return &t->train.dataset.conversations[example->conversation];
}

/* Those whose loss is not finite, if it is known which; else all of the step. */
static const graft_example *const *concerned(const graft_training *t, const graft_step_report *r,
                                             size_t *n)
{
    *n = r->n_suspects > 0 ? r->n_suspects : t->trainer.n_batch;
    return r->n_suspects > 0 ? r->suspects : t->trainer.batch;
}

/* "a.jsonl:3 (120 tokens), a.jsonl:9 (80 tokens) and 6 more" */
static graft_status append_examples(graft_text *out, const graft_training *t,
                                    const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    const graft_example *const *examples = concerned(t, r, &n);
    for (size_t i = 0; i < n && i < EXAMPLES_SHOWN; i++) {
        const graft_conversation *c = origin(t, examples[i]);
        GRAFT_TRY(graft_text_appendf(out, "%s%s:%zu (%u tokens)", i > 0 ? ", " : "", c->file, c->line,
                                     examples[i]->n));
    }
    if (n > EXAMPLES_SHOWN) {
        GRAFT_TRY(graft_text_appendf(out, " and %zu more", n - EXAMPLES_SHOWN));
    }
done:
    return status;
}

/* All of them, as [{"file", "line", "tokens"}, ...]. */
static graft_status set_examples(graft_json *record, const char *key,
                                 const graft_training *t, const graft_example *const *examples, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    for (size_t i = 0; i < n; i++) {
        graft_json *item = graft_json_new_object();
        const graft_conversation *c = origin(t, examples[i]);
        GRAFT_TRY(graft_json_push(list, item));
        GRAFT_TRY(graft_json_set_string(item, "file", c->file));
        GRAFT_TRY(graft_json_set_int(item, "line", (int64_t)c->line));
        GRAFT_TRY(graft_json_set_int(item, "tokens", examples[i]->n));
    }
    GRAFT_TRY(graft_json_set(record, key, graft_json_retain(list)));
done:
    graft_json_free(list);
    return status;
}

/* --- what is said and recorded --- */

/* {"event", "step", "epoch"}; "message" is what the log has. NULL on failure of the last call. */
static graft_status begin_record(graft_json **out, const char *event, const graft_step_report *r,
                                 const char *message)
{
    graft_status status = GRAFT_OK;
    graft_json *record = *out = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(record, "event", event));
    GRAFT_TRY(graft_json_set_int(record, "step", (int64_t)r->step));
    GRAFT_TRY(graft_json_set_double(record, "epoch", r->epoch));
    GRAFT_TRY(graft_json_set_string(record, "message", message));
done:
    return status;
}

/* Appends what is to be said of a step. */
typedef graft_status describe(graft_text *out, const graft_training *t, const graft_step_report *r);

static graft_status describe_disagreement(graft_text *out, const graft_training *t,
                                          const graft_step_report *r)
{
    (void)t;
    return graft_text_appendf(out, "step %llu: a pass gave other numbers when it was repeated; what "
                              "came out twice is used. This machine made an error: if it happens "
                              "once more, the run ends", (ull)r->step);
}

static graft_status describe_spike(graft_text *out, const graft_training *t,
                                   const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "step %llu: the loss leaps to %.4f (lately %.4f; up to %.4f "
                                 "would be usual), gradient norm %.3g: ", (ull)r->step, r->loss,
                                 r->band.median, r->band.limit, r->grad_norm));
    GRAFT_TRY(append_examples(out, t, r));
    if (r->outcome == GRAFT_STEP_SPIKE) {
        GRAFT_TRY(graft_text_append_z(out, "; the step was not applied"));
    }
done:
    return status;
}

static graft_status describe_divergence(graft_text *out, const graft_training *t,
                                        const graft_step_report *r)
{
    (void)t;
    return graft_text_appendf(out, "step %llu: training diverges: the loss rose from %.4f to %.4f "
                              "(median of %d steps) at a learning rate of %.3g; try a lower "
                              "learning_rate, or more warmup_steps", (ull)r->step, r->level_from,
                              r->level, GRAFT_WATCH_LEVEL, r->learning_rate);
}

static graft_status describe_bad_step(graft_text *out, const graft_training *t,
                                      const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "step %llu was not applied: %s; learning rate %.3g; "
                                 "examples: ", (ull)r->step, r->where, r->learning_rate));
    GRAFT_TRY(append_examples(out, t, r));
done:
    return status;
}

/* Says the message, and records it. */
static graft_status tell(graft_training *t, const graft_step_report *r, const char *event,
                         const graft_text *message, bool with_examples)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    graft_log(GRAFT_LOG_WARN, "%s", graft_text_z(message));
    GRAFT_TRY(begin_record(&record, event, r, graft_text_z(message)));
    if (with_examples) {
        GRAFT_TRY(set_examples(record, "examples", t, t->trainer.batch, t->trainer.n_batch));
        GRAFT_TRY(set_examples(record, "suspects", t, r->suspects, r->n_suspects));
    }
    GRAFT_TRY(graft_journal_record(t->journal, record));
done:
    graft_json_free(record);
    return status;
}

/* Everything that was odd about the step, each with its examples if they matter. */
static graft_status tell_all(graft_training *t, const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    bool skipped = r->outcome != GRAFT_STEP_APPLIED && r->outcome != GRAFT_STEP_SPIKE;
    const struct {
        bool so;
        const char *event;
        describe *describe;
        bool with_examples;
    } kinds[] = {
        {r->disagreed, "recheck", describe_disagreement, false},
        {r->spike, "spike", describe_spike, true},
        {r->diverges, "divergence", describe_divergence, false},
        {skipped, "bad_step", describe_bad_step, true},
    };
    graft_text line;
    graft_text_init(&line);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].so) {
            graft_text_clear(&line);
            GRAFT_TRY(kinds[i].describe(&line, t, r));
            GRAFT_TRY(tell(t, r, kinds[i].event, &line, kinds[i].with_examples));
        }
    }
done:
    graft_text_clear(&line);
    return status;
}

/* --- rollbacks --- */

/* The state of the newest anchor up to `target`, or of the start. A run that goes on from a
 * checkpoint does not begin anew because others cannot be used, nor one of another run at all: that would
 * remove it. */
static graft_status restore(graft_training *t, uint64_t target)
{
    graft_status status = GRAFT_OK;
    bool found = false;
    bool goes_on = target > 0 || graft_rollback_has_accepted(&t->trainer);
    GRAFT_TRY(graft_rollback_load(&found, &t->trainer, &t->best, graft_text_z(&t->identity),
                                  t->checkpoints, t->begun_from, target));
    if (!found && goes_on && t->begun_from != NULL) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: no checkpoint of step %llu or before can be "
                            "used to go back to, nor can %s, which this run went on from",
                            t->checkpoints, (ull)target, t->begun_from);
        goto done;
    }
    if (!found) {
        GRAFT_TRY(graft_session_reset_adapter(&t->session));
        graft_trainer_rewind(&t->trainer);
    }
done:
    return status;
}

/* What was measured since is of adapters that are gone. */
static void forget_measured(graft_training *t)
{
    graft_eval_report_clear(&t->after);
    graft_eval_report_init(&t->after);
    t->replay.last_step = t->general.last_step = UINT64_MAX;
    t->begin_step = t->trainer.step < t->begin_step ? t->trainer.step : t->begin_step;
    t->saved_step = t->trainer.step;
    t->unsaved = false;
}

/* Checkpoints and records of what is undone go before the new state is saved, so that a run that is cut
 * off in between comes here again with the same numbers. `why` begins what is said. */
static graft_status roll_back(graft_training *t, const graft_step_report *r, const char *why)
{
    graft_status status = GRAFT_OK;
    graft_trainer *trainer = &t->trainer;
    const graft_watch before = trainer->watch;
    graft_text line;
    graft_text_init(&line);
    GRAFT_TRY(restore(t, graft_watch_target(&before, t->config, trainer->step)));
    graft_watch_roll_back(&trainer->watch, &before);
    forget_measured(t);
    GRAFT_TRY(graft_text_appendf(&line, "%s: back to step %llu, with %g of the learning rate "
                                 "(rollback %llu of %d)", why, (ull)trainer->step,
                                 trainer->watch.factor, (ull)trainer->watch.n_rollbacks,
                                 GRAFT_MAX_ROLLBACKS));
    if (t->has_saved || t->begun_from != NULL) { /* others are replaced by the first that is saved */
        GRAFT_TRY(graft_rollback_forget(t->checkpoints, trainer->step));
    }
    GRAFT_TRY(tell(t, r, "rollback", &line, false));
    GRAFT_TRY(graft_journal_rewind(t->journal, trainer->step, trainer->watch.n_rollbacks));
    if (trainer->step > 0) {
        status = graft_training_save(t);
        if (status == GRAFT_E_DISK || status == GRAFT_E_MEMORY) {
            status = GRAFT_OK; /* the old one is there, and leads here */
        }
    }
done:
    graft_text_clear(&line);
    return status;
}

/* Ends the run: nothing that it could still do would help. */
static graft_status give_up(const graft_training *t, const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    graft_text tried, examples;
    graft_text_init(&tried);
    graft_text_init(&examples);
    const graft_kernels *kernels = &t->session.compute.kernels;
    const char *f32 = kernels->half || kernels->bytes ? ", compute: f32" : "";
    const graft_watch *w = &t->trainer.watch;
    if (t->config->max_bad_steps == 0) {
        GRAFT_TRY(graft_text_append_z(&tried, "max_bad_steps is 0"));
    } else {
        if (w->n_bad > 0) {
            GRAFT_TRY(graft_text_appendf(&tried, "%llu steps in a row were not applied, and ",
                                         (ull)w->n_bad));
        }
        GRAFT_TRY(graft_text_appendf(&tried, "%llu rollbacks, down to %g of the learning rate, did "
                                     "not help", (ull)w->n_rollbacks, w->factor));
    }
    if (t->trainer.n_batch > 0) {
        GRAFT_TRY(graft_text_append_z(&examples, ", and look at the examples: "));
        GRAFT_TRY(append_examples(&examples, t, r));
    }
    status = graft_fail(GRAFT_E_NUMERICS, "step %llu: %s (%s); try a lower learning_rate than %g%s%s",
                        (ull)r->step, r->where, graft_text_z(&tried), t->config->learning_rate, f32,
                        graft_text_z(&examples));
done:
    graft_text_clear(&tried);
    graft_text_clear(&examples);
    return status;
}

/* The way back, if there still is one. */
static graft_status go_back(graft_training *t, const graft_step_report *r, const char *why)
{
    bool may = t->config->max_bad_steps > 0 && graft_watch_may_roll_back(&t->trainer.watch);
    return may ? roll_back(t, r, why) : give_up(t, r);
}

static graft_status judge(graft_training *t, const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    const graft_watch *w = &t->trainer.watch;
    bool ruined = r->outcome == GRAFT_STEP_RUINED;
    char why[64];
    if (!ruined && !graft_watch_is_stuck(w, t->config)) {
        goto done;
    }
    snprintf(why, sizeof why, "%llu steps in a row were not applied", (ull)w->n_bad);
    GRAFT_TRY(go_back(t, r, ruined ? "the adapter is lost" : why));
done:
    return status;
}

graft_status graft_training_watch(graft_training *t, const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_base_watch_step(&t->base_watch));
    GRAFT_TRY(tell_all(t, r));
    if (r->outcome != GRAFT_STEP_APPLIED) {
        GRAFT_TRY(judge(t, r));
    }
done:
    return status;
}

graft_status graft_training_watch_measured(graft_training *t, graft_status measured)
{
    const graft_trainer *trainer = &t->trainer;
    graft_step_report r = {.step = trainer->step,
                           .epoch = (double)trainer->step / (double)trainer->steps_per_epoch};
    char why[2 * GRAFT_WHERE_BYTES];
    if (measured != GRAFT_E_NUMERICS) {
        return measured;
    }
    snprintf(r.where, sizeof r.where, "%s", graft_error_message());
    snprintf(why, sizeof why, "after step %llu: %s", (ull)r.step, r.where);
    return go_back(t, &r, why);
}

/* --- the end --- */

graft_status graft_training_watch_end(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_trainer *trainer = &t->trainer;
    if (trainer->step > 0 && trainer->watch.n_skipped == trainer->step) {
        status = graft_fail(GRAFT_E_NUMERICS, "not one of %llu steps was applied: nothing was trained "
                            "(run.log says why)", (ull)trainer->step);
    }
    return status;
}

graft_status graft_training_format_watch(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_watch *w = &t->trainer.watch;
    if (w->n_skipped > 0 || w->n_rollbacks > 0) {
        GRAFT_TRY(graft_text_appendf(out, "Not applied: %llu of %llu steps; rollbacks: %llu",
                                     (ull)w->n_skipped, (ull)t->trainer.step,
                                     (ull)w->n_rollbacks));
        if (w->n_rollbacks > 0) {
            GRAFT_TRY(graft_text_appendf(out, ", the learning rate is %g times what was set",
                                         w->factor));
        }
        GRAFT_TRY(graft_text_append_z(out, ". run.log names the examples.\n"));
    }
    if (w->diverged) {
        GRAFT_TRY(graft_text_append_z(out, "The loss rose far above what it had been: a lower "
                                           "learning_rate is advised (run.log).\n"));
    }
done:
    return status;
}

graft_status graft_training_set_watch(const graft_training *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    const graft_watch *w = &t->trainer.watch;
    GRAFT_TRY(graft_json_set_int(o, "skipped_steps", (int64_t)w->n_skipped));
    GRAFT_TRY(graft_json_set_int(o, "rollbacks", (int64_t)w->n_rollbacks));
    GRAFT_TRY(graft_json_set_bool(o, "diverged", w->diverged));
done:
    return status;
}
