/* export/mlx.c - the adapter as mlx-lm loads it (--adapter-path).
 *
 * adapters.safetensors holds <module>.lora_a (n_in, rank) and <module>.lora_b (rank, n_out), the
 * transposes of PEFT's, in Hugging Face's names and row order; adapter_config.json says one rank and
 * one scale for all and which modules of a layer are adapted (mlx_lm/tuner/utils.py,
 * load_adapters). Maps of a smaller rank are filled up with zeros. */
#include <string.h>

#include "adapter/modules.h"
#include "core/memory.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "export/peft_names.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"

static size_t largest_rank(const graft_export_adapter *adapter)
{
    size_t rank = 0;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        rank = adapter->maps[i].rank > rank ? adapter->maps[i].rank : rank;
    }
    return rank;
}

/* out[column * to + row] = in[row * n_columns + column] */
static void transpose(float *out, const float *in, size_t n_rows, size_t n_columns, size_t to)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t column = 0; column < n_columns; column++) {
            out[column * to + row] = in[row * n_columns + column];
        }
    }
}

typedef struct factors {
    float *a, *b; /* [n_in][rank], [rank][n_out] */
} factors;

static graft_status make_factors(const graft_export_adapter *adapter, const graft_export_map *map,
                                 size_t rank, factors *out)
{
    graft_status status = GRAFT_OK;
    float *folded = NULL, *rows = NULL;
    size_t n, heads = graft_export__interleaved_heads(adapter->arch, map->name, adapter->n_head,
                                                      adapter->n_kv);
    if (!graft_size_mul(map->n_in, rank, &n) || !graft_size_mul(map->n_out, rank, &n)) {
        return graft_fail(GRAFT_E_MEMORY, "adapter of \"%s\": too large", map->name);
    }
    GRAFT_TRY(graft_export__fold(adapter, map, &folded));
    if (heads > 0) {
        if (map->n_out % (2 * heads) != 0) {
            status = graft_fail(GRAFT_E_FAILED, "adapter of \"%s\": %zu rows are not %zu heads of "
                                "even size", map->name, map->n_out, heads);
            goto done;
        }
        GRAFT_TRY(graft_alloc(&rows, map->n_out * map->rank, sizeof *rows));
        graft_export__to_hf_rows(rows, folded, map->n_out, map->rank, heads);
    }
    /* fold is for alpha / (own rank); here all have alpha / (largest rank) */
    const float ratio = (float)rank / (float)map->rank;
    float *scaled = rows != NULL ? rows : folded;
    for (size_t i = 0; rank != map->rank && i < map->n_out * map->rank; i++) {
        scaled[i] *= ratio;
    }
    GRAFT_TRY(graft_alloc(&out->a, map->n_in * rank, sizeof *out->a)); /* zeros */
    GRAFT_TRY(graft_alloc(&out->b, rank * map->n_out, sizeof *out->b));
    transpose(out->a, map->a, map->rank, map->n_in, rank);
    transpose(out->b, scaled, map->n_out, map->rank, map->n_out);
done:
    graft_free(folded);
    graft_free(rows);
    return status;
}

static graft_status add_factor(graft_safetensors_writer *file, const char *arch, const char *name,
                               const char *suffix, uint64_t rows, uint64_t row, const float *data)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_export__hf_name(&text, arch, name));
    GRAFT_TRY(graft_text_append_z(&text, suffix));
    GRAFT_TRY(graft_safetensors_add(file, text.data, 2, (const uint64_t[2]){rows, row}, data));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status write_weights(const graft_export_adapter *adapter, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_safetensors_writer *file = NULL;
    factors *made = NULL;
    char *path = NULL;
    size_t rank = largest_rank(adapter);
    GRAFT_TRY(graft_safetensors_writer_new(&file));
    GRAFT_TRY(graft_safetensors_set_metadata(file, "format", "mlx"));
    GRAFT_TRY(graft_alloc(&made, adapter->n_maps, sizeof *made));
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_export_map *map = &adapter->maps[i];
        GRAFT_TRY(make_factors(adapter, map, rank, &made[i]));
        GRAFT_TRY(add_factor(file, adapter->arch, map->name, ".lora_a", map->n_in, rank,
                             made[i].a));
        GRAFT_TRY(add_factor(file, adapter->arch, map->name, ".lora_b", rank, map->n_out,
                             made[i].b));
    }
    GRAFT_TRY(graft_path_join(&path, folder, "adapters.safetensors"));
    GRAFT_TRY(graft_safetensors_write(file, path));
