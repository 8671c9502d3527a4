/* export/vllm.c - the adapter for vLLM (--lora-modules): a PEFT folder and the template beside it.
 *
 * All maps get one rank, smaller ones are filled up with zeros: versions up to some of 2026 do not know
 * rank_pattern, and would apply alpha / r of the file to every map. */
#include <string.h>

#include "core/memory.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "io/files.h"

/* vLLM allows ranks up to --max-lora-rank, 16 unless it is told otherwise, and only these. */
static const size_t ranks[] = {8, 16, 32, 64, 128, 256, 320, 512};
enum { DEFAULT_RANK = 16, LARGEST_RANK = 512 };

/* A copy of the map with zeros behind its rows of A and columns of B. */
static graft_status fill_up(graft_export_map *out, const graft_export_map *map, size_t rank)
{
    graft_status status = GRAFT_OK;
    float *a = NULL, *b = NULL;
    GRAFT_TRY(graft_alloc(&a, rank * map->n_in, sizeof *a)); /* zeros */
    GRAFT_TRY(graft_alloc(&b, map->n_out * rank, sizeof *b));
    memcpy(a, map->a, map->rank * map->n_in * sizeof *a);
    for (size_t row = 0; row < map->n_out; row++) {
        memcpy(b + row * rank, map->b + row * map->rank, map->rank * sizeof *b);
    }
    *out = *map;
    out->rank = rank;
    out->a = a;
    out->b = b;
    a = b = NULL;
done:
    graft_free(a);
    graft_free(b);
    return status;
}

static graft_status write_one_rank(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_export_adapter adapter = *job->adapter;
    graft_export_job same = *job;
    graft_export_map *maps = NULL;
    size_t rank = graft_export__largest_rank(&adapter), n = 0;
    GRAFT_TRY(graft_alloc(&maps, adapter.n_maps, sizeof *maps));
    for (; n < adapter.n_maps; n++) {
        GRAFT_TRY(fill_up(&maps[n], &adapter.maps[n], rank));
    }
    adapter.maps = maps;
    same.adapter = &adapter;
    GRAFT_TRY(graft_export__write_peft(&same, folder));
done:
    for (size_t i = 0; i < n; i++) {
        graft_free((void *)(uintptr_t)maps[i].a);
        graft_free((void *)(uintptr_t)maps[i].b);
    }
    graft_free(maps);
    return status;
}

static graft_status write_vllm(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    const char *template = job->serving == NULL ? NULL : job->serving->chat_template;
    char *path = NULL;
    GRAFT_TRY(graft_export__refuse_dora(&graft_exporter_vllm, job->adapter));
    GRAFT_TRY(graft_export__check(job->adapter));
    if (graft_export__largest_rank(job->adapter) > LARGEST_RANK) {
        status = graft_fail(GRAFT_E_FAILED, "vLLM serves adapters of ranks up to %d, this one has %zu: export a "
                            "merged model (gguf, hf), or train with a smaller lora_r", LARGEST_RANK,
                            graft_export__largest_rank(job->adapter));
        goto done;
    }
    GRAFT_TRY(write_one_rank(job, folder));
    if (template != NULL) {
        GRAFT_TRY(graft_path_join(&path, folder, "chat_template.jinja"));
        GRAFT_TRY(graft_file_write(path, template, strlen(template)));
    }
done:
    graft_free(path);
    return status;
}

static size_t needed_rank(const graft_export_adapter *adapter)
{
    size_t largest = graft_export__largest_rank(adapter), i = 0;
    while (i + 1 < sizeof ranks / sizeof *ranks && ranks[i] < largest) {
        i++;
    }
    return ranks[i];
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_export_serving *s = job->serving;
    size_t rank = needed_rank(job->adapter);
    GRAFT_TRY(graft_text_append_z(out, "vllm serve "));
    GRAFT_TRY(graft_export__append_hf_base(out, job->adapter));
    GRAFT_TRY(graft_text_appendf(out, " --enable-lora --lora-modules %s=",
                                 s == NULL || s->slug == NULL ? "graft" : s->slug));
    GRAFT_TRY(graft_text_append_word(out, path));
    if (rank > DEFAULT_RANK) {
        GRAFT_TRY(graft_text_appendf(out, " --max-lora-rank %zu", rank));
    }
    if (s != NULL && s->n_ctx > 0) {
        GRAFT_TRY(graft_text_appendf(out, " --max-model-len %zu", s->n_ctx));
    }
    if (s != NULL && s->chat_template != NULL) {
        GRAFT_TRY(graft_text_append_z(out, " --chat-template "));
        GRAFT_TRY(graft_text_append_word(out, path));
        GRAFT_TRY(graft_text_append_z(out, "/chat_template.jinja"));
    }
    GRAFT_TRY(graft_text_appendf(out, "%s\n", graft_export__hf_base_remark(job->adapter)));
done:
    return status;
}

const graft_exporter graft_exporter_vllm = {
    .name = "vllm", .writes = "vllm", .help = "the adapter for vLLM (--lora-modules)",
    .is_folder = true, .write = write_vllm, .usage = usage,
    .no_dora = "vLLM does not load adapters with use_dora",
};
