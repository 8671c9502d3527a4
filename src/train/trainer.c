#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapter/update.h"
#include "core/clock.h"
#include "core/memory.h"
#include "data/order.h"
#include "train/gradient.h"
#include "train/mixing.h"

static size_t longest_sample(const graft_unit *units, size_t n_units)
{
    size_t longest = 1;
    for (size_t i = 0; i < n_units; i++) {
        for (size_t k = 0; k < units[i].n_samples; k++) {
            longest = units[i].samples[k].n > longest ? units[i].samples[k].n : longest;
        }
    }
    return longest;
}

static void plan_course(graft_trainer *t)
{
    const graft_config *c = t->config;
    uint64_t n_warmup = c->warmup_ratio > 0 ? (uint64_t)ceil(c->warmup_ratio * (double)t->n_steps)
                                            : c->warmup_steps;
    t->course = graft_course_of(n_warmup, t->n_steps);
}

static void count_steps(graft_trainer *t)
{
    const graft_config *c = t->config;
    t->steps_per_epoch = (t->mix.n_slots + c->batch_size - 1) / c->batch_size;
    t->n_steps = (uint64_t)ceil(c->num_train_epochs * (double)t->steps_per_epoch);
    if (c->max_steps != 0) {
        t->n_steps = c->max_steps;
    }
    t->n_asked = t->n_steps;
    plan_course(t);
}

/* Room for the order of an epoch. */
static graft_status make_order(graft_trainer *t)
{
    graft_status status = GRAFT_OK;
    size_t n = t->mix.n_slots;
    GRAFT_TRY(graft_alloc(&t->order, n, sizeof *t->order));
    GRAFT_TRY(graft_alloc(&t->slots, n, sizeof *t->slots));
    GRAFT_TRY(graft_alloc(&t->firsts, n, sizeof *t->firsts));
    if (t->config->curriculum == GRAFT_CURRICULUM_LENGTH) {
        GRAFT_TRY(graft_alloc(&t->lengths, t->n_units, sizeof *t->lengths));
        GRAFT_TRY(graft_alloc(&t->keys, n, sizeof *t->keys));
        for (size_t i = 0; i < t->n_units; i++) {
            t->lengths[i] = (uint32_t)longest_sample(&t->units[i], 1);
        }
    }
done:
    return status;
}

/* Is something evaluated before the last step? */
static bool may_keep_best(const graft_trainer *t)
{
    const graft_config *c = t->config;
    return (c->eval_dataset.n > 0 || c->val_set_size > 0) && c->eval_strategy != GRAFT_EVAL_NO &&
           (c->eval_strategy == GRAFT_EVAL_STEPS || t->steps_per_epoch < t->n_steps);
}

graft_status graft_trainer_init(graft_trainer *t, const graft_config *config, graft_model *model,
                                graft_adapter *adapter, graft_compute *compute,
                                const graft_unit *units, size_t n_units)
{
    static const char *const schedules[] = {"cosine", "linear", "constant"};
    graft_status status = GRAFT_OK;
    memset(t, 0, sizeof *t);
    t->config = config;
    t->model = model;
    t->adapter = adapter;
    t->compute = compute;
    t->units = units;
    t->n_units = n_units;
    t->optimizer = graft_optimizer_find("adamw");
    t->schedule = graft_schedule_find(schedules[config->lr_scheduler_type]);
    t->ordered_epoch = UINT64_MAX;
    graft_watch_init(&t->watch);
    if (n_units == 0) {
        return graft_fail(GRAFT_E_DATA, "there are no training examples");
    }
    GRAFT_TRY(graft_mixing_init(&t->mix, config, units, n_units));
    count_steps(t);
    GRAFT_TRY(graft_plan_make(&t->plan, config, model, &compute->kernels, adapter->n_params,
                              may_keep_best(t), longest_sample(units, n_units)));
    GRAFT_TRY(graft_compute_prepare(compute, model->hparams.d_head));
    for (size_t i = 0; i < t->optimizer->n_moments; i++) {
        GRAFT_TRY(graft_alloc(&t->moments[i], adapter->n_params, sizeof(graft_real)));
    }
    GRAFT_TRY(make_order(t));
    GRAFT_TRY(graft_step_layout_new(&t->layout));
done:
    if (status != GRAFT_OK) {
        graft_trainer_clear(t);
    }
    return status;
}

