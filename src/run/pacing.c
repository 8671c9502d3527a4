/* pacing.c - a run that has to be done by some time: how many steps it takes. */
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/daytime.h"
#include "core/log.h"
#include "core/memory.h"
#include "run/training.h"

#define JUMP_SECONDS 30.0 /* between two steps: the clock was set, or the machine was suspended */

typedef unsigned long long ull;

bool graft_training_is_limited(const graft_training *t)
{
    return t->pacing.finish_by > 0 || t->pacing.max_seconds > 0;
}

double graft_training_wall(const graft_training *t)
{
    const graft_hooks *hooks = t->hooks;
    return hooks != NULL && hooks->clock != NULL ? hooks->clock(hooks->context, 1)
                                                 : graft_clock_wall();
}

static double steady(const graft_training *t)
{
    const graft_hooks *hooks = t->hooks;
    return hooks != NULL && hooks->clock != NULL ? hooks->clock(hooks->context, 0)
                                                 : graft_clock_seconds();
}

/* The wall clock says when it is seven; how long a run took is told by the other one. */
static double left_of_clock(const graft_training *t)
{
    const graft_pacing *p = &t->pacing;
    return p->finish_by > 0 ? p->finish_by - graft_training_wall(t) : INFINITY;
}

static double left_of_hours(const graft_training *t)
{
    const graft_pacing *p = &t->pacing;
    return p->max_seconds > 0
               ? p->max_seconds - p->spent_before - (steady(t) - p->begin)
               : INFINITY;
}

double graft_training_seconds_left(const graft_training *t)
{
    return fmin(left_of_clock(t), left_of_hours(t));
}

/* --- when the job begins --- */

static graft_status fail_past(const graft_training *t)
{
    char now[32];
    double wall = graft_training_wall(t);
    graft_daytime_format(now, wall, wall - 30 * 86400.0); /* with its date */
    return graft_fail(GRAFT_E_CONFIG, "finish_by: %s is past: it is %s now (a time of day without a date "
                      "is the next one)", t->config->finish_by, now);
}

graft_status graft_training_begin_pace(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_pacing *p = &t->pacing;
    const graft_config *c = t->config;
    char *checkpoint = NULL;
    double wall = graft_training_wall(t);
    p->begin = p->clock_seen = steady(t);
    p->wall_seen = wall;
    p->max_seconds = c->max_hours * 3600;
    if (c->finish_by == NULL) {
        return GRAFT_OK;
    }
    if (graft_daytime_parse(&p->finish_by, c->finish_by, wall) != GRAFT_OK) {
        return graft_fail_prefix("finish_by");
    }
    if (p->finish_by <= wall) { /* what was trained until then can still be evaluated and exported */
        bool afresh = c->resume_from_checkpoint != NULL &&
                      strcmp(c->resume_from_checkpoint, "never") == 0;
        if (!afresh && t->checkpoints != NULL) {
            GRAFT_TRY(graft_checkpoint_newest(&checkpoint, t->checkpoints));
        }
        status = checkpoint != NULL ? GRAFT_OK : fail_past(t);
    }
done:
    graft_free(checkpoint);
    return status;
}

/* --- what is said --- */

static graft_status append_limit(const graft_training *t, graft_text *out)
{
    if (left_of_clock(t) <= left_of_hours(t)) {
        return graft_text_appendf(out, "finish_by %s", t->config->finish_by);
    }
    return graft_text_appendf(out, "max_hours %g", t->config->max_hours);
}

static double finish_of(const graft_training *t, const graft_pace_costs *costs, uint64_t n)
{
    return graft_training_wall(t) + graft_pace_seconds(costs, n, 0);
}

