/* lora.c - plain LoRA (Hu et al. 2021), started as PEFT does. */
#include <math.h>

#include "adapter/kinds.h"
#include "core/rng.h"

/* A from torch's kaiming_uniform_(a = sqrt(5)), which is uniform in +-1/sqrt(n_in). B stays zero. */
static graft_status init(graft_low_rank *map, size_t n_trained, const graft_weight *weight,
                         uint64_t seed, uint32_t stream)
{
    graft_rng rng;
    double bound = 1.0 / sqrt((double)map->a.n_cols);
    (void)weight;
    graft_rng_init(&rng, seed, GRAFT_RNG_INIT, stream);
    for (size_t i = 0; i < n_trained * map->a.n_cols; i++) {
        /* rounded to single precision so that every build starts from the same numbers */
        map->a.data[i] = (float)((2.0 * graft_rng_uniform(&rng) - 1.0) * bound);
    }
    return GRAFT_OK;
}

const graft_adapter_kind graft_adapter_lora = {"true", false, init};
