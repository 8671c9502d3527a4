/* The steps of a training job: progress, journal, checkpoints, stopping. */
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "run/training.h"

#define RETRY_SECONDS 60 /* after a checkpoint that could not be written */

static void show_progress(graft_training *t, const graft_step_report *r)
{
    double now = graft_clock_seconds() - t->begin;
    uint64_t left = t->trainer.n_steps - r->step;
    double rested = t->rate.n > 0 ? t->warmth.rested / (double)t->rate.n : 0;
    graft_progress progress = {
        .phase = "training",
        .done = r->step,
        .total = t->trainer.n_steps,
        .unit = "steps",
        .epoch = r->epoch,
        .loss = r->loss,
        .learning_rate = r->learning_rate,
        .grad_norm = r->grad_norm,
        .tokens_per_second = r->seconds > 0 ? (double)r->tokens / r->seconds : 0,
        .seconds = now,
        .seconds_left = (graft_rate_step(&t->rate) + rested) * (double)left,
        .tokens = r->tokens,
        .rss_bytes = graft_rss_bytes(),
        .celsius = r->heat.celsius,
        .finishes_at = graft_training_finishes_at(t),
    };
    graft_hooks_progress(t->hooks, &progress);
}

/* Costs a checkpoint, not the run. */
static bool is_bearable(graft_status status)
{
    return status == GRAFT_E_DISK || status == GRAFT_E_MEMORY;
}

graft_status graft_training_save(graft_training *t)
{
    graft_status status = GRAFT_OK;
    t->last_save = graft_clock_seconds();
    GRAFT_TRY(graft_base_check(&t->base)); /* what was trained on another stays out */
    GRAFT_TRY(graft_base_watch_all(&t->base_watch));
    if (graft_journal_sync(t->journal) != GRAFT_OK) { /* a table is no reason to lose the state */
        graft_log(GRAFT_LOG_WARN, "%s; the checkpoint is written all the same", graft_error_message());
    }
    GRAFT_TRY(graft_checkpoint_save(&t->trainer, &t->best, graft_text_z(&t->identity),
                                    t->checkpoints, (size_t)t->config->save_total_limit));
    t->saved_step = t->trainer.step;
    t->unsaved = false;
    if (!t->has_saved && t->begun_from == NULL) { /* now there is something in their place */
        GRAFT_TRY(graft_checkpoint_keep_only(t->checkpoints, t->trainer.step));
    }
    t->has_saved = true;
    (void)graft_unwritten_retry(&t->unwritten); /* what is still not possible may be later */
done:
    t->save_failed = is_bearable(status);
    if (t->save_failed) {
        graft_log(GRAFT_LOG_WARN, "no checkpoint at step %llu: %s",
                  (unsigned long long)t->trainer.step, graft_error_message());
    }
    return status;
}

/* A clock that is set back must not put off the next one for as long. */
static bool is_due(graft_training *t)
{
    const graft_config *c = t->config;
    double now = graft_clock_seconds();
    t->last_save = now < t->last_save ? now : t->last_save;
    double seconds = now - t->last_save;
    return (c->save_steps > 0 && t->trainer.step % c->save_steps == 0) ||
           graft_watch_is_anchor(c, t->trainer.step) ||
           (c->save_minutes > 0 && seconds >= 60 * c->save_minutes) ||
           (t->save_failed && seconds >= RETRY_SECONDS);
}

graft_status graft_training_format_saved(const graft_training *t, graft_text *out)
{
    if (t->tokens == 0 || !t->config->prefix_sharing) {
        return GRAFT_OK;
    }
    return graft_text_appendf(out, "prefix sharing saved %llu of %llu tokens (%.1f %%)",
                              (unsigned long long)t->saved_tokens, (unsigned long long)t->tokens,
                              100 * (double)t->saved_tokens / (double)t->tokens);
}

