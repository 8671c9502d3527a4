/* pissa.c - PiSSA (Meng, Wang & Zhang 2024): B and A are the leading singular vectors of W, each times
 * the root of its singular value. */
#include <math.h>

#include "adapter/decompose.h"
#include "adapter/kinds.h"
#include "core/memory.h"

static graft_status init(graft_low_rank *map, size_t n_trained, const graft_weight *weight,
                         uint64_t seed, uint32_t stream)
{
    graft_status status = GRAFT_OK;
    graft_real *u = NULL, *sigma = NULL;
    size_t n_out = weight->n_out, n_in = weight->n_in, rank = map->b.n_cols;
    GRAFT_TRY(graft_alloc(&u, n_trained * n_out, sizeof *u));
    GRAFT_TRY(graft_alloc(&sigma, n_trained, sizeof *sigma));
    GRAFT_TRY(graft_leading_svd(weight, n_trained, seed, stream, u, sigma, map->a.data));
    for (size_t k = 0; k < n_trained; k++) {
        /* scale * B A is the part of W */
        double root = sqrt((double)sigma[k] / (double)map->scale);
        for (size_t i = 0; i < n_out; i++) {
            map->b.data[i * rank + k] = (float)((double)u[k * n_out + i] * root);
        }
        for (size_t i = 0; i < n_in; i++) {
            map->a.data[k * n_in + i] = (float)((double)map->a.data[k * n_in + i] * root);
        }
    }
done:
    graft_free(u);
    graft_free(sigma);
    return status;
}

const graft_adapter_kind graft_adapter_pissa = {"pissa", true, init};
