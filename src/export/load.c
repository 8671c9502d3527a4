/* export/load.c - adapters to start from: found, checked against their base, collected. */
#include "export/load.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"

static const uint64_t hashed_bases = UINT64_C(1) << 30; /* larger ones are told apart by size */

void graft_loaded_adapter_clear(graft_loaded_adapter *adapter)
{
    if (adapter == NULL) {
        return;
    }
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_free((void *)(uintptr_t)adapter->maps[i].name);
        graft_free((void *)(uintptr_t)adapter->maps[i].a);
        graft_free((void *)(uintptr_t)adapter->maps[i].b);
        graft_free((void *)(uintptr_t)adapter->maps[i].magnitude);
    }
    graft_free(adapter->maps);
    graft_free(adapter->base_name);
    graft_free(adapter->base_hash);
    graft_free(adapter->recipe);
    *adapter = (graft_loaded_adapter){0};
}

/* Names from an adapter file are only repeated in messages after the base knew them. */
static graft_status find_matrix(const graft_export__loading *l, const char *name,
                                const graft_gguf_tensor **out)
{
    const graft_gguf_tensor *t = graft_gguf_find_tensor(l->base, name);
    if (strcmp(name, "token_embd.weight") == 0) {
        return graft_fail(GRAFT_E_MODEL, "adapters of embeddings are not supported%s",
                          graft_gguf_find_tensor(l->base, "output.weight") != NULL ? ""
                          : " (in this base they are the output as well, and llama.cpp aborts with "
                            "such an adapter)");
    }
    if (t == NULL) {
        return graft_fail(GRAFT_E_MODEL, "the base has no tensor \"%s\"%s", name,
                          strcmp(name, "output.weight") == 0
                              ? " (its output is tied to the embeddings)" : "");
    }
    if (t->n_dims != 2) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\" of the base is not a matrix; only linear maps can "
                          "be adapted", name);
    }
    *out = t;
    return GRAFT_OK;
}

/* The map of a base tensor, made when it is first asked for. */
static graft_status get_map(graft_export__loading *l, const graft_gguf_tensor *t,
                            graft_export_map **out)
{
    graft_status status = GRAFT_OK;
    graft_loaded_adapter *a = l->out;
    uint64_t index = a->n_maps;
    char *name;
    if (graft_map_find(&l->index, t->name, strlen(t->name), &index)) {
        *out = &a->maps[index];
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_reserve(&a->maps, &l->capacity, a->n_maps + 1, sizeof *a->maps));
    GRAFT_TRY(graft_map_set(&l->index, t->name, strlen(t->name), index, NULL));
    GRAFT_TRY(graft_strdup(&name, t->name));
    a->maps[a->n_maps++] = (graft_export_map){
        .name = name, .n_in = (size_t)t->ne[0], .n_out = (size_t)t->ne[1], .scale = 1.0};
    *out = &a->maps[index];
done:
    return status;
}

/* A factor as its file has it: rows x row numbers, or the other way round. */
typedef struct stored {
    const graft_format *format;
    const void *data;
    bool transposed;
} stored;

static graft_status transpose(float **values, size_t rows, size_t row)
{
    graft_status status = GRAFT_OK;
    float *turned = NULL;
    GRAFT_TRY(graft_alloc(&turned, rows * row, sizeof *turned));
    for (size_t i = 0; i < rows * row; i++) {
        turned[i] = (*values)[i % row * rows + i / row];
    }
    graft_free(*values);
    *values = turned;
done:
    return status;
}

static graft_status decode(const float **out, const char *name, const char *factor, size_t rows,
                           size_t row, const stored *from)
{
    graft_status status = GRAFT_OK;
    float *values = NULL;
    size_t n = rows * row;
    GRAFT_TRY(graft_alloc(&values, n, sizeof *values));
    from->format->decode(from->data, values, n);
    if (from->transposed) {
        GRAFT_TRY(transpose(&values, rows, row));
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            status = graft_fail(GRAFT_E_MODEL, "\"%s\": row %zu, column %zu of %s is not "
                                "finite", name, i / row, i % row, factor);
            goto done;
        }
    }
    *out = values;
    values = NULL;
done:
    graft_free(values);
    return status;
}

static graft_status take(graft_export__loading *loading, const char *name,
                         graft_export__factor factor, uint64_t rows, uint64_t row,
                         const stored *from)
{
    graft_status status = GRAFT_OK;
    bool is_a = factor == GRAFT_EXPORT_A;
    const char *letter = is_a ? "A" : "B";
    size_t rank = (size_t)(is_a ? rows : row);
    const graft_gguf_tensor *t = NULL;
    graft_export_map *map = NULL;
    GRAFT_TRY(find_matrix(loading, name, &t));
    if (from->format == NULL || from->format->block_elems != 1) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": %s is not F32, F16 or BF16", name, letter);
    }
    if (rank == 0 || (is_a ? row != t->ne[0] : rows != t->ne[1])) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": %s is %" PRIu64 " x %" PRIu64
                          ", but the base is %" PRIu64 " x %" PRIu64, name, letter, rows, row,
                          t->ne[1], t->ne[0]);
    }
    GRAFT_TRY(get_map(loading, t, &map));
    if ((is_a ? map->a : map->b) != NULL) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": %s is there twice", name, letter);
    }
    if ((is_a ? map->b : map->a) != NULL && rank != map->rank) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": A has rank %zu, B has rank %zu", name,
                          is_a ? rank : map->rank, is_a ? map->rank : rank);
    }
    map->rank = rank;
    GRAFT_TRY(decode(is_a ? &map->a : &map->b, name, letter, (size_t)rows, (size_t)row, from));
