/* core/rng.h - counter-based random numbers: a pure function of (seed, stream, counter).
 *
 * Nothing has to be saved to resume: data order, dropout and initialisation are functions of
 * (seed, epoch, position, site). Philox4x32-10, Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011. */
#ifndef GRAFT_CORE_RNG_H
#define GRAFT_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a number is for; keeps the streams of one seed apart. */
typedef enum graft_rng_site {
    GRAFT_RNG_INIT = 1,
    GRAFT_RNG_SHUFFLE = 2,
    GRAFT_RNG_DROPOUT = 3,
    GRAFT_RNG_SPLIT = 4,
    GRAFT_RNG_SAMPLE = 5,
    GRAFT_RNG_GROUP = 6,
    GRAFT_RNG_BRANCH = 7,
    GRAFT_RNG_MIX = 8,
    GRAFT_RNG_TEST = 99
} graft_rng_site;

typedef struct graft_rng {
    uint64_t seed;
    uint32_t site, stream; /* stream: epoch, tensor index, ... */
    uint64_t counter;      /* next block */
    uint32_t block[4];
    unsigned used;         /* numbers already taken from block */
} graft_rng;

void graft_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

void graft_rng_init(graft_rng *rng, uint64_t seed, graft_rng_site site, uint32_t stream);
uint32_t graft_rng_u32(graft_rng *rng);
uint64_t graft_rng_below(graft_rng *rng, uint64_t n); /* uniform in [0, n), n >= 1, no bias */
double graft_rng_uniform(graft_rng *rng);             /* [0, 1) */
double graft_rng_normal(graft_rng *rng);              /* mean 0, variance 1 (Box-Muller) */
void graft_rng_shuffle(graft_rng *rng, uint32_t *values, size_t n); /* Fisher-Yates */

#endif
