#include "train/best.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

static const graft_merit unmeasured = {(double)NAN, (double)NAN, 0, 0};

void graft_best_init(graft_best *best)
{
    *best = (graft_best){.score = unmeasured, .last = unmeasured};
    graft_text_init(&best->basis);
}

void graft_best_clear(graft_best *best)
{
    graft_text_clear(&best->basis);
    graft_free(best->params);
    graft_best_init(best);
}

bool graft_merit_is_better(const graft_merit *a, const graft_merit *b)
{
    if (isnan(a->value) || isnan(b->value)) {
        return !isnan(a->value);
    }
    bool equal = !(a->value < b->value) && !(a->value > b->value);
    return a->value > b->value || (equal && a->loss < b->loss);
}

/* By how much a is better. Shares of as many are counted, since one in a hundred is to be 0.01: 0.07 - 0.06 is more. */
static double rise(const graft_merit *a, const graft_merit *b)
{
    bool counted = a->of > 0 && a->of == b->of;
    return counted ? ((double)a->hits - (double)b->hits) / (double)a->of : a->value - b->value;
}

graft_status graft_best_offer(graft_best *best, const graft_adapter *adapter, uint64_t step,
                              const graft_merit *score, double threshold)
{
    graft_status status = GRAFT_OK;
    bool first = best->params == NULL && !isnan(score->value);
    bool risen = first || rise(score, &best->score) > threshold;
    if (first) {
        GRAFT_TRY(graft_alloc(&best->params, adapter->n_params, sizeof *best->params));
        best->n_params = adapter->n_params;
    }
    if (first || graft_merit_is_better(score, &best->score)) {
        memcpy(best->params, adapter->params, adapter->n_params * sizeof *best->params);
        best->score = *score;
        best->step = step;
    }
    best->n_stale = risen ? 0 : best->n_stale + 1;
    best->last = *score;
    best->n_evaluations++;
done:
    return status;
}

void graft_best_restore(const graft_best *best, graft_adapter *adapter)
{
    if (best->params != NULL) {
        memcpy(adapter->params, best->params, best->n_params * sizeof *best->params);
    }
}
