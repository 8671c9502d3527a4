/* export/adapter_gguf.c - the adapter that llama.cpp loads (--lora).
 *
 * GGUF v3 with general.type "adapter", adapter.type "lora" and adapter.lora.alpha as f32; for each
 * base tensor NAME two tensors, NAME.lora_a with ne = [n_in, rank] and NAME.lora_b with
 * ne = [rank, n_out], in F32, F16 or BF16. The runtime applies scale * alpha / rank, so any other scale
 * is in B. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "io/gguf.h"

static graft_status set_text(graft_gguf_writer *file, const char *key, const char *text)
{
    return text == NULL ? GRAFT_OK : graft_gguf_set_string(file, key, text, strlen(text));
}

static graft_status set_keys(graft_gguf_writer *file, const graft_export_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(set_text(file, "general.architecture", adapter->arch));
    GRAFT_TRY(set_text(file, "general.type", "adapter"));
    GRAFT_TRY(set_text(file, "adapter.type", "lora"));
    GRAFT_TRY(graft_gguf_set_f32(file, "adapter.lora.alpha", (float)adapter->alpha));
    GRAFT_TRY(set_text(file, "graft.base_model", adapter->base_name));
    GRAFT_TRY(set_text(file, "graft.base_sha256", adapter->base_hash));
    if (adapter->base_bytes > 0) {
        GRAFT_TRY(graft_gguf_set_u64(file, "graft.base_bytes", adapter->base_bytes));
    }
    if (adapter->context > 0) {
        GRAFT_TRY(graft_gguf_set_u64(file, "graft.context_length", adapter->context));
    }
    GRAFT_TRY(set_text(file, "graft.adapters", adapter->parts));
    GRAFT_TRY(set_text(file, "graft.recipe", adapter->recipe));
    GRAFT_TRY(graft_gguf_seal(file)); /* so that one changed byte is found (graft verify) */
done:
    return status;
}

/* A factor in the format of the file: what it was, or a copy in *kept. */
static graft_status encode(const graft_format *format, const char *name, const float *values,
                           size_t n, const void **out, void **kept)
{
    graft_status status = GRAFT_OK;
    float back;
    bool nothing = true, none = true; /* before and after */
    *out = values;
    if (format == &graft_format_f32) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(kept, n, format->block_bytes));
    format->encode(values, *kept, n, NULL);
    for (size_t i = 0; i < n; i++) {
        format->decode((const char *)*kept + i * format->block_bytes, &back, 1);
        if (!isfinite(back)) {
            status = graft_fail(GRAFT_E_NUMERICS, "adapter of \"%s\": %g is too large for %s", name,
                                (double)values[i], format->name);
            goto done;
        }
        nothing = nothing && values[i] == 0;
        none = none && back == 0;
    }
    if (none && !nothing) {
        status = graft_fail(GRAFT_E_NUMERICS, "adapter of \"%s\": all values of a factor are too small for %s: "
                            "take f32", name, format->name);
        goto done;
    }
    *out = *kept;
done:
    return status;
}

static graft_status add_factor(graft_gguf_writer *file, const char *name, const char *suffix,
                               const graft_format *format, uint64_t row, uint64_t rows,
                               const void *data)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_appendf(&text, "%s%s", name, suffix));
    GRAFT_TRY(graft_gguf_add_tensor(file, text.data, format, 2,
                                    (const uint64_t[4]){row, rows, 1, 1}, data));
done:
    graft_text_clear(&text);
    return status;
}

/* What one map needs until the file is written. */
typedef struct factors {
    float *folded;
    void *a, *b;
} factors;

static graft_status add_map(graft_gguf_writer *file, const graft_export_job *job,
                            const graft_format *format, const graft_export_map *map, factors *f)
{
    graft_status status = GRAFT_OK;
    const void *a = NULL, *b = NULL;
    GRAFT_TRY(graft_export__fold(job->adapter, map, &f->folded));
    GRAFT_TRY(encode(format, map->name, map->a, map->rank * map->n_in, &a, &f->a));
    GRAFT_TRY(encode(format, map->name, f->folded, map->n_out * map->rank, &b, &f->b));
    GRAFT_TRY(add_factor(file, map->name, ".lora_a", format, map->n_in, map->rank, a));
    GRAFT_TRY(add_factor(file, map->name, ".lora_b", format, map->rank, map->n_out, b));
done:
    return status;
}

static graft_status write_adapter(const graft_export_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    const graft_export_adapter *adapter = job->adapter;
    const graft_format *format = graft_format_by_name(job->type == NULL ? "f32" : job->type);
    graft_gguf_writer *file = NULL;
    factors *made = NULL; /* one per map */
    GRAFT_TRY(graft_export__refuse_dora(&graft_exporter_adapter, adapter));
    GRAFT_TRY(graft_export__check(adapter));
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(set_keys(file, adapter));
    GRAFT_TRY(graft_alloc(&made, adapter->n_maps, sizeof *made));
    for (size_t i = 0; i < adapter->n_maps; i++) {
        GRAFT_TRY(add_map(file, job, format, &adapter->maps[i], &made[i]));
    }
    GRAFT_TRY(graft_gguf_write(file, path));
done:
    for (size_t i = 0; made != NULL && i < adapter->n_maps; i++) {
        graft_free(made[i].folded);
        graft_free(made[i].a);
        graft_free(made[i].b);
    }
    graft_free(made);
    graft_gguf_writer_free(file);
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const char *base = job->base == NULL ? "BASE.gguf" : graft_gguf_path(job->base);
    const char *template = job->serving == NULL ? NULL : job->serving->template_path;
    GRAFT_TRY(graft_text_append_z(out, "llama-server -m "));
    GRAFT_TRY(graft_text_append_word(out, base));
    GRAFT_TRY(graft_text_append_z(out, " --lora "));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_append_z(out, " --jinja"));
    if (template != NULL) {
        GRAFT_TRY(graft_text_append_z(out, " --chat-template-file "));
        GRAFT_TRY(graft_text_append_word(out, template));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

const graft_exporter graft_exporter_adapter = {
    .name = "adapter", .writes = "adapter.gguf", .help = "the adapter for llama.cpp (--lora)",
    .types = "f32 f16 bf16", .write = write_adapter, .usage = usage,
    .no_dora = "llama.cpp adds an adapter to what the base computes, and can lengthen no rows of it",
};