done:
    for (size_t i = 0; made != NULL && i < adapter->n_maps; i++) {
        graft_free(made[i].a);
        graft_free(made[i].b);
    }
    graft_free(made);
    graft_free(path);
    graft_safetensors_writer_free(file);
    return status;
}

/* --- adapter_config.json --- */

/* "self_attn.q_proj" of what "model.layers.3.self_attn.q_proj" is called; what belongs to no layer is
 * refused, since mlx-lm adapts layers only. */
static graft_status add_key(graft_json *keys, const graft_export_adapter *adapter,
                            const graft_export_map *map)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(graft_export__hf_name(&name, adapter->arch, map->name));
    const char *rest = graft_str_starts_with(name.data, "model.layers.")
                           ? strchr(name.data + strlen("model.layers."), '.') : NULL;
    if (rest == NULL) {
        status = graft_fail(GRAFT_E_FAILED, "\"%s\" is no part of a layer: mlx-lm adapts layers only",
                            map->name);
        goto done;
    }
    if (!graft_json_holds(keys, rest + 1)) {
        GRAFT_TRY(graft_json_push(keys, graft_json_new_string(rest + 1, strlen(rest + 1))));
    }
done:
    graft_text_clear(&name);
    return status;
}

static graft_status write_config(const graft_export_adapter *adapter, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *config = graft_json_new_object(), *lora = graft_json_new_object();
    graft_json *keys = graft_json_new_array();
    size_t rank = largest_rank(adapter);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        GRAFT_TRY(add_key(keys, adapter, &adapter->maps[i]));
    }
    GRAFT_TRY(graft_json_set_int(lora, "rank", (int64_t)rank));
    GRAFT_TRY(graft_json_set_double(lora, "scale", (double)(float)adapter->alpha / (double)rank));
    GRAFT_TRY(graft_json_set_double(lora, "dropout", 0.0));
    GRAFT_TRY(graft_json_set(lora, "keys", graft_json_retain(keys)));
    GRAFT_TRY(graft_json_set_string(config, "fine_tune_type", "lora"));
    GRAFT_TRY(graft_json_set_int(config, "num_layers", -1)); /* all */
    GRAFT_TRY(graft_json_set(config, "lora_parameters", graft_json_retain(lora)));
    if (adapter->base_name != NULL) {
        GRAFT_TRY(graft_json_set_string(config, "model", adapter->base_name));
    }
    GRAFT_TRY(graft_export__write_json(config, folder, "adapter_config.json"));
done:
    graft_json_free(keys);
    graft_json_free(lora);
    graft_json_free(config);
    return status;
}

static graft_status write_mlx(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_export__refuse_dora(&graft_exporter_mlx, job->adapter));
    GRAFT_TRY(graft_export__check(job->adapter));
    GRAFT_TRY(graft_export__check_arch(job->adapter->arch));
    GRAFT_TRY(write_weights(job->adapter, folder));
    GRAFT_TRY(write_config(job->adapter, folder));
done:
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    return graft_text_appendf(out, "mlx_lm.server --model %s --adapter-path %s\n",
                              job->adapter->base_name == NULL ? "BASE" : job->adapter->base_name,
                              path);
}

const graft_exporter graft_exporter_mlx = {
    .name = "mlx", .writes = "mlx", .help = "the adapter for mlx-lm (--adapter-path)",
    .is_folder = true, .write = write_mlx, .usage = usage,
    .no_dora = "its layout for mlx-lm is not written here",
};
