#include "adapter/lora.h"

#include <math.h>
#include <string.h>

#include "core/rng.h"

/* As PEFT: A from torch's kaiming_uniform_(a = sqrt(5)), which is uniform in
 * +-1/sqrt(n_in); B zero. */
static void init(graft_low_rank *map, uint64_t seed, uint32_t stream)
{
    graft_rng rng;
    double bound = 1.0 / sqrt((double)map->a.n_cols);
    graft_rng_init(&rng, seed, GRAFT_RNG_INIT, stream);
    for (size_t i = 0; i < map->a.n_rows * map->a.n_cols; i++) {
        /* rounded to single precision so that every build starts from the same numbers */
        map->a.data[i] = (float)((2.0 * graft_rng_uniform(&rng) - 1.0) * bound);
    }
    memset(map->b.data, 0, map->b.n_rows * map->b.n_cols * sizeof *map->b.data);
}

const graft_adapter_kind graft_adapter_lora = {"lora", init};
