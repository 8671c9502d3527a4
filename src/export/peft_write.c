/* export/peft_write.c - the adapter as a PEFT folder (huggingface/peft, LoRA): what transformers,
 * vLLM and others load.
 *
 * adapter_model.safetensors holds base_model.model.<module>.lora_A.weight (rank, n_in),
 * .lora_B.weight (n_out, rank) and of a DoRA .lora_magnitude_vector (n_out) in Hugging Face's row order;
 * adapter_config.json the settings. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/modules.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "export/peft_names.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"

/* --- adapter_config.json --- */

/* The rank of most maps; of equals the larger. */
static size_t usual_rank(const graft_export_adapter *adapter)
{
    size_t best = 0, best_count = 0;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        size_t rank = adapter->maps[i].rank, count = 0;
        for (size_t j = 0; j < adapter->n_maps; j++) {
            count += adapter->maps[j].rank == rank;
        }
        if (count > best_count || (count == best_count && rank > best)) {
            best = rank;
            best_count = count;
        }
    }
    return best;
}

/* Whether each module kind that is adapted is so in all layers from the first on, so that its short
 * name names exactly the adapted modules. */
static bool short_names_suffice(const graft_export_adapter *adapter)
{
    unsigned long n_layers = 0;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        unsigned long layer = 0;
        if (sscanf(adapter->maps[i].name, "blk.%5lu.", &layer) == 1 && layer >= n_layers) {
            n_layers = layer + 1;
        }
    }
    for (const graft_module *m = graft_modules; m->hf != NULL; m++) {
        size_t count = 0;
        for (size_t i = 0; i < adapter->n_maps; i++) {
            count += graft_module_of(adapter->arch, adapter->maps[i].name) == m;
        }
        if (count > 0 && count != n_layers) {
            return false;
        }
    }
    return true;
}

/* target_modules and rank_pattern, both filled in the order of the maps. */
static graft_status describe_modules(const graft_export_adapter *adapter, size_t rank,
                                     graft_json *targets, graft_json *patterns)
{
    graft_status status = GRAFT_OK;
    bool short_names = !adapter->multimodal && short_names_suffice(adapter); /* eyes have q_proj, too */
    graft_text name;
    graft_text_init(&name);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_export_map *map = &adapter->maps[i];
        const char *dot;
        graft_text_clear(&name);
        GRAFT_TRY(graft_export__peft_name(&name, adapter->arch, adapter->multimodal, map->name));
        dot = strrchr(name.data, '.');
        const char *target = short_names && dot != NULL ? dot + 1 : name.data;
        if (!graft_json_holds(targets, target)) {
            GRAFT_TRY(graft_json_push(targets, graft_json_new_string(target, strlen(target))));
        }
        if (map->rank != rank) {
            GRAFT_TRY(graft_json_set_int(patterns, name.data, (int64_t)map->rank));
        }
    }
done:
    graft_text_clear(&name);
    return status;
}

static graft_status set_number(graft_json *object, const char *key, double value)
{
    bool whole = value >= 1 && value < 1e9 && value == (double)(int64_t)value;
    return whole ? graft_json_set_int(object, key, (int64_t)value)
                 : graft_json_set_double(object, key, value);
}

static graft_status fill_config(const graft_export_adapter *adapter, graft_json *config)
{
    graft_status status = GRAFT_OK;
    graft_json *targets = graft_json_new_array(), *patterns = graft_json_new_object();
    size_t rank = usual_rank(adapter);
    GRAFT_TRY(describe_modules(adapter, rank, targets, patterns));
    GRAFT_TRY(graft_json_set_string(config, "peft_type", "LORA"));
    GRAFT_TRY(graft_json_set_string(config, "task_type", "CAUSAL_LM"));
    GRAFT_TRY(adapter->base_name == NULL
                  ? graft_json_set(config, "base_model_name_or_path", NULL)
                  : graft_json_set_string(config, "base_model_name_or_path", adapter->base_name));
    GRAFT_TRY(graft_json_set_int(config, "r", (int64_t)rank));
    GRAFT_TRY(set_number(config, "lora_alpha", (double)(float)adapter->alpha));
    GRAFT_TRY(graft_json_set_double(config, "lora_dropout", 0.0));
    GRAFT_TRY(graft_json_set(config, "target_modules", graft_json_retain(targets)));
    GRAFT_TRY(graft_json_set(config, "rank_pattern", graft_json_retain(patterns)));
    GRAFT_TRY(graft_json_set(config, "alpha_pattern", graft_json_new_object()));
    GRAFT_TRY(graft_json_set_bool(config, "use_rslora", false));
    GRAFT_TRY(graft_json_set_bool(config, "use_dora",
                                  graft_export_is_dora(adapter->maps, adapter->n_maps)));
    GRAFT_TRY(graft_json_set_string(config, "bias", "none"));
    GRAFT_TRY(graft_json_set_bool(config, "fan_in_fan_out", false));
    GRAFT_TRY(graft_json_set_bool(config, "init_lora_weights", true));
    GRAFT_TRY(graft_json_set_bool(config, "inference_mode", true));
    GRAFT_TRY(graft_json_set(config, "modules_to_save", NULL));
done:
    graft_json_free(targets);
    graft_json_free(patterns);
    return status;
}

