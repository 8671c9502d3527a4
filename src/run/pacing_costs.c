/* pacing_costs.c - what a step, an evaluation and the end of a run take: measured where they can be. */
#include <math.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "run/forecast.h"

#define PROBE_ITEMS 32      /* of an evaluation that is run to be measured: they are answered side by side */
#define CLOSE_SECONDS 2.0
#define DISK_RATE 40e6      /* bytes per second: of a slow disk */
#define ASSUMED_STEPS 10.0  /* that were measured, where only the speed is known */

static bool is_scored(const graft_training *t)
{
    return t->scores_between || (t->config->eval_after && t->eval.n_units > 0);
}

/* Artefacts, and the last checkpoint with moments and best adapter. */
static double close_seconds(const graft_training *t)
{
    double copies = (double)t->config->export.n + 4;
    double bytes = copies * (double)t->session.adapter->n_params * sizeof(float) + t->pacing.merged_bytes;
    return CLOSE_SECONDS + bytes / DISK_RATE + t->pacing.merge_seconds;
}

void graft_training_pace_costs(graft_pace_costs *out, const graft_training *t)
{
    const graft_config *c = t->config;
    const graft_pacing *p = &t->pacing;
    const graft_pace_memory *m = &t->trainer.pace;
    *out = (graft_pace_costs){
        .step = t->trainer.step,
        .most = t->trainer.n_asked,
        .seconds_left = graft_training_seconds_left(t),
        .first_epoch = p->first_epoch,
        .per_epoch = t->trainer.steps_per_epoch,
        .tokens_per_second = m->tokens_per_second,
        .spread = graft_pace_spread(&m->speed),
        .between = graft_training_measures_between(t),
        .evaluated = t->best.evaluated == t->trainer.step,
        .eval_steps = c->eval_strategy == GRAFT_EVAL_STEPS ? c->eval_steps : 0,
        .evaluation_seconds = m->evaluation_seconds,
        .evaluates_end = is_scored(t) || graft_training_measures_between(t),
        .of_base = !m->of_adapter,
        .close_seconds = close_seconds(t),
    };
}

void graft_training_evaluated(graft_training *t, double seconds, bool of_adapter)
{
    t->trainer.pace.evaluation_seconds = seconds;
    t->trainer.pace.of_adapter = of_adapter;
    t->pacing.border += seconds;
}

/* --- measuring --- */

/* How long it took tells how long the same takes later. */
graft_status graft_training_measure_before(graft_training *t)
{
    graft_status status = GRAFT_OK;
    double begin = graft_clock_seconds();
    GRAFT_TRY(graft_training_begin_held(t));
    GRAFT_TRY(graft_training_evaluate_before(t));
    bool all = t->before.n > 0 || t->eval.n_units == 0;
    if (t->trainer.step == 0 && all) {
        graft_training_evaluated(t, graft_clock_seconds() - begin, false);
    }
done:
    return status;
}

static graft_status count_tokens(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_trainer *r = &t->trainer;
    size_t n_steps = (size_t)r->steps_per_epoch, size = (size_t)t->config->batch_size;
    uint32_t *order = NULL;
    double *sums = NULL;
    GRAFT_TRY(graft_alloc(&order, r->mix.n_slots, sizeof *order));
    GRAFT_TRY(graft_alloc(&sums, n_steps + 1, sizeof *sums));
    graft_trainer_order(r, order, 0);
    for (size_t i = 0; i < r->mix.n_slots; i++) {
        const graft_unit *unit = &r->units[order[i]];
        for (size_t k = 0; k < unit->n_samples; k++) {
            sums[i / size + 1] += unit->samples[k].n;
        }
    }
    for (size_t i = 0; i < n_steps; i++) {
        sums[i + 1] += sums[i];
    }
    graft_free(t->pacing.first_epoch);
    t->pacing.first_epoch = sums;
    sums = NULL;
done:
    graft_free(order);
    graft_free(sums);
    return status;
}