void graft_trainer_clear(graft_trainer *t)
{
    for (size_t i = 0; i < 2; i++) {
        graft_free(t->moments[i]);
    }
    graft_mix_clear(&t->mix);
    graft_free(t->order);
    graft_free(t->slots);
    graft_free(t->lengths);
    graft_free(t->keys);
    graft_free(t->firsts);
    graft_free(t->batch);
    graft_step_layout_free(t->layout);
    memset(t, 0, sizeof *t);
}

void graft_trainer_rewind(graft_trainer *t)
{
    for (size_t i = 0; i < t->optimizer->n_moments; i++) {
        memset(t->moments[i], 0, t->adapter->n_params * sizeof *t->moments[i]);
    }
    t->step = 0;
    plan_course(t);
    graft_watch_init(&t->watch);
}

graft_status graft_trainer_adopt_passes(graft_trainer *t, uint64_t usual_tokens,
                                        uint64_t max_tokens)
{
    if (t->config->max_tokens_per_pass != 0 ||
        max_tokens < t->plan.longest) {
        return GRAFT_OK;
    }
    return graft_plan_adopt(&t->plan, t->model, &t->compute->kernels, (size_t)usual_tokens,
                            (size_t)max_tokens);
}

void graft_trainer_order(const graft_trainer *t, uint32_t *order, uint32_t epoch)
{
    const graft_config *c = t->config;
    size_t n = t->mix.n_slots;
    graft_mix_draw(&t->mix, t->slots, epoch);
    if (c->group_by_prefix) {
        for (size_t i = 0; i < n; i++) {
            t->firsts[i] = t->units[t->slots[i]].samples;
        }
        graft_epoch_order_grouped(order, t->firsts, n, (size_t)c->batch_size, c->seed, epoch,
                                  c->shuffle);
    } else {
        graft_epoch_order(order, n, c->seed, epoch, c->shuffle);
    }
    for (size_t i = 0; i < n; i++) {
        order[i] = t->slots[order[i]];
    }
    if (t->lengths && epoch == 0) {
        graft_order_by_length(order, n, t->lengths, t->keys);
    }
}

/* The samples of the step's units, in order. */
static graft_status choose_batch(graft_trainer *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    uint64_t epoch = t->step / t->steps_per_epoch;
    size_t begin = (size_t)((t->step % t->steps_per_epoch) * c->batch_size), n = 0;
    size_t end = begin + (size_t)c->batch_size, n_slots = t->mix.n_slots;
    end = end < n_slots ? end : n_slots;
    if (epoch != t->ordered_epoch) {
        graft_trainer_order(t, t->order, (uint32_t)epoch);
        t->ordered_epoch = epoch;
    }
    for (size_t i = begin; i < end; i++) {
        n += t->units[t->order[i]].n_samples;
    }
    GRAFT_TRY(graft_reserve(&t->batch, &t->batch_capacity, n, sizeof *t->batch));
    n = 0;
    for (size_t i = begin; i < end; i++) {
        const graft_unit *unit = &t->units[t->order[i]];
        for (size_t k = 0; k < unit->n_samples; k++) {
            t->batch[n++] = &unit->samples[k];
        }
    }
    t->n_batch = n;
done:
    return status;
}

/* Are parameters what they should be? Such a step cannot be undone: it is the caller's turn. */
static void check_params(const graft_trainer *t, graft_step_report *report)
{
    const graft_adapter *a = t->adapter;
    char name[GRAFT_ADAPTER_PLACE_BYTES];
    size_t bad = graft_find_nonfinite(a->params, a->n_params);
    if (bad < a->n_params) {
        report->outcome = GRAFT_STEP_RUINED;
        graft_adapter_describe(a, bad, name, sizeof name);
        snprintf(report->where, sizeof report->where, "the update makes %s not finite", name);
    }
}

