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

/* Learning-rate schedules: the factor in [0, 1] once the share `progress` of the steps after the warm-up is
 * done. The shapes are those of transformers (get_cosine_schedule_with_warmup and friends), but
 * warm-up begins at 1 / n_warmup: transformers' first step has rate 0 and learns nothing. */
typedef struct graft_schedule {
    const char *name;
    double (*factor)(double progress);
} graft_schedule;
extern const graft_schedule graft_schedules[]; /* ends with name == NULL */
const graft_schedule *graft_schedule_find(const char *name); /* NULL if unknown */

/* Where a run stands in its schedule. If another end is planned, the rate does not jump: what is left of
 * the decay is spread over the steps that are left; a warm-up that would take more than half of them ends
 * earlier, below the peak. */
typedef struct graft_course {
    uint64_t n_warmup; /* steps in which the rate would rise to its peak ... */
    uint64_t n_rise;   /* ... and does rise, at the same slope */
    uint64_t from, to; /* the steps over which the rest of the decay is spread */
    double decayed;    /* share of the decay that was done at `from` */
} graft_course;

graft_course graft_course_of(uint64_t n_warmup, uint64_t n_steps);
/* 0-based `step` is the next one, n_steps (above it) the new end. */
void graft_course_turn(graft_course *course, uint64_t step, uint64_t n_steps);
/* Share of the decay done before 0-based `step`. */
double graft_course_progress(const graft_course *course, uint64_t step);
/* What the peak is multiplied with in 0-based `step`. */
double graft_course_factor(const graft_course *course, const graft_schedule *schedule,
                           uint64_t step);

/* The Euclidean norm of a gradient, summed in tiles of fixed size whatever the thread count. */
double graft_grad_norm(const graft_kernels *kernels, const graft_real *grads, size_t n);
/* Factor that brings a gradient of this norm to at most max_norm (torch's clip_grad_norm_:
 * max_norm / (norm + 1e-6), at most 1); 1 if max_norm is 0. */
double graft_clip_scale(double norm, double max_norm);

#endif
