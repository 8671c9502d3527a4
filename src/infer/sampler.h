/* infer/sampler.h - choosing the next token from logits. */
#ifndef GRAFT_INFER_SAMPLER_H
#define GRAFT_INFER_SAMPLER_H

#include "core/real.h"
#include "core/rng.h"

typedef struct graft_sampler {
    double temperature; /* 0: greedy, the lowest id among equals */
    double top_p;       /* nucleus (Holtzman et al. 2020), (0, 1]; 1: off */
    uint64_t seed;
} graft_sampler;

/* The token for position `position` of sequence `sequence`: a pure function of its arguments.
 * order is scratch of n elements, used only when temperature > 0. logits may be overwritten. */
int32_t graft_sample(const graft_sampler *sampler, graft_real *logits, size_t n, uint32_t *order,
                     uint32_t sequence, uint32_t position);

#endif