graft_status graft_training_format_pace(const graft_training *t, const graft_pace_costs *costs,
                                        uint64_t n, graft_text *out)
{
    graft_status status = GRAFT_OK;
    char done_at[32];
    double per_epoch = (double)costs->per_epoch, epochs = (double)costs->most / per_epoch;
    graft_daytime_format(done_at, finish_of(t, costs, n), graft_training_wall(t));
    GRAFT_TRY(append_limit(t, out));
    if (n == costs->most) {
        GRAFT_TRY(graft_text_appendf(out, ": all %llu steps (%.3g epochs)", (ull)n, epochs));
    } else {
        GRAFT_TRY(graft_text_appendf(out, ": %llu of %llu steps (%.1f of %.3g epochs)", (ull)n,
                                     (ull)costs->most, (double)n / per_epoch, epochs));
    }
    GRAFT_TRY(graft_text_appendf(out, ", done about %s", done_at));
done:
    return status;
}

double graft_training_finishes_at(const graft_training *t)
{
    graft_pace_costs costs;
    if (!graft_training_is_limited(t)) {
        return 0;
    }
    graft_training_pace_costs(&costs, t);
    return finish_of(t, &costs, t->trainer.n_steps);
}

graft_status graft_training_fail_pace(const graft_training *t, const graft_pace_costs *costs)
{
    graft_status status = GRAFT_OK;
    char left[32], step[32], evaluation[32], close[32];
    graft_text limit;
    graft_text_init(&limit);
    GRAFT_TRY(append_limit(t, &limit));
    graft_daytime_format_span(left, costs->seconds_left);
    graft_daytime_format_span(step, costs->first_epoch[1] / costs->tokens_per_second);
    graft_daytime_format_span(evaluation, costs->evaluation_seconds);
    graft_daytime_format_span(close, costs->close_seconds);
    bool measured = costs->evaluation_seconds > 0;
    status = graft_fail(GRAFT_E_CONFIG, "%s: %s left are too little for one step (about %s)%s%s%s and "
                        "writing the results (about %s) with a reserve: give it more time, or set a "
                        "smaller batch_size or eval_samples",
                        graft_text_z(&limit), left, step,
                        measured ? ", the evaluation after it (about " : "",
                        measured ? evaluation : "", measured ? ")" : "", close);
done:
    graft_text_clear(&limit);
    return status;
}

/* Into the log and the journal. */
static graft_status announce(graft_training *t, const graft_pace_costs *costs, const char *why)
{
    graft_status status = GRAFT_OK;
    const graft_trainer *r = &t->trainer;
    char step[32], evaluation[32];
    graft_text line;
    graft_journal_place place = {why, r->step, (double)r->step / (double)r->steps_per_epoch, 0};
    graft_journal_pace pace = {r->n_steps, costs->most, costs->tokens_per_second,
                               costs->evaluation_seconds, costs->seconds_left,
                               finish_of(t, costs, r->n_steps)};
    double tokens = costs->first_epoch[costs->per_epoch] / (double)costs->per_epoch;
    graft_text_init(&line);
    GRAFT_TRY(graft_training_format_pace(t, costs, r->n_steps, &line));
    graft_daytime_format_span(step, tokens / costs->tokens_per_second);
    graft_daytime_format_span(evaluation, costs->evaluation_seconds);
    graft_log(GRAFT_LOG_INFO, "%s (%s after step %llu: a step takes about %s, an evaluation %s)",
              graft_text_z(&line), why, (ull)r->step, step, evaluation);
    GRAFT_TRY(graft_journal_plan(t->journal, &place, &pace));
done:
    graft_text_clear(&line);
    return status;
}

/* --- the plan --- */

graft_status graft_training_end_now(graft_training *t)
{
    graft_pace_costs costs;
    graft_training_pace_costs(&costs, t);
    t->trainer.n_steps = t->trainer.step; /* the schedule stays: the run may continue with more time */
    t->trainer.pace.planned = true;
    graft_status status = graft_pace_note(&t->trainer);
    return status == GRAFT_OK ? announce(t, &costs, "out of time") : status;
}

/* Has the run come to the end that was planned for it? */
static bool is_complete(const graft_training *t)
{
    const graft_trainer *r = &t->trainer;
    return r->step >= t->trainer.n_asked || (r->pace.planned && r->step > 0 && r->step >= r->course.to);
}

