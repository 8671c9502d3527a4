#include "infer/sampler.h"

#include <stdlib.h>

#include "autograd/ops.h"

static int by_logit(const void *a, const void *b, void *context)
{
    const graft_real *logits = context;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    if (logits[i] != logits[k]) {
        return logits[i] < logits[k] ? 1 : -1;
    }
    return i < k ? -1 : 1;
}

int32_t graft_sample(const graft_sampler *sampler, graft_real *logits, size_t n, uint32_t *order,
                     uint32_t sequence, uint32_t position)
{
    graft_rng rng;
    double total = 0, kept = 0;
    size_t n_kept = 0;
    int32_t best = graft_argmax(logits, n);
    if (!(sampler->temperature > 0)) {
        return best;
    }
    graft_real top = logits[best];
    for (size_t i = 0; i < n; i++) {
        logits[i] = (graft_real)exp((double)(logits[i] - top) / sampler->temperature);
        total += (double)logits[i];
        order[i] = (uint32_t)i;
    }
    qsort_r(order, n, sizeof *order, by_logit, logits);
    while (n_kept < n && (n_kept == 0 || kept < sampler->top_p * total)) {
        kept += (double)logits[order[n_kept++]];
    }
    graft_rng_init(&rng, sampler->seed, GRAFT_RNG_SAMPLE, sequence);
    rng.counter = position;
    double at = graft_rng_uniform(&rng) * kept, sum = 0;
    for (size_t i = 0; i < n_kept; i++) {
        sum += (double)logits[order[i]];
        if (at < sum) {
            return (int32_t)order[i];
        }
    }
    return (int32_t)order[n_kept - 1];
}
