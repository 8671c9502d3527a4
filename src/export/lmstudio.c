/* export/lmstudio.c - the merged model where LM Studio looks for it: PUBLISHER/MODEL/FILE.gguf below
 * its folder of models. It reads the chat template of the file. */
#include <string.h>

#include "core/memory.h"
#include "export/exporters.h"
#include "export/model_gguf.h"
#include "io/files.h"

static const char publisher[] = "graft";

static graft_status write_lmstudio(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_text inner;
    graft_text_init(&inner);
    GRAFT_TRY(graft_text_appendf(&inner, "%s/%s/%s", folder, publisher, graft_export__slug(job)));
    GRAFT_TRY(graft_make_dirs(inner.data));
    GRAFT_TRY(graft_export__write_named_model(job, inner.data));
done:
    graft_text_clear(&inner);
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    const char *slug = graft_export__slug(job);
    size_t n_ctx = job->serving == NULL ? 0 : job->serving->n_ctx;
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "cp -r "));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_appendf(out, "/%s ~/.lmstudio/models/ && lms load %s", publisher, slug));
    if (n_ctx > 0) {
        GRAFT_TRY(graft_text_appendf(out, " --context-length %zu", n_ctx));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

const graft_exporter graft_exporter_lmstudio = {
    .name = "lmstudio", .writes = "lmstudio", .help = "the merged model in LM Studio's folders",
    .types = GRAFT_EXPORT_MODEL_TYPES, .is_folder = true, .merges = true, .write = write_lmstudio,
    .usage = usage,
};
