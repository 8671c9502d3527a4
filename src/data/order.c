#include "data/order.h"

#include "core/rng.h"

void graft_epoch_order(uint32_t *order, size_t n, uint64_t seed, uint32_t epoch, bool shuffle)
{
    graft_rng rng;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    if (shuffle) {
        graft_rng_init(&rng, seed, GRAFT_RNG_SHUFFLE, epoch);
        graft_rng_shuffle(&rng, order, n);
    }
}