static graft_status write_config(const graft_export_adapter *adapter, const char *folder)
{
    graft_json *config = graft_json_new_object();
    graft_status status = fill_config(adapter, config);
    if (status == GRAFT_OK) {
        status = graft_export__write_json(config, folder, "adapter_config.json");
    }
    graft_json_free(config);
    return status;
}

/* --- adapter_model.safetensors --- */

/* What one map needs until the file is written, in Hugging Face's row order. */
typedef struct factors {
    float *b;         /* scaled */
    float *magnitude; /* NULL: none */
} factors;

static graft_status make_factors(const graft_export_adapter *adapter, const graft_export_map *map,
                                 factors *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_export__fold(adapter, map, &out->b));
    GRAFT_TRY(graft_export__put_in_hf_order(adapter, map, map->rank, &out->b));
    GRAFT_TRY(graft_export__magnitude(adapter, map, &out->magnitude));
done:
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
    GRAFT_TRY(graft_text_append_z(&text, "base_model.model."));
    GRAFT_TRY(graft_export__peft_name(&text, adapter->arch, adapter->multimodal, name));
    GRAFT_TRY(graft_text_append_z(&text, suffix));
    GRAFT_TRY(graft_safetensors_add(file, text.data, row == 0 ? 1 : 2,
                                    (const uint64_t[2]){rows, row}, data));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status add_map(graft_safetensors_writer *file, const graft_export_adapter *adapter,
                            const graft_export_map *map, const factors *made)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(add_factor(file, adapter, map->name, ".lora_A.weight", map->rank, map->n_in,
                         map->a));
    GRAFT_TRY(add_factor(file, adapter, map->name, ".lora_B.weight", map->n_out, map->rank,
                         made->b));
    if (made->magnitude != NULL) {
        GRAFT_TRY(add_factor(file, adapter, map->name, ".lora_magnitude_vector", map->n_out, 0,
                             made->magnitude));
    }
done:
    return status;
}

graft_status graft_export__set_origin(graft_safetensors_writer *file,
                                      const graft_export_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    char bytes[32], context[32];
    snprintf(bytes, sizeof bytes, "%" PRIu64, adapter->base_bytes);
    snprintf(context, sizeof context, "%" PRIu64, adapter->context);
    const struct {
        const char *key, *value;
    } texts[] = {
        {"graft.base_model", adapter->base_name}, {"graft.base_sha256", adapter->base_hash},
        {"graft.base_bytes", adapter->base_bytes > 0 ? bytes : NULL},
        {"graft.context_length", adapter->context > 0 ? context : NULL},
        {"graft.adapters", adapter->parts}, /* not the recipe: the same training gives the same bytes */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].value != NULL) {
            GRAFT_TRY(graft_safetensors_set_metadata(file, texts[i].key, texts[i].value));
        }
    }
done:
    return status;
}

static graft_status write_weights(const graft_export_adapter *adapter, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_safetensors_writer *file = NULL;
    factors *made = NULL; /* one per map */
    char *path = NULL;
    GRAFT_TRY(graft_safetensors_writer_new(&file));
    GRAFT_TRY(graft_safetensors_set_metadata(file, "format", "pt"));
    GRAFT_TRY(graft_export__set_origin(file, adapter));
    GRAFT_TRY(graft_alloc(&made, adapter->n_maps, sizeof *made));
    for (size_t i = 0; i < adapter->n_maps; i++) {
        GRAFT_TRY(make_factors(adapter, &adapter->maps[i], &made[i]));
        GRAFT_TRY(add_map(file, adapter, &adapter->maps[i], &made[i]));
    }
    GRAFT_TRY(graft_path_join(&path, folder, "adapter_model.safetensors"));
    GRAFT_TRY(graft_safetensors_write(file, path));
done:
    for (size_t i = 0; made != NULL && i < adapter->n_maps; i++) {
        graft_free(made[i].b);
        graft_free(made[i].magnitude);
    }
    graft_free(made);
    graft_free(path);
    graft_safetensors_writer_free(file);
    return status;
}

graft_status graft_export__write_peft(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    const graft_export_adapter *adapter = job->adapter;
    GRAFT_TRY(graft_export__check(adapter));
    GRAFT_TRY(graft_export__check_arch(adapter->arch));
    GRAFT_TRY(write_weights(adapter, folder));
    GRAFT_TRY(write_config(adapter, folder));
    if (adapter->multimodal) {
        graft_log(GRAFT_LOG_INFO, "peft: modules are called model.language_model.layers.N, as in this base's "
                  "class that sees (ForConditionalGeneration)");
    }
done:
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "python -c 'import sys, peft, transformers as t; base = t.AutoModelFor%s."
                                 "from_pretrained(sys.argv[1]); model = peft.PeftModel.from_pretrained(base, "
                                 "sys.argv[2])' ",
                                 job->adapter->multimodal ? "ImageTextToText" : "CausalLM"));
    GRAFT_TRY(graft_export__append_hf_base(out, job->adapter));
    GRAFT_TRY(graft_text_append_char(out, ' '));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_appendf(out, "%s\n", graft_export__hf_base_remark(job->adapter)));
done:
    return status;
}

const graft_exporter graft_exporter_peft = {
    .name = "peft", .writes = "adapter_model.safetensors",
    .help = "the adapter for transformers and PEFT", .is_folder = true, .in_run_folder = true,
    .write = graft_export__write_peft, .usage = usage,
};
