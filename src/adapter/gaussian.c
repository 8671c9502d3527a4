/* gaussian.c - LoRA with normal numbers in A, of standard deviation 1 / rank (PEFT's "gaussian"). */
#include "adapter/kinds.h"
#include "core/rng.h"

static graft_status init(graft_low_rank *map, size_t n_trained, const graft_weight *weight,
                         uint64_t seed, uint32_t stream)
{
    graft_rng rng;
    (void)weight;
    graft_rng_init(&rng, seed, GRAFT_RNG_INIT, stream);
    for (size_t i = 0; i < n_trained * map->a.n_cols; i++) {
        map->a.data[i] = (float)(graft_rng_normal(&rng) / (double)n_trained);
    }
    return GRAFT_OK;
}

const graft_adapter_kind graft_adapter_gaussian = {"gaussian", false, init};
