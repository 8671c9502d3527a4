/* AdamW: Loshchilov & Hutter, "Decoupled weight decay regularization", 2019; PyTorch's order. */
#include <math.h>

#include "core/threads.h"
#include "optim/optimizers.h"

#define TILE 16384 /* parameters per job */

typedef struct adamw_job {
    const graft_kernels *kernels;
    graft_real *p, *m, *v;
    const graft_real *g;
    size_t n;
    const graft_optimizer_options *options;
    graft_real step_size, sqrt_correction;
} adamw_job;

static void run(void *context, size_t job, int thread)
{
    const adamw_job *a = context;
    const graft_optimizer_options *o = a->options;
    size_t begin = job * TILE;
    size_t n = a->n - begin < TILE ? a->n - begin : TILE;
    (void)thread;
    a->kernels->adamw(a->p + begin, a->m + begin, a->v + begin, a->g + begin, n,
                      (graft_real)o->grad_scale, (graft_real)o->beta1, (graft_real)o->beta2,
                      (graft_real)o->epsilon,
                      (graft_real)(1.0 - o->learning_rate * o->weight_decay), a->step_size,
                      a->sqrt_correction);
}

static void update(const graft_kernels *kernels, graft_real *params, graft_real *const *moments,
                   const graft_real *grads, size_t n, uint64_t step,
                   const graft_optimizer_options *options)
{
    double correction1 = 1.0 - pow(options->beta1, (double)step);
    double correction2 = 1.0 - pow(options->beta2, (double)step);
    adamw_job job = {kernels, params, moments[0], moments[1], grads, n, options,
                     (graft_real)(options->learning_rate / correction1),
                     (graft_real)sqrt(correction2)};
    graft_parallel((n + TILE - 1) / TILE, run, &job);
}

const graft_optimizer graft_optimizer_adamw = {"adamw", 2, update};
