/* export/factors.c - the matrices of an adapter as a file must hold them. */
#include "export/factors.h"

#include <math.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "export/peft_names.h"

static graft_status check_values(const char *name, const char *factor, const float *values,
                                 size_t n_rows, size_t n_cols)
{
    for (size_t i = 0; i < n_rows * n_cols; i++) {
        if (!isfinite(values[i])) {
            return graft_fail(GRAFT_E_NUMERICS, "adapter of \"%s\": row %zu, column %zu of %s is not "
                              "finite", name, i / n_cols, i % n_cols, factor);
        }
    }
    return GRAFT_OK;
}

static graft_status check_map(const graft_export_map *map)
{
    graft_status status = GRAFT_OK;
    if (map->rank == 0 || map->n_in == 0 || map->n_out == 0) {
        return graft_fail(GRAFT_E_FAILED, "adapter of \"%s\": rank %zu, %zu inputs, %zu outputs",
                          map->name, map->rank, map->n_in, map->n_out);
    }
    if (!isfinite(map->scale)) {
        return graft_fail(GRAFT_E_NUMERICS, "adapter of \"%s\": its scale is not finite",
                          map->name);
    }
    GRAFT_TRY(check_values(map->name, "A", map->a, map->rank, map->n_in));
    GRAFT_TRY(check_values(map->name, "B", map->b, map->n_out, map->rank));
    if (map->magnitude != NULL) {
        GRAFT_TRY(check_values(map->name, "the magnitudes", map->magnitude, map->n_out, 1));
    }
done:
    return status;
}

graft_status graft_export__check(const graft_export_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    graft_map seen;
    graft_map_init(&seen);
    if (adapter->n_maps == 0) {
        return graft_fail(GRAFT_E_FAILED, "the adapter is empty");
    }
    if (!isfinite((float)adapter->alpha) || !((float)adapter->alpha > 0)) {
        return graft_fail(GRAFT_E_FAILED, "the adapter's alpha is %g; it must be positive",
                          adapter->alpha);
    }
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_export_map *map = &adapter->maps[i];
        bool was_present;
        GRAFT_TRY(graft_map_set(&seen, map->name, strlen(map->name), i, &was_present));
        if (was_present) {
            status = graft_fail(GRAFT_E_FAILED, "the adapter has two maps for \"%s\"", map->name);
            goto done;
        }
        GRAFT_TRY(check_map(map));
        if ((map->magnitude != NULL) != (adapter->maps[0].magnitude != NULL)) {
            status = graft_fail(GRAFT_E_FAILED, "some maps of the adapter have magnitudes (DoRA), "
                                "\"%s\" or the first one has none", map->name);
            goto done;
        }
    }
done:
    graft_map_clear(&seen);
    return status;
}

size_t graft_export__largest_rank(const graft_export_adapter *adapter)
{
    size_t rank = 0;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        rank = adapter->maps[i].rank > rank ? adapter->maps[i].rank : rank;
    }
    return rank;
}

graft_status graft_export__divide(const graft_export_map *map, double scale, float **out)
{
    graft_status status = GRAFT_OK;
    size_t n = map->n_out * map->rank;
    double factor = map->scale / scale;
    GRAFT_TRY(graft_alloc(out, n, sizeof **out));
    if (fabs(factor - 1.0) < 1e-12) { /* the usual case keeps its bits */
        memcpy(*out, map->b, n * sizeof **out);
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        (*out)[i] = (float)((double)map->b[i] * factor);
    }
    status = check_values(map->name, "B, scaled,", *out, map->n_out, map->rank);
    if (status != GRAFT_OK) {
        graft_free(*out);
        *out = NULL;
    }
done:
    return status;
}

graft_status graft_export__fold(const graft_export_adapter *adapter, const graft_export_map *map,
                                float **out)
{
    return graft_export__divide(map, (double)(float)adapter->alpha / (double)map->rank, out);
}

graft_status graft_export__put_in_hf_order(const graft_export_adapter *adapter,
                                           const graft_export_map *map, size_t width, float **of)
{
    graft_status status = GRAFT_OK;
    float *rows = NULL;
    size_t heads = graft_export__interleaved_heads(adapter->arch, map->name, adapter->n_head,
                                                   adapter->n_kv);
    if (heads == 0) {
        return GRAFT_OK;
    }
    if (map->n_out % (2 * heads) != 0) {
        return graft_fail(GRAFT_E_FAILED, "adapter of \"%s\": %zu rows are not %zu heads of even "
                          "size", map->name, map->n_out, heads);
    }
    GRAFT_TRY(graft_alloc(&rows, map->n_out * width, sizeof *rows));
    graft_export__to_hf_rows(rows, *of, map->n_out, width, heads);
    graft_free(*of);
    *of = rows;
done:
    return status;
}

graft_status graft_export__magnitude(const graft_export_adapter *adapter, const graft_export_map *map,
                                     float **out)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    if (map->magnitude == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(out, map->n_out, sizeof **out));
    memcpy(*out, map->magnitude, map->n_out * sizeof **out);
    GRAFT_TRY(graft_export__put_in_hf_order(adapter, map, 1, out));
done:
    return status;
}