/* Some passes of the job; they leave nothing behind. */
static graft_status run_passes(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_first_epoch epoch = {0};
    graft_step_figures steps;
    graft_time_figures time = {0};
    graft_arena *arena = &t->session.compute.arena; /* as the trainer will have it */
    GRAFT_TRY(graft_arena_reserve(arena, graft_plan_step_bytes(&t->trainer.plan, t->session.model,
                                                               &t->session.compute.kernels)));
    GRAFT_TRY(graft_first_epoch_open(&epoch, t));
    GRAFT_TRY(graft_forecast_steps(&steps, &epoch));
    GRAFT_TRY(graft_forecast_time(&time, t, &epoch, &steps));
    if (!(time.tokens_per_second > 0)) {
        status = graft_fail(GRAFT_E_DATA, "no step has anything to train, so there is nothing to "
                            "measure its time by");
        goto done;
    }
    double tokens = t->pacing.first_epoch[1]; /* they weigh as much as a step */
    graft_pace_measure(&t->trainer.pace.speed, tokens, tokens / time.tokens_per_second);
    t->trainer.pace.tokens_per_second = time.tokens_per_second;
done:
    graft_first_epoch_close(&epoch);
    graft_arena_clear(arena);
    return status;
}

/* One evaluation of the untrained adapter, of few items. All of it counts as if it grew with them. */
static graft_status measure_evaluation(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_eval_report report;
    double begin = graft_clock_seconds(), items = (double)graft_training_n_items(t);
    uint64_t asked = t->config->eval_samples;
    graft_eval_report_init(&report);
    graft_log(GRAFT_LOG_INFO, "a first evaluation, of at most %d items, to measure its time", PROBE_ITEMS);
    t->config->eval_samples = items < PROBE_ITEMS ? asked : PROBE_ITEMS;
    status = graft_score_corpus(&report, &t->session, &t->eval, t->hooks, "measuring an evaluation");
    t->config->eval_samples = asked;
    double seconds = graft_clock_seconds() - begin;
    t->trainer.pace.evaluation_seconds += seconds * fmax(1, items / PROBE_ITEMS);
    graft_eval_report_clear(&report);
    return status;
}

/* Reading takes less than training does. */
static double held_seconds(const graft_training *t)
{
    const graft_corpus *const held[] = {&t->replay.corpus, &t->general.corpus};
    double tokens = 0;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < held[i]->n_samples; k++) {
            tokens += held[i]->samples[k].n;
        }
    }
    return tokens / t->trainer.pace.tokens_per_second;
}

/* Checkpoints of earlier versions know how fast the run was and no more: the next step alone is not to
 * stand for all of them. */
static void assume_steps(graft_training *t)
{
    graft_pace_memory *m = &t->trainer.pace;
    uint64_t n = t->trainer.steps_per_epoch;
    double tokens = ASSUMED_STEPS * t->pacing.first_epoch[n] / (double)n;
    m->speed = (graft_pace_speed){0};
    graft_pace_measure(&m->speed, tokens, tokens / m->tokens_per_second);
}

graft_status graft_training_measure_speed(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_pace_memory *m = &t->trainer.pace;
    GRAFT_TRY(count_tokens(t));
    if (!(m->tokens_per_second > 0)) {
        GRAFT_TRY(run_passes(t));
    } else if (t->trainer.step > 0 && !(m->speed.seconds > 0)) {
        assume_steps(t);
    }
    GRAFT_TRY(graft_training_measure_merges(t));
done:
    return status;
}

graft_status graft_training_measure_pace(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_pace_memory *m = &t->trainer.pace;
    GRAFT_TRY(graft_training_measure_speed(t));
    if (m->evaluation_seconds > 0) {
        goto done;
    }
    m->evaluation_seconds = held_seconds(t);
    if (is_scored(t)) {
        GRAFT_TRY(measure_evaluation(t));
    }
done:
    return status;
}