done:
    return status;
}

graft_status graft_export__take_magnitudes(graft_export__loading *loading, const char *name,
                                           uint64_t n, const graft_format *format,
                                           const void *data)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_tensor *t = NULL;
    graft_export_map *map = NULL;
    GRAFT_TRY(find_matrix(loading, name, &t));
    if (format == NULL || format->block_elems != 1) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": its magnitudes are not F32, F16 or BF16", name);
    }
    if (n != t->ne[1]) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": %" PRIu64 " magnitudes, but the base has %" PRIu64
                          " rows", name, n, t->ne[1]);
    }
    GRAFT_TRY(get_map(loading, t, &map));
    if (map->magnitude != NULL) {
        return graft_fail(GRAFT_E_MODEL, "\"%s\": its magnitudes are there twice", name);
    }
    GRAFT_TRY(decode(&map->magnitude, name, "the magnitudes", (size_t)n, 1,
                     &(stored){format, data, false}));
done:
    return status;
}

graft_status graft_export__take(graft_export__loading *loading, const char *name,
                                graft_export__factor factor, uint64_t rows, uint64_t row,
                                const graft_format *format, const void *data)
{
    return take(loading, name, factor, rows, row, &(stored){format, data, false});
}

graft_status graft_export__take_transposed(graft_export__loading *loading, const char *name,
                                           graft_export__factor factor, uint64_t rows, uint64_t row,
                                           const graft_format *format, const void *data)
{
    return take(loading, name, factor, row, rows, &(stored){format, data, true});
}

graft_status graft_export__check_pairs(const graft_export__loading *loading)
{
    for (size_t i = 0; i < loading->out->n_maps; i++) {
        const graft_export_map *map = &loading->out->maps[i];
        if (map->a == NULL || map->b == NULL) {
            return graft_fail(GRAFT_E_MODEL, "\"%s\": %s is missing", map->name,
                              map->a == NULL ? "A" : "B");
        }
        if ((map->magnitude != NULL) != (loading->out->maps[0].magnitude != NULL)) {
            const graft_export_map *bare = map->magnitude == NULL ? map : loading->out->maps;
            return graft_fail(GRAFT_E_MODEL, "\"%s\" has no magnitudes (DoRA), and others have",
                              bare->name);
        }
    }
    return loading->out->n_maps > 0 ? GRAFT_OK
                                    : graft_fail(GRAFT_E_MODEL, "it adapts no tensor");
}

/* Architecture and head counts of the base. */
static graft_status describe_base(graft_export__loading *l)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string arch;
    graft_text key;
    uint64_t n_head = 0, n_kv;
    char *text;
    graft_text_init(&key);
    GRAFT_TRY(graft_gguf_get_string(l->base, "general.architecture", &arch));
    GRAFT_TRY(graft_strndup(&text, arch.data, arch.len));
    l->arch = text;
    GRAFT_TRY(graft_text_appendf(&key, "%s.attention.head_count", l->arch));
    GRAFT_TRY(graft_gguf_get_u64(l->base, key.data, 1, 1 << 16, &n_head));
    n_kv = n_head;
    GRAFT_TRY(graft_text_append_z(&key, "_kv"));
    GRAFT_TRY(graft_gguf_want_u64(l->base, key.data, 1, n_head, &n_kv));
    l->n_head = (size_t)n_head;
    l->n_kv = (size_t)n_kv;
done:
    graft_text_clear(&key);
    return status;
}

graft_status graft_adapter_load_any(graft_loaded_adapter *out, const char *path,
                                    const graft_gguf *base)
{
    graft_status status = GRAFT_OK;
    graft_export__loading loading = {.path = path, .base = base, .out = out};
    char *weights = NULL;
    bool is_mlx;
    *out = (graft_loaded_adapter){0};
    graft_map_init(&loading.index);
    GRAFT_TRY(describe_base(&loading));
    if (graft_path_is_dir(path)) {
        GRAFT_TRY(graft_adapter_find_weights(&weights, &is_mlx, path));
        GRAFT_TRY(is_mlx ? graft_export__load_mlx(&loading, weights)
                         : graft_export__load_peft(&loading, weights));
    } else {
        GRAFT_TRY(graft_export__load_gguf(&loading));
    }
done:
    graft_free(weights);
    graft_map_clear(&loading.index);
    graft_free((void *)(uintptr_t)loading.arch);
    if (status != GRAFT_OK) {
        graft_loaded_adapter_clear(out);
    }
    return status;
}

/* An adapter of another file of the same shape works, but seldom as meant. */
static graft_status compare_base(const graft_loaded_adapter *adapter, const char *path,
                                 const graft_gguf *base)
{
    graft_status status = GRAFT_OK;
    uint64_t bytes = graft_gguf_size(base);
    char hash[65];
    bool same = adapter->base_bytes == 0 || adapter->base_bytes == bytes;
    if (same && adapter->base_hash != NULL && bytes <= hashed_bases) {
        GRAFT_TRY(graft_gguf_sha256(base, hash));
        same = strcmp(adapter->base_hash, hash) == 0;
    }
    if (!same) {
        graft_log(GRAFT_LOG_WARN, "%s was trained on another base than %s", path,
                  graft_gguf_path(base));
    }
done:
    return status;
}

graft_status graft_adapter_load(graft_loaded_adapter *out, const char *path, const graft_gguf *base)
{
    graft_status status = graft_adapter_load_any(out, path, base);
    if (status == GRAFT_OK) {
        status = compare_base(out, path, base);
    }
    if (status != GRAFT_OK) {
        graft_loaded_adapter_clear(out);
    }
    return status;
}
