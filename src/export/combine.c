/* export/combine.c - several adapters as one.
 *
 * W + sum of w_i s_i B_i A_i is one map whose A is all A_i one below the other and whose B is all w_i
 * s_i B_i one beside the other: nothing is approximated, the rank is the sum of the ranks. */
#include <math.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "export/export.h"

typedef struct sum {
    graft_loaded_adapter *out;
    size_t capacity;
    graft_map index; /* name -> map of out */
} sum;

static graft_status copy_map(graft_export_map *out, const graft_export_map *map, double weight)
{
    graft_status status = GRAFT_OK;
    float *a = NULL, *b = NULL;
    char *name = NULL;
    GRAFT_TRY(graft_strdup(&name, map->name));
    out->name = name;
    GRAFT_TRY(graft_alloc(&a, map->rank * map->n_in, sizeof *a));
    out->a = memcpy(a, map->a, map->rank * map->n_in * sizeof *a);
    GRAFT_TRY(graft_alloc(&b, map->n_out * map->rank, sizeof *b));
    out->b = memcpy(b, map->b, map->n_out * map->rank * sizeof *b);
    out->rank = map->rank;
    out->n_in = map->n_in;
    out->n_out = map->n_out;
    out->scale = map->scale * weight;
    if (map->magnitude != NULL) {
        float *magnitude = NULL;
        GRAFT_TRY(graft_alloc(&magnitude, map->n_out, sizeof *magnitude));
        out->magnitude = memcpy(magnitude, map->magnitude, map->n_out * sizeof *magnitude);
    }
done:
    return status;
}

/* Puts a second map of the same tensor behind what is there. */
static graft_status append_map(graft_export_map *out, const graft_export_map *map, double weight)
{
    graft_status status = GRAFT_OK;
    float *a = NULL, *b = NULL;
    size_t rank = out->rank + map->rank;
    GRAFT_TRY(graft_alloc(&a, rank * map->n_in, sizeof *a));
    GRAFT_TRY(graft_alloc(&b, map->n_out * rank, sizeof *b));
    memcpy(a, out->a, out->rank * map->n_in * sizeof *a);
    memcpy(a + out->rank * map->n_in, map->a, map->rank * map->n_in * sizeof *a);
    for (size_t row = 0; row < map->n_out; row++) {
        float *to = b + row * rank;
        for (size_t i = 0; i < out->rank; i++) {
            to[i] = (float)((double)out->b[row * out->rank + i] * out->scale);
        }
        for (size_t i = 0; i < map->rank; i++) {
            to[out->rank + i] = (float)((double)map->b[row * map->rank + i] * map->scale * weight);
        }
    }
    graft_free((void *)(uintptr_t)out->a);
    graft_free((void *)(uintptr_t)out->b);
    out->a = a;
    out->b = b;
    out->rank = rank;
    out->scale = 1.0;
    a = b = NULL;
done:
    graft_free(a);
    graft_free(b);
    return status;
}

static graft_status add(sum *s, const graft_export_map *map, double weight)
{
    graft_status status = GRAFT_OK;
    graft_loaded_adapter *out = s->out;
    uint64_t at = out->n_maps;
    if (graft_map_find(&s->index, map->name, strlen(map->name), &at)) {
        return append_map(&out->maps[at], map, weight);
    }
    GRAFT_TRY(graft_reserve(&out->maps, &s->capacity, out->n_maps + 1, sizeof *out->maps));
    out->maps[out->n_maps] = (graft_export_map){0};
    out->n_maps++;
    GRAFT_TRY(copy_map(&out->maps[at], map, weight));
    GRAFT_TRY(graft_map_set(&s->index, map->name, strlen(map->name), at, NULL));
done:
    return status;
}

/* The change of a DoRA is no sum of products: half of it is not half of anything that it holds. */
static graft_status check_summands(const graft_loaded_adapter *adapters, const double *weights,
                                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool dora = graft_export_is_dora(adapters[i].maps, adapters[i].n_maps);
        if (dora && (n > 1 || fabs(weights[i] - 1) > 0)) {
            return graft_fail(GRAFT_E_CONFIG, "adapter %zu is a DoRA, whose change depends on the "
                              "weights that it changes: it can neither be added to others nor be "
                              "weighted. Merge it alone (gguf, --type f32), and use that as the base "
                              "of the rest", i + 1);
        }
    }
    return GRAFT_OK;
}

graft_status graft_loaded_adapter_sum(graft_loaded_adapter *out,
                                      const graft_loaded_adapter *adapters, const double *weights,
                                      size_t n)
{
    graft_status status = GRAFT_OK;
    sum s = {.out = out};
    *out = (graft_loaded_adapter){0};
    graft_map_init(&s.index);
    GRAFT_TRY(check_summands(adapters, weights, n));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < adapters[i].n_maps; k++) {
            GRAFT_TRY(add(&s, &adapters[i].maps[k], weights[i]));
        }
    }
    out->alpha = n == 1 || out->n_maps == 0 ? adapters[0].alpha : (double)out->maps[0].rank;
done:
    graft_map_clear(&s.index);
    if (status != GRAFT_OK) {
        graft_loaded_adapter_clear(out);
    }
    return status;
}
