/* export/vllm.c - the adapter for vLLM (--lora-modules): a PEFT folder and the template beside it. */
#include <string.h>

#include "core/memory.h"
#include "export/exporters.h"
#include "io/files.h"

/* vLLM allows ranks up to --max-lora-rank, 16 unless it is told otherwise, and only these. */
static const size_t ranks[] = {8, 16, 32, 64, 128, 256, 320, 512};
enum { DEFAULT_RANK = 16 };

static graft_status write_vllm(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    const char *template = job->serving == NULL ? NULL : job->serving->chat_template;
    char *path = NULL;
    GRAFT_TRY(graft_export__refuse_dora(&graft_exporter_vllm, job->adapter));
    GRAFT_TRY(graft_export__write_peft(job, folder));
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
    size_t largest = 0, i = 0;
    for (size_t k = 0; k < adapter->n_maps; k++) {
        largest = adapter->maps[k].rank > largest ? adapter->maps[k].rank : largest;
    }
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
    GRAFT_TRY(graft_text_appendf(out, "vllm serve %s --enable-lora --lora-modules %s=%s",
                                 job->adapter->base_name == NULL ? "BASE" : job->adapter->base_name,
                                 s == NULL || s->slug == NULL ? "graft" : s->slug, path));
    if (rank > DEFAULT_RANK) {
        GRAFT_TRY(graft_text_appendf(out, " --max-lora-rank %zu", rank));
    }
    if (s != NULL && s->n_ctx > 0) {
        GRAFT_TRY(graft_text_appendf(out, " --max-model-len %zu", s->n_ctx));
    }
    if (s != NULL && s->chat_template != NULL) {
        GRAFT_TRY(graft_text_appendf(out, " --chat-template %s/chat_template.jinja", path));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

const graft_exporter graft_exporter_vllm = {
    .name = "vllm", .writes = "vllm", .help = "the adapter for vLLM (--lora-modules)",
    .is_folder = true, .write = write_vllm, .usage = usage,
    .no_dora = "vLLM does not load adapters with use_dora",
};
