/* optim/optimizer.h - from a gradient to new parameters: optimisers, schedules, clipping. */
#ifndef GRAFT_OPTIM_OPTIMIZER_H
#define GRAFT_OPTIM_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

typedef struct graft_optimizer_options {
    double learning_rate; /* of this step, after the schedule */
    double beta1, beta2, epsilon, weight_decay;
    double grad_scale;    /* applied to the gradient first (clipping) */
} graft_optimizer_options;

/* An optimiser is one file and one row of optimizers.c. */
typedef struct graft_optimizer {
    const char *name;
    size_t n_moments; /* state vectors of the parameters' length */
    /* One step, in place, over n parameters. `step` is 1-based; moments[i] has n elements. */
    void (*update)(const graft_kernels *kernels, graft_real *params, graft_real *const *moments,
                   const graft_real *grads, size_t n, uint64_t step,
                   const graft_optimizer_options *options);
} graft_optimizer;

extern const graft_optimizer *const graft_optimizers[]; /* NULL-terminated */
const graft_optimizer *graft_optimizer_find(const char *name); /* NULL if unknown */

/* Learning-rate schedules: factor in (0, 1] for 0-based `step` of `n_steps` with n_warmup warm-up
 * steps. The shapes are those of transformers (get_cosine_schedule_with_warmup and friends), but
 * warm-up begins at 1 / n_warmup: transformers' first step has rate 0 and learns nothing. */
typedef struct graft_schedule {
    const char *name;
    double (*factor)(uint64_t step, uint64_t n_warmup, uint64_t n_steps);
} graft_schedule;
extern const graft_schedule graft_schedules[]; /* ends with name == NULL */
const graft_schedule *graft_schedule_find(const char *name); /* NULL if unknown */

/* The Euclidean norm of a gradient, summed in tiles of fixed size whatever the thread count. */
double graft_grad_norm(const graft_kernels *kernels, const graft_real *grads, size_t n);
/* Factor that brings a gradient of this norm to at most max_norm (torch's clip_grad_norm_:
 * max_norm / (norm + 1e-6), at most 1); 1 if max_norm is 0. */
double graft_clip_scale(double norm, double max_norm);

#endif
