/* export/ollama.c - a folder for `ollama create`: Modelfile and merged model.
 *
 * Ollama reads no Jinja: from a GGUF file it takes a template only if it knows that one already, so
 * TEMPLATE says in Go's language what training rendered (go_template.h). With type "adapter" the Modelfile
 * names base and adapter instead, for versions that take ADAPTER. */
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "export/exporters.h"
#include "export/go_template.h"
#include "export/model_gguf.h"
#include "io/files.h"

static bool wants_adapter(const graft_export_job *job)
{
    return job->type != NULL && strcmp(job->type, "adapter") == 0;
}

/* A value of the Modelfile: quotes do not end it. */
static graft_status put_value(graft_text *out, const char *value)
{
    bool quotes = strchr(value, '"') != NULL;
    return graft_text_appendf(out, quotes ? "\"\"\"%s\"\"\"\n" : "\"%s\"\n", value);
}

static graft_status put_weights(const graft_export_job *job, graft_text *out)
{
    graft_status status = GRAFT_OK;
    if (!wants_adapter(job)) {
        return graft_text_appendf(out, "FROM ./%s.gguf\n", graft_export__slug(job));
    }
    const char *base = job->base == NULL ? "base.gguf" : graft_gguf_path(job->base);
    const char *slash = strrchr(base, '/');
    GRAFT_TRY(graft_text_appendf(out, "# the base, beside this file\nFROM ./%s\n"
                                 "ADAPTER ./adapter.gguf\n", slash == NULL ? base : slash + 1));
done:
    return status;
}

static graft_status put_template(const graft_export_serving *serving, graft_text *out)
{
    graft_status status = GRAFT_OK;
    graft_go_template made;
    GRAFT_TRY(graft_go_template_make(&made, serving));
    if (made.lacks != NULL) {
        graft_log(GRAFT_LOG_WARN, "Modelfile: its TEMPLATE lacks %s", made.lacks);
        GRAFT_TRY(graft_text_appendf(out, "# The template lacks %s.\n", made.lacks));
    }
    if (made.text.len > 0) {
        GRAFT_TRY(graft_text_appendf(out, "TEMPLATE \"\"\"%s\"\"\"\n", made.text.data));
    }
done:
    graft_go_template_clear(&made);
    return status;
}

static graft_status make_modelfile(const graft_export_job *job, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_export_serving *s = job->serving;
    GRAFT_TRY(put_weights(job, out));
    if (s == NULL) {
        goto done;
    }
    GRAFT_TRY(put_template(s, out));
    if (s->n_ctx > 0) {
        GRAFT_TRY(graft_text_appendf(out, "PARAMETER num_ctx %zu\n", s->n_ctx));
    }
    for (size_t i = 0; i < s->n_stops; i++) {
        GRAFT_TRY(graft_text_append_z(out, "PARAMETER stop "));
        GRAFT_TRY(put_value(out, s->stops[i]));
    }
done:
    return status;
}

static graft_status write_adapter(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_export_job plain = *job;
    char *path = NULL;
    plain.type = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, "adapter.gguf"));
    GRAFT_TRY(graft_exporter_adapter.write(&plain, path));
done:
    graft_free(path);
    return status;
}

static graft_status write_ollama(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    char *path = NULL;
    graft_text_init(&text);
    GRAFT_TRY(wants_adapter(job) ? write_adapter(job, folder)
                                 : graft_export__write_named_model(job, folder));
    GRAFT_TRY(make_modelfile(job, &text));
    GRAFT_TRY(graft_path_join(&path, folder, "Modelfile"));
    GRAFT_TRY(graft_file_write(path, text.data, text.len));
done:
    graft_free(path);
    graft_text_clear(&text);
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    const char *slug = graft_export__slug(job);
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "ollama create %s -f ", slug));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_appendf(out, "/Modelfile && ollama run %s\n", slug));
done:
    return status;
}

const graft_exporter graft_exporter_ollama = {
    .name = "ollama", .writes = "ollama", .help = "Modelfile and merged model for Ollama",
    .types = "same adapter ...", .is_folder = true, .merges = true, .write = write_ollama,
    .usage = usage,
};
