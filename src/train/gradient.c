#include "train/gradient.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/map.h"

#define LARGEST_NORM 1e18 /* its square, and those of the moments that follow, are finite */

graft_status graft_trainer__pass(graft_trainer *t, size_t pass_index, double *loss)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    const graft_pass *pass = graft_step_layout_pass(t->layout, pass_index);
    if (pass->n_predictions == 0) {
        return GRAFT_OK;
    }
    graft_tape_begin(&tape, t->compute, true);
    tape.seed = t->config->seed;
    tape.step = (uint32_t)t->step;
    tape.pass = (uint32_t)pass_index;
    size_t n_recomputed = graft_plan_recomputed(&t->plan, t->model, &t->compute->kernels, pass->n_tok);
    GRAFT_TRY(graft_model_loss(t->model, &tape, pass, n_recomputed,
                               graft_step_layout_weight(t->layout), loss, NULL));
    if (isfinite(*loss)) {
        GRAFT_TRY(graft_tape_backward(&tape));
    }
done:
    return status;
}

/* --- the same bits? --- */

/* What came out of the first pass. */
typedef struct result {
    double loss;
    uint64_t grads; /* a sum over their bits */
} result;

static bool equal(const result *a, const result *b)
{
    return memcmp(&a->loss, &b->loss, sizeof a->loss) == 0 && a->grads == b->grads;
}

static result result_of(const graft_trainer *t, double loss)
{
    const graft_adapter *a = t->adapter;
    return (result){loss, graft_hash_bytes(a->grads, a->n_params * sizeof *a->grads)};
}

/* Runs the first pass from nothing. */
static graft_status run_first(graft_trainer *t, result *out)
{
    graft_status status = GRAFT_OK;
    double loss = 0;
    graft_adapter_zero_grad(t->adapter);
    GRAFT_TRY(graft_trainer__pass(t, 0, &loss));
    *out = result_of(t, loss);
done:
    return status;
}

#define WRONG "this machine computes wrongly (faulty memory, an overclocked or overheated " \
              "processor); nothing of this step was applied, and the last checkpoint stays"

static graft_status count_disagreement(graft_trainer *t, graft_step_report *report)
{
    report->disagreed = true;
    return ++t->n_disagreed < 2
               ? GRAFT_OK
               : graft_fail(GRAFT_E_NUMERICS, "step %llu: for the second time a pass gave other "
                            "numbers when it was repeated: " WRONG, (unsigned long long)t->step + 1);
}

/* Runs the first pass, which was run, once more. What is there afterwards came out twice. */
static graft_status recheck(graft_trainer *t, graft_step_report *report)
{
    graft_status status = GRAFT_OK;
    result first = result_of(t, report->loss), second, third;
    GRAFT_TRY(run_first(t, &second));
    if (equal(&first, &second)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(run_first(t, &third));
    if (!equal(&third, &first) && !equal(&third, &second)) {
        return graft_fail(GRAFT_E_NUMERICS, "step %llu: one pass gave three different results "
                          "(losses %.9g, %.9g and %.9g): " WRONG, (unsigned long long)t->step + 1,
                          first.loss, second.loss, third.loss);
    }
    report->loss = third.loss;
    GRAFT_TRY(count_disagreement(t, report));
done:
    return status;
}

static bool recheck_is_due(const graft_trainer *t)
{
    uint64_t every = t->config->recheck_steps;
    return every > 0 && (t->step + 1) % every == 0;
}

/* --- the gradient --- */

/* All passes, up to the first whose loss is not finite. *bad: which one. */
static graft_status run_passes(graft_trainer *t, graft_step_report *report, size_t *bad)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_step_layout_n_passes(t->layout);
    graft_adapter_zero_grad(t->adapter);
    report->loss = 0;
    *bad = n;
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_trainer__pass(t, i, &report->loss));
        if (!isfinite(report->loss)) {
            *bad = i;
            goto done;
        }
        if (i == 0 && recheck_is_due(t)) {
            GRAFT_TRY(recheck(t, report));
        }
    }
done:
    return status;
}

/* The one nearest to the loss came first. */
static void check_gradient(const graft_trainer *t, graft_step_report *report)
{
    const graft_adapter *a = t->adapter;
    char name[GRAFT_ADAPTER_PLACE_BYTES];
    size_t i = a->n_params;
    double scale;
    graft_adapter_freeze_grad(t->adapter);
    report->grad_norm = graft_grad_norm(&t->compute->kernels, a->grads, a->n_params);
    scale = graft_clip_scale(report->grad_norm, t->config->max_grad_norm);
    if (isfinite(report->grad_norm) && report->grad_norm * scale <= LARGEST_NORM) {
        return;
    }
    report->outcome = GRAFT_STEP_BAD_GRADIENT;
    while (i > 0 && isfinite(a->grads[i - 1])) {
        i--;
    }
    if (i > 0) {
        graft_adapter_describe(a, i - 1, name, sizeof name);
        snprintf(report->where, sizeof report->where, "the gradient of %s is not finite", name);
    } else {
        snprintf(report->where, sizeof report->where, "the norm of the gradient, %.3g, overflows",
                 report->grad_norm);
    }
}

/* Whatever the base makes of NaN, no step can change. */
static graft_status check_base_once(graft_trainer *t)
{
    graft_status status = GRAFT_OK;
    if (!t->base_is_finite) {
        GRAFT_TRY(graft_trainer__check_base(t->model));
        t->base_is_finite = true;
    }
done:
    return status;
}

graft_status graft_trainer__gradient(graft_trainer *t, graft_step_report *report)
{
    graft_status status = GRAFT_OK;
    size_t bad = 0;
    double again = 0;
    GRAFT_TRY(run_passes(t, report, &bad));
    if (!isfinite(report->loss)) {
        GRAFT_TRY(graft_trainer__diagnose(t, bad, report, &again));
        if (isfinite(again)) { /* it is nothing that the step has at itself */
            GRAFT_TRY(count_disagreement(t, report));
            report->n_suspects = 0;
            GRAFT_TRY(run_passes(t, report, &bad));
        }
    }
    if (!isfinite(report->loss)) {
        report->outcome = GRAFT_STEP_BAD_LOSS;
    } else {
        report->where[0] = '\0';
        check_gradient(t, report);
    }
    if (report->outcome != GRAFT_STEP_APPLIED) {
        GRAFT_TRY(check_base_once(t));
    }
done:
    return status;
}