static graft_status log_saved(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    GRAFT_TRY(graft_training_format_saved(t, &line));
    if (line.len > 0) {
        graft_log(GRAFT_LOG_INFO, "%s", graft_text_z(&line));
    }
done:
    graft_text_clear(&line);
    return status;
}

static graft_status save_if_possible(graft_training *t)
{
    graft_status status = graft_training_save(t);
    return is_bearable(status) ? GRAFT_OK : status;
}

static graft_status stop(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_trainer *trainer = &t->trainer;
    if (trainer->step > t->begin_step) {
        GRAFT_TRY(graft_training_save(t));
    }
    status = graft_fail(GRAFT_E_INTERRUPTED, "stopped at step %llu of %llu; %s",
                        (unsigned long long)trainer->step, (unsigned long long)trainer->n_steps,
                        graft_training_way_on(t));
done:
    return status;
}

/* What a failure ends is saved (rescue.c), so its record must not be missing: without memory for it, that
 * of the passes is given back and it is tried again. */
static graft_status record_step(graft_training *t, const graft_step_report *report)
{
    char message[1024];
    graft_status status = graft_journal_step(t->journal, report);
    if (status == GRAFT_E_MEMORY) {
        snprintf(message, sizeof message, "%s", graft_error_message());
        graft_arena_clear(&t->session.compute.arena);
        (void)graft_journal_step(t->journal, report);
        status = graft_fail(status, "%s", message);
    }
    return status;
}

/* One step with its record. */
static graft_status advance(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_step_report report;
    GRAFT_TRY(graft_trainer_step(&t->trainer, &report));
    GRAFT_TRY(graft_base_check(&t->base));
    t->unsaved = true;
    graft_rate_add(&t->rate, report.seconds);
    t->seconds = graft_clock_seconds() - t->begin;
    t->tokens += report.tokens;
    t->saved_tokens += report.saved_tokens;
    graft_training_feel(t, &report);
    GRAFT_TRY(graft_training_keep_pace(t, &report));
    if (report.outcome == GRAFT_STEP_APPLIED) {
        t->last_loss = report.loss;
        if (report.step % t->config->logging_steps == 0 || report.step == t->trainer.n_steps) {
            GRAFT_TRY(record_step(t, &report));
        }
        show_progress(t, &report);
    }
    t->unsaved = false; /* a rollback that fails half way is no state to be rescued */
    GRAFT_TRY(graft_training_watch(t, &report));
    t->unsaved = true;
done:
    return status;
}

/* What is due between two steps. */
static graft_status pause(graft_training *t)
{
    bool measured = false;
    graft_status status = graft_training_pause(t, &measured);
    graft_runlog_check(t->log);
    if (status == GRAFT_E_INTERRUPTED) {
        return stop(t);
    }
    GRAFT_TRY(graft_training_watch_measured(t, status));
    bool moved = t->trainer.step > t->begin_step;
    if (measured || (moved && (is_due(t) || t->trainer.step == t->trainer.n_steps))) {
        GRAFT_TRY(save_if_possible(t));
    }
done:
    return status;
}

graft_status graft_training_steps(graft_training *t)
{
    graft_status status = GRAFT_OK;
    t->begin = t->last_save = graft_clock_seconds();
    t->begin_step = t->trainer.step;
    GRAFT_TRY(pause(t)); /* a run that continues may have stopped before it was measured */
    while (t->trainer.step < t->trainer.n_steps && !t->stopped_early) {
        status = graft_training_rest(t);
        if (status == GRAFT_E_INTERRUPTED) {
            status = stop(t);
            goto done;
        }
        GRAFT_TRY(status);
        if (t->trainer.step < t->trainer.n_steps) { /* the rest may have taken the time for it */
            GRAFT_TRY(advance(t));
        }
        GRAFT_TRY(pause(t));
    }
    GRAFT_TRY(graft_training_watch_end(t));
    GRAFT_TRY(log_saved(t));
done:
    return status;
}
