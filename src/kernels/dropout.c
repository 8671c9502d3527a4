#include "kernels/dropout.h"

#include "core/rng.h"
#include "core/threads.h"
#include "kernels/portable/act.h"

#define TILE 4096 /* elements per job; a multiple of 4 */

graft_dropout graft_dropout_mask(uint64_t seed, uint32_t step, uint32_t pass, uint32_t site,
                                 graft_real p)
{
    graft_dropout mask = {{(uint32_t)seed, (uint32_t)(seed >> 32)},
                          {step, pass << 16 | (site & 0xffffu)},
                          (uint32_t)((double)p * 4294967296.0),
                          GRAFT_REAL(1.0) / (GRAFT_REAL(1.0) - p)};
    mask.key[1] ^= (uint32_t)GRAFT_RNG_DROPOUT << 24;
    return mask;
}

typedef struct dropout_job {
    void *y;
    const void *x;
    size_t n, n_cols, ld; /* element i is at row i / n_cols */
    const graft_dropout *mask;
    bool half, add;
} dropout_job;

static void keep(const dropout_job *d, size_t i, bool kept)
{
    size_t at = i / d->n_cols * d->ld + i % d->n_cols;
    graft_real x = kept ? act_get(d->x, at, d->half) * d->mask->keep_scale : 0;
    act_put(d->y, at, d->add ? act_get(d->y, at, d->half) + x : x, d->half);
}

static void run(void *context, size_t job, int thread)
{
    const dropout_job *d = context;
    const graft_dropout *mask = d->mask;
    size_t begin = job * TILE;
    size_t end = begin + TILE < d->n ? begin + TILE : d->n;
    (void)thread;
    for (size_t i = begin; i < end; i += 4) {
        uint32_t counter[4] = {(uint32_t)(i >> 2), (uint32_t)(i >> 34), mask->counter[0],
                               mask->counter[1]};
        uint32_t numbers[4];
        graft_philox(mask->key, counter, numbers);
        for (size_t k = i; k < i + 4 && k < end; k++) {
            keep(d, k, numbers[k - i] >= mask->threshold);
        }
    }
}

void graft_dropout_add(graft_real *y, const graft_real *x, size_t n, const graft_dropout *mask)
{
    dropout_job job = {y, x, n, n, n, mask, false, true};
    graft_parallel((n + TILE - 1) / TILE, run, &job);
}

void graft_dropout_apply(const graft_kernels *kernels, graft_act *y, const graft_act *x, size_t ld,
                         size_t n_rows, size_t n_cols, const graft_dropout *mask)
{
    dropout_job job = {y, x, n_rows * n_cols, n_cols, ld, mask, kernels->half, false};
    graft_parallel((job.n + TILE - 1) / TILE, run, &job);
}
