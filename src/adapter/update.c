#include "adapter/update.h"

#include <string.h>

enum { MAX_MOMENTS = 4 };

/* The first n parameters of one matrix. */
static void update_part(graft_adapter *adapter, const graft_optimizer *optimizer,
                        const graft_kernels *kernels, graft_real *const *moments, uint64_t step,
                        const graft_optimizer_options *options, const graft_param *part, size_t n)
{
    size_t at = (size_t)(part->data - adapter->params);
    graft_real *own[MAX_MOMENTS];
    for (size_t i = 0; i < optimizer->n_moments && i < MAX_MOMENTS; i++) {
        own[i] = moments[i] + at;
    }
    optimizer->update(kernels, part->data, own, part->grad, n, step, options);
}

/* Frozen columns of B lie between trained ones and have decayed with them. */
static void restore_start(const graft_adapter_map *map)
{
    const graft_param *b = &map->low_rank.b;
    size_t n = b->n_cols - map->n_trained;
    for (size_t i = 0; i < b->n_rows && n > 0; i++) {
        memcpy(b->data + i * b->n_cols + map->n_trained, map->start + i * n,
               n * sizeof *b->data);
    }
}

static bool has_frozen(const graft_adapter *adapter)
{
    return adapter->n_maps > 0 && adapter->maps[0].start != NULL;
}

void graft_adapter_update(graft_adapter *adapter, const graft_optimizer *optimizer,
                          const graft_kernels *kernels, graft_real *const *moments, uint64_t step,
                          const graft_optimizer_options *options, double b_ratio)
{
    graft_optimizer_options faster = *options;
    faster.learning_rate *= b_ratio;
    if (b_ratio == 1 && !has_frozen(adapter)) { /* one walk over everything */
        optimizer->update(kernels, adapter->params, moments, adapter->grads, adapter->n_params,
                          step, options);
        return;
    }
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_adapter_map *map = &adapter->maps[i];
        const graft_param *a = &map->low_rank.a, *b = &map->low_rank.b;
        update_part(adapter, optimizer, kernels, moments, step, options, a,
                    map->n_trained * a->n_cols);
        update_part(adapter, optimizer, kernels, moments, step, &faster, b,
                    b->n_rows * b->n_cols);
        if (map->low_rank.magnitude.data != NULL) {
            update_part(adapter, optimizer, kernels, moments, step, &faster,
                        &map->low_rank.magnitude, b->n_rows);
        }
        restore_start(map);
    }
}