/* A run that continues without the limit that it was planned for. */
static graft_status plan_without_limit(graft_training *t)
{
    if (!t->trainer.pace.planned || t->trainer.n_steps == t->trainer.n_asked) {
        return GRAFT_OK;
    }
    graft_trainer_end_at(&t->trainer, t->trainer.n_asked);
    graft_log(GRAFT_LOG_INFO, "there is no time limit any more: all %llu steps", (ull)t->trainer.n_asked);
    return graft_pace_note(&t->trainer);
}

graft_status graft_training_check_pace(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_pace_costs costs;
    if (!graft_training_is_limited(t) || t->trainer.step > 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_training_measure_speed(t));
    graft_training_pace_costs(&costs, t);
    if (graft_pace_fit(&costs) == 0) {
        status = graft_training_fail_pace(t, &costs);
    }
done:
    return status;
}

graft_status graft_training_plan_pace(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_trainer *r = &t->trainer;
    graft_pace_costs costs;
    t->pacing.spent_before = r->pace.spent;
    if (is_complete(t)) {
        if (r->step < t->trainer.n_asked) {
            graft_log(GRAFT_LOG_INFO, "the %llu of %llu steps that there was time for are done (to go on "
                      "from there, begin another run with init_adapter)", (ull)r->step,
                      (ull)t->trainer.n_asked);
        }
        return GRAFT_OK;
    }
    if (!graft_training_is_limited(t)) {
        return plan_without_limit(t);
    }
    GRAFT_TRY(graft_training_measure_pace(t));
    graft_training_pace_costs(&costs, t);
    bool first = !r->pace.planned;
    uint64_t n = first ? graft_pace_fit(&costs) : graft_pace_decide(&costs, r->n_steps);
    if (n == r->step) {
        status = n == 0 ? graft_training_fail_pace(t, &costs) : graft_training_end_now(t);
        goto done;
    }
    if (n != r->n_steps) {
        graft_trainer_end_at(r, n);
    }
    r->pace.planned = true;
    GRAFT_TRY(graft_pace_note(r));
    GRAFT_TRY(announce(t, &costs, first ? "planned" : "continued"));
done:
    t->pacing.border = steady(t);
    return status;
}

/* The speed of the latest steps with all that stands between them. What the first step of a process takes is
 * not typical: it reads the base. */
static void measure_step(graft_training *t, const graft_step_report *report)
{
    graft_pacing *p = &t->pacing;
    graft_pace_memory *m = &t->trainer.pace;
    double now = steady(t), seconds = now - p->border;
    p->border = now;
    m->spent = p->spent_before + now - p->begin;
    if (report->step == t->begin_step + 1 || !(seconds > 0)) {
        return;
    }
    graft_pace_measure(&m->speed, (double)report->tokens, seconds);
    if (m->speed.seconds > 0) {
        m->tokens_per_second = m->speed.tokens / m->speed.seconds;
    }
}

/* Did one clock go further than the other since the last step? */
static bool has_jumped(graft_training *t)
{
    graft_pacing *p = &t->pacing;
    double wall = graft_training_wall(t), clock = steady(t);
    double jump = (wall - p->wall_seen) - (clock - p->clock_seen);
    p->wall_seen = wall;
    p->clock_seen = clock;
    return p->finish_by > 0 && fabs(jump) > JUMP_SECONDS;
}

graft_status graft_training_keep_pace(graft_training *t, const graft_step_report *report)
{
    graft_status status = GRAFT_OK;
    graft_trainer *r = &t->trainer;
    graft_pace_costs costs;
    if (!graft_training_is_limited(t)) {
        return GRAFT_OK;
    }
    measure_step(t, report);
    bool jumped = has_jumped(t);
    graft_training_pace_costs(&costs, t);
    uint64_t before = r->n_steps, n = r->step < before ? graft_pace_decide(&costs, before) : before;
    if (n == r->step && n < before) {
        return graft_training_end_now(t);
    }
    if (n != before) {
        graft_trainer_end_at(r, n);
        GRAFT_TRY(announce(t, &costs, jumped ? "clock" : n < before ? "slower" : "faster"));
    }
    GRAFT_TRY(graft_pace_note(r));
done:
    return status;
}
