/* importance.c - importance matrices in memory: one row of means per tensor, found by name. */
#include "export/importance.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "export/importance_internal.h"
#include "io/gguf.h"

static const char sums_suffix[] = ".in_sum2", counts_suffix[] = ".counts";

void graft_importance_close(graft_importance *importance)
{
    if (importance == NULL) {
        return;
    }
    graft_map_clear(&importance->names);
    graft_arena_clear(&importance->arena);
    graft_free(importance->rows);
    graft_free(importance);
}

const float *graft_importance_find(const graft_importance *importance, const char *name, size_t *n)
{
    uint64_t index;
    if (!graft_map_find(&importance->names, name, strlen(name), &index)) {
        return NULL;
    }
    *n = importance->rows[index].n;
    return importance->rows[index].values;
}

size_t graft_importance_n(const graft_importance *importance)
{
    return importance->n_rows;
}

uint32_t graft_importance_chunks(const graft_importance *importance)
{
    return importance->chunks;
}

const char *graft_importance_path(const graft_importance *importance)
{
    return importance->path;
}

const char *graft_importance_dataset(const graft_importance *importance)
{
    return importance->dataset;
}

graft_status graft_importance__keep(graft_importance *importance, const char *text, size_t n,
                                    const char **out)
{
    graft_status status = GRAFT_OK;
    char *copy;
    GRAFT_TRY(graft_arena_calloc(&importance->arena, &copy, n + 1, 1));
    memcpy(copy, text, n);
    *out = copy;
done:
    return status;
}

graft_status graft_importance__add(graft_importance *importance, const char *name, size_t name_len,
                                   size_t n, float **out)
{
    graft_status status = GRAFT_OK;
    graft_importance_row row = {.n = n};
    const char *kept;
    bool was_present;
    GRAFT_TRY(graft_reserve(&importance->rows, &importance->capacity, importance->n_rows + 1,
                            sizeof row));
    GRAFT_TRY(graft_importance__keep(importance, name, name_len, &kept));
    GRAFT_TRY(graft_arena_alloc(&importance->arena, &row.values, n, sizeof *row.values));
    GRAFT_TRY(graft_map_set(&importance->names, kept, name_len, importance->n_rows, &was_present));
    if (was_present) {
        status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" is there twice", importance->path,
                            kept);
        goto done;
    }
    row.name = kept;
    importance->rows[importance->n_rows++] = row;
    *out = row.values;
done:
    return status;
}

graft_status graft_importance__check(const graft_importance *importance)
{
    for (size_t i = 0; i < importance->n_rows; i++) {
        const graft_importance_row *row = &importance->rows[i];
        for (size_t j = 0; j < row->n; j++) {
            if (!isfinite(row->values[j]) || row->values[j] < 0) {
                return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\": value %zu is not a mean of "
                                  "squares (finite, not negative)", importance->path, row->name, j);
            }
        }
    }
    return GRAFT_OK;
}

/* The sums of one tensor and the counts that go with them, as means; where nothing was counted
 * (an expert that was never asked) all columns count alike. */
static graft_status add_tensor(graft_importance *importance, const graft_gguf *file,
                               const graft_gguf_tensor *sums)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    float *values, count;
    size_t stem = strlen(sums->name) - strlen(sums_suffix);
    graft_text_init(&name);
    GRAFT_TRY(graft_text_append(&name, sums->name, stem));
    GRAFT_TRY(graft_text_append_z(&name, counts_suffix));
    const graft_gguf_tensor *counts = graft_gguf_find_tensor(file, graft_text_z(&name));
    if (counts == NULL) {
        status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" is missing", importance->path,
                            graft_text_z(&name));
        goto done;
    }
    size_t row = (size_t)sums->ne[0], n_counts = counts->n_bytes / sizeof count;
    size_t n = sums->n_bytes / sizeof *values;
    if (sums->format != &graft_format_f32 || counts->format != &graft_format_f32 ||
        counts->ne[0] != 1 || n_counts != sums->ne[1] || n != row * n_counts) {
        status = graft_fail(GRAFT_E_MODEL, "%s: tensors \"%s\" and \"%s\" do not belong together",
                            importance->path, sums->name, counts->name);
        goto done;
    }
    GRAFT_TRY(graft_importance__add(importance, sums->name, stem, n, &values));
    memcpy(values, sums->data, n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        memcpy(&count, counts->data + i / row * sizeof count, sizeof count);
        values[i] = count > 0 ? values[i] / count : 1;
    }
done:
    graft_text_clear(&name);
    return status;
}

static graft_status read_gguf(graft_importance *importance, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string type = {NULL, 0}, *datasets = NULL;
    uint64_t chunks = 0;
    size_t n_datasets = 0;
    GRAFT_TRY(graft_gguf_want_string(file, "general.type", &type));
    if (!graft_gguf_string_is(type, "imatrix")) {
        status = graft_fail(GRAFT_E_MODEL, "%s: general.type is not \"imatrix\"", importance->path);
        goto done;
    }
    GRAFT_TRY(graft_gguf_get_u64(file, "imatrix.chunk_count", 0, UINT32_MAX, &chunks));
    importance->chunks = (uint32_t)chunks;
    if (graft_gguf_find(file, "imatrix.datasets") != NULL) {
        GRAFT_TRY(graft_gguf_array_strings(file, "imatrix.datasets", &datasets, &n_datasets));
    }
    if (n_datasets > 0) {
        GRAFT_TRY(graft_importance__keep(importance, datasets[0].data, datasets[0].len,
                                         &importance->dataset));
    }
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *tensor = graft_gguf_tensor_at(file, i);
        if (graft_str_ends_with(tensor->name, sums_suffix)) {
            GRAFT_TRY(add_tensor(importance, file, tensor));
        }
    }
done:
    graft_free(datasets);
    return status;
}

graft_status graft_importance_open(graft_importance **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_importance *importance = NULL;
    graft_gguf *file = NULL;
    graft_mapped mapped = {0};
    *out = NULL;
    GRAFT_TRY(graft_alloc(&importance, 1, sizeof *importance));
    graft_map_init(&importance->names);
    graft_arena_init(&importance->arena, 0);
    GRAFT_TRY(graft_importance__keep(importance, path, strlen(path), &importance->path));
    GRAFT_TRY(graft_mapped_open(&mapped, path));
    if (mapped.size >= 4 && memcmp(mapped.data, "GGUF", 4) == 0) {
        GRAFT_TRY(graft_gguf_open(&file, path));
        GRAFT_TRY(read_gguf(importance, file));
    } else {
        GRAFT_TRY(graft_importance__read_dat(importance, mapped.data, mapped.size));
    }
    if (importance->n_rows == 0) {
        status = graft_fail(GRAFT_E_MODEL, "%s: holds no importances", path);
        goto done;
    }
    GRAFT_TRY(graft_importance__check(importance));
    *out = importance;
    importance = NULL;
done:
    graft_mapped_close(&mapped);
    graft_gguf_close(file);
    graft_importance_close(importance);
    return status;
}