/* Steps that were not applied do not count for the optimiser. */
static void update(graft_trainer *t, graft_step_report *report)
{
    const graft_config *c = t->config;
    graft_adapter *a = t->adapter;
    const graft_kernels *kernels = &t->compute->kernels;
    graft_optimizer_options options = {report->learning_rate, c->adam_beta1, c->adam_beta2,
                                       c->adam_epsilon, c->weight_decay,
                                       graft_clip_scale(report->grad_norm, c->max_grad_norm)};
    graft_adapter_update(a, t->optimizer, kernels, t->moments, t->step + 1 - t->watch.n_skipped,
                         &options, c->loraplus_lr_ratio);
    check_params(t, report);
}

/* Applies the step, or does not. */
static void conclude(graft_trainer *t, graft_step_report *report)
{
    graft_watch *watch = &t->watch;
    report->band = graft_watch_band(watch);
    report->spike = report->outcome == GRAFT_STEP_APPLIED && report->loss > report->band.limit &&
                    t->config->loss_spike != GRAFT_SPIKE_IGNORE;
    if (report->spike && t->config->loss_spike == GRAFT_SPIKE_SKIP) {
        report->outcome = GRAFT_STEP_SPIKE;
        snprintf(report->where, sizeof report->where, "the loss leaps");
    }
    if (report->outcome == GRAFT_STEP_APPLIED) {
        update(t, report);
    }
    if (report->outcome == GRAFT_STEP_APPLIED) {
        report->diverges = graft_watch_take(watch, report->loss, &report->level_from,
                                            &report->level);
    } else {
        graft_watch_skip(watch);
    }
    t->step++;
}

/* Before the first step the whole schedule is free, the warm-up too. */
void graft_trainer_end_at(graft_trainer *t, uint64_t n_steps)
{
    t->n_steps = n_steps;
    if (t->step == 0) {
        plan_course(t);
    } else {
        graft_course_turn(&t->course, t->step, n_steps);
    }
}

graft_status graft_trainer_step(graft_trainer *t, graft_step_report *report)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    double begin = graft_clock_seconds();
    graft_layout_options options = {t->plan.max_tokens_per_pass, c->packing, c->prefix_sharing,
                                    t->plan.usual_tokens};
    *report = (graft_step_report){.step = t->step + 1,
                                  .factor = t->watch.factor};
    report->learning_rate = c->learning_rate * t->watch.factor *
                            graft_course_factor(&t->course, t->schedule, t->step);
    graft_arena_reset(&t->compute->arena);
    GRAFT_TRY(graft_arena_reserve(&t->compute->arena, graft_plan_step_bytes(
                                      &t->plan, t->model, &t->compute->kernels)));
    GRAFT_TRY(graft_model_prepare(t->model, t->compute));
    GRAFT_TRY(choose_batch(t));
    GRAFT_TRY(graft_step_layout_build(t->layout, t->batch, t->n_batch, &options));
    if (!(graft_step_layout_weight(t->layout) > 0)) {
        status = graft_fail(GRAFT_E_DATA, "step %llu: its examples have no loss weight in all",
                            (unsigned long long)t->step + 1);
        goto done;
    }
    GRAFT_TRY(graft_trainer__gradient(t, report));
    conclude(t, report);
    report->epoch = (double)t->step / (double)t->steps_per_epoch;
    report->tokens = graft_step_layout_tokens(t->layout);
    report->trained_tokens = graft_step_layout_trained(t->layout);
    report->saved_tokens = graft_step_layout_saved(t->layout);
    graft_arena_reset(&t->compute->arena);
    GRAFT_TRY(graft_arena_consolidate(&t->compute->arena));
    report->seconds = graft_clock_seconds() - begin;
done:
    return status;
}
