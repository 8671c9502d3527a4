/* earlier.c - what an earlier run left in the folder that would be taken for this one's. */
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "export/export.h"
#include "io/safetensors.h"
#include "run/sums.h"
#include "run/training.h"

typedef unsigned long long ull;

static graft_status remove_named(const graft_training *t, const char *name)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, name));
    GRAFT_TRY(graft_file_remove(path));
done:
    graft_free(path);
    return status;
}

/* --- scores --- */

static bool is_between(const char *name)
{
    ull number;
    int end = 0;
    bool one = sscanf(name, "eval-epoch-%llu.json%n", &number, &end) == 1 && end > 0;
    one = one || (sscanf(name, "eval-step-%llu.json%n", &number, &end) == 1 && end > 0);
    return one && name[end] == '\0';
}

graft_status graft_training_remove_scores(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    bool begins = t->trainer.step == 0;
    if (!begins && t->eval.n_units > 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_dir_list(&names, &n, t->config->output_dir));
    for (size_t i = 0; i < n; i++) {
        bool ends = strcmp(names[i], "eval-before.json") == 0 || strcmp(names[i], "eval-after.json") == 0;
        if (ends || (begins && is_between(names[i]))) {
            GRAFT_TRY(remove_named(t, names[i]));
        }
    }
done:
    graft_dir_free(names, n);
    return status;
}

/* --- results --- */

graft_status graft_training_look_at_result(graft_training *t)
{
    graft_status status = GRAFT_OK;
    char *own = NULL;
    GRAFT_TRY(graft_checkpoint_path(&own, t->checkpoints, t->trainer.step));
    t->had_result = t->begun_from != NULL && graft_path_same(t->begun_from, own) &&
                    graft_dir_holds(t->config->output_dir, GRAFT_SUMS_NAME);
done:
    graft_free(own);
    return status;
}

/* Nothing was trained since: what is there is of the same adapter. */
static bool repeats(const graft_training *t)
{
    return t->had_result && t->trainer.step == t->begin_step;
}

graft_status graft_training_remove_last_score(const graft_training *t)
{
    return repeats(t) ? GRAFT_OK : remove_named(t, "eval-after.json");
}

static graft_status is_asked(bool *out, const graft_config *c, const graft_exporter *exporter)
{
    graft_status status = GRAFT_OK;
    const graft_exporter *asked;
    const char *type;
    *out = false;
    for (size_t i = 0; i < c->export.n && !*out; i++) {
        GRAFT_TRY(graft_exporter_of_item(&asked, &type, c->export.items[i]));
        *out = asked == exporter;
    }
done:
    return status;
}

/* Is it a file that says it was made of a base? Others are not ours to remove. */
static graft_status was_exported(bool *out, const char *path)
{
    static const char key[] = "graft.base_sha256";
    graft_gguf *file = NULL;
    graft_safetensors *tensors = NULL;
    graft_status status = graft_str_ends_with(path, ".gguf") ? graft_gguf_open(&file, path)
                                                             : graft_safetensors_open(&tensors, path);
    *out = (file != NULL && graft_gguf_find(file, key) != NULL) ||
           (tensors != NULL && graft_safetensors_metadata(tensors, key) != NULL);
    graft_gguf_close(file);
    graft_safetensors_close(tensors);
    return status == GRAFT_E_MEMORY ? status : GRAFT_OK;
}

/* A merged model may be large, or made by hand of an adapter that is gone by now: it only makes room. */
static graft_status set_aside(const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text aside;
    graft_text_init(&aside);
    GRAFT_TRY(graft_text_appendf(&aside, "%s.earlier", path));
    GRAFT_TRY(graft_file_rename(path, graft_text_z(&aside)));
    graft_log(GRAFT_LOG_WARN, "%s is of an earlier run, and this one does not export it: renamed to %s", path,
              graft_text_z(&aside));
done:
    graft_text_clear(&aside);
    return status;
}

/* What lies beside it goes first: without the file nothing would find that. */
static graft_status remove_artefact(const graft_training *t, const graft_exporter *exporter, const char *path)
{
    graft_status status = GRAFT_OK;
    bool ours = false;
    graft_text beside;
    graft_text_init(&beside);
    GRAFT_TRY(was_exported(&ours, path));
    if (!ours || graft_path_same(path, t->base_path)) {
        goto done;
    }
    GRAFT_TRY(exporter->in_run_folder
                  ? graft_text_append_z(&beside, "adapter_config.json")
                  : graft_text_appendf(&beside, "%s.survival.json", exporter->writes));
    GRAFT_TRY(remove_named(t, graft_text_z(&beside)));
    if (exporter->merges) {
        status = set_aside(path);
        goto done;
    }
    GRAFT_TRY(graft_file_remove(path));
    graft_log(GRAFT_LOG_WARN, "removed %s: it is of an earlier run, and this one does not export it", path);
done:
    graft_text_clear(&beside);
    return status;
}

/* Folders have a list of their own, and may be large: they are left to who wants them. */
graft_status graft_training_remove_artefacts(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    for (size_t i = 0; graft_exporters[i] != NULL && !repeats(t); i++) {
        const graft_exporter *exporter = graft_exporters[i];
        bool asked;
        GRAFT_TRY(is_asked(&asked, t->config, exporter));
        if (asked || !graft_dir_holds(t->config->output_dir, exporter->writes)) {
            continue;
        }
        GRAFT_TRY(graft_path_join(&path, t->config->output_dir, exporter->writes));
        if (exporter->is_folder && !exporter->in_run_folder) {
            graft_log(GRAFT_LOG_WARN, "%s is of an earlier run: this one does not export it", path);
        } else {
            GRAFT_TRY(remove_artefact(t, exporter, path));
        }
        graft_free(path);
        path = NULL;
    }
done:
    graft_free(path);
    return status;
}
