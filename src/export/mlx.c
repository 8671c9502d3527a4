/* export/mlx.c - the adapter as mlx-lm loads it (--adapter-path).
 *
 * adapters.safetensors holds <module>.lora_a (n_in, rank) and <module>.lora_b (rank, n_out), the
 * transposes of PEFT's, and of a DoRA <module>.m (n_out), in Hugging Face's names and row order;
 * adapter_config.json says one rank and one scale for all and which modules are adapted, by their names
 * in a layer (mlx_lm/tuner/utils.py, load_adapters; tuner/dora.py). Maps of a smaller rank are filled up
 * with zeros. load_mlx.c reads it back. */
#include <string.h>

#include "adapter/modules.h"
#include "core/memory.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "export/peft_names.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"

/* What all maps are multiplied by: their own scale if it is one, so that B keeps its bits. */
static double common_scale(const graft_export_adapter *adapter)
{
    double scale = adapter->maps[0].scale;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        scale = adapter->maps[i].scale == scale ? scale : 0;
    }
    return scale > 0 ? scale : (double)(float)adapter->alpha / (double)graft_export__largest_rank(adapter);
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
    float *a, *b;     /* [n_in][rank], [rank][n_out] */
    float *magnitude; /* [n_out]; NULL: none */
} factors;

static graft_status make_factors(const graft_export_adapter *adapter, const graft_export_map *map,
                                 size_t rank, factors *out)
{
    graft_status status = GRAFT_OK;
    float *b = NULL;
    size_t n;
    if (!graft_size_mul(map->n_in, rank, &n) || !graft_size_mul(map->n_out, rank, &n)) {
        return graft_fail(GRAFT_E_MEMORY, "adapter of \"%s\": too large", map->name);
    }
    GRAFT_TRY(graft_export__divide(map, common_scale(adapter), &b));
    GRAFT_TRY(graft_export__put_in_hf_order(adapter, map, map->rank, &b));
    GRAFT_TRY(graft_alloc(&out->a, map->n_in * rank, sizeof *out->a)); /* zeros */
    GRAFT_TRY(graft_alloc(&out->b, rank * map->n_out, sizeof *out->b));
    transpose(out->a, map->a, map->rank, map->n_in, rank);
    transpose(out->b, b, map->n_out, map->rank, map->n_out);
    GRAFT_TRY(graft_export__magnitude(adapter, map, &out->magnitude));
done:
    graft_free(b);
    return status;
}

/* A matrix of rows x row numbers; row 0: a list of `rows`. */
static graft_status add_factor(graft_safetensors_writer *file, const graft_export_adapter *adapter,
                               const char *name, const char *suffix, uint64_t rows, uint64_t row,
                               const float *data)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_append_z(&text, adapter->multimodal ? "language_model." : ""));
    GRAFT_TRY(graft_export__hf_name(&text, adapter->arch, name));
    GRAFT_TRY(graft_text_append_z(&text, suffix));
    GRAFT_TRY(graft_safetensors_add(file, text.data, row == 0 ? 1 : 2, (const uint64_t[2]){rows, row},
                                    data));
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
    size_t rank = graft_export__largest_rank(adapter);
    GRAFT_TRY(graft_safetensors_writer_new(&file));
    GRAFT_TRY(graft_safetensors_set_metadata(file, "format", "mlx"));
    GRAFT_TRY(graft_export__set_origin(file, adapter));
    GRAFT_TRY(graft_alloc(&made, adapter->n_maps, sizeof *made));
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_export_map *map = &adapter->maps[i];
        GRAFT_TRY(make_factors(adapter, map, rank, &made[i]));
        GRAFT_TRY(add_factor(file, adapter, map->name, ".lora_a", map->n_in, rank,
                             made[i].a));
        GRAFT_TRY(add_factor(file, adapter, map->name, ".lora_b", rank, map->n_out,
                             made[i].b));
        if (made[i].magnitude != NULL) {
            GRAFT_TRY(add_factor(file, adapter, map->name, ".m", map->n_out, 0,
                                 made[i].magnitude));
        }
    }
    GRAFT_TRY(graft_path_join(&path, folder, "adapters.safetensors"));
    GRAFT_TRY(graft_safetensors_write(file, path));
done:
    for (size_t i = 0; made != NULL && i < adapter->n_maps; i++) {
        graft_free(made[i].a);
        graft_free(made[i].b);
        graft_free(made[i].magnitude);
    }
    graft_free(made);
    graft_free(path);
    graft_safetensors_writer_free(file);
    return status;
}

/* --- adapter_config.json --- */

/* "self_attn.q_proj" of what "model.layers.3.self_attn.q_proj" is called, the whole name of what belongs
 * to no layer. */
static graft_status add_key(graft_json *keys, const graft_export_adapter *adapter,
                            const graft_export_map *map)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(graft_export__hf_name(&name, adapter->arch, map->name));
    const char *rest = graft_str_starts_with(name.data, "model.layers.")
                           ? strchr(name.data + strlen("model.layers."), '.') : NULL;
    const char *key = rest == NULL ? name.data : rest + 1;
    if (!graft_json_holds(keys, key)) {
        GRAFT_TRY(graft_json_push(keys, graft_json_new_string(key, strlen(key))));
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
    size_t rank = graft_export__largest_rank(adapter);
    bool dora = graft_export_is_dora(adapter->maps, adapter->n_maps);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        GRAFT_TRY(add_key(keys, adapter, &adapter->maps[i]));
    }
    GRAFT_TRY(graft_json_set_int(lora, "rank", (int64_t)rank));
    GRAFT_TRY(graft_json_set_double(lora, "scale", common_scale(adapter)));
    GRAFT_TRY(graft_json_set_double(lora, "dropout", 0.0));
    GRAFT_TRY(graft_json_set(lora, "keys", graft_json_retain(keys)));
    GRAFT_TRY(graft_json_set_string(config, "fine_tune_type", dora ? "dora" : "lora"));
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
    GRAFT_TRY(graft_export__check(job->adapter));
    GRAFT_TRY(graft_export__check_arch(job->adapter->arch));
    GRAFT_TRY(write_weights(job->adapter, folder));
    GRAFT_TRY(write_config(job->adapter, folder));
done:
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "mlx_lm.server --model "));
    GRAFT_TRY(graft_export__append_hf_base(out, job->adapter));
    GRAFT_TRY(graft_text_append_z(out, " --adapter-path "));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_appendf(out, "%s\n", graft_export__hf_base_remark(job->adapter)));
done:
    return status;
}

const graft_exporter graft_exporter_mlx = {
    .name = "mlx", .writes = "mlx", .help = "the adapter for mlx-lm (--adapter-path)",
    .is_folder = true, .write = write_mlx, .usage = usage,
};
