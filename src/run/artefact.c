/* artefact.c - one artefact published: what an exporter writes, and what people find beside it. */
#include "run/artefact.h"

#include <string.h>

#include "core/memory.h"
#include "core/version.h"
#include "io/files.h"
#include "io/json.h"

/* Tells a folder that was written here from one that was not. */
static const char mark[] = "graft.json";

static graft_status write_survival(const char *path, const graft_survival *survival)
{
    graft_json *o = NULL;
    graft_status status = graft_survival_json(survival, &o);
    status = status == GRAFT_OK ? graft_json_save(o, path) : status;
    graft_json_free(o);
    return status;
}

/* Were weights rounded? */
static bool has_survival(const graft_exporter *exporter, const graft_export_job *job)
{
    return exporter->merges && job->survival != NULL && job->survival->n > 0;
}

/* --- the README of a folder --- */

static graft_status describe(const graft_exporter *exporter, const graft_export_job *job,
                             graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_export_serving *s = job->serving;
    const graft_export_adapter *a = job->adapter;
    GRAFT_TRY(graft_text_appendf(out, "# %s\n\n%s, written by graft.\n\n- base: `%s`\n",
                                 s != NULL && s->name != NULL ? s->name : exporter->name,
                                 exporter->help, a->base_name != NULL ? a->base_name : "unknown"));
    if (a->base_hash != NULL) {
        GRAFT_TRY(graft_text_appendf(out, "- SHA-256 of the base file: `%s`\n", a->base_hash));
    }
    if (a->parts != NULL) {
        GRAFT_TRY(graft_text_appendf(out, "- adapters: `%s`\n", a->parts));
    }
    if (has_survival(exporter, job)) {
        GRAFT_TRY(graft_text_append_z(out, "- "));
        GRAFT_TRY(graft_survival_words(job->survival, out));
        GRAFT_TRY(graft_text_append_z(out, " (`survival.json` has every tensor)\n"));
        if (job->survival->rounding != NULL) {
            GRAFT_TRY(graft_text_appendf(out, "- rounding: %s (%s)\n", job->survival->rounding,
                                         job->survival->note));
        }
    }
    GRAFT_TRY(graft_text_append_z(out, "\nIn this folder, this serves it:\n\n```\n"));
    GRAFT_TRY(exporter->usage(job, ".", out));
    GRAFT_TRY(graft_text_append_z(out, "```\n"));
done:
    return status;
}

static graft_status write_readme(const graft_exporter *exporter, const graft_export_job *job,
                                 const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(describe(exporter, job, &text));
    GRAFT_TRY(graft_path_join(&path, folder, "README.md"));
    GRAFT_TRY(graft_file_write(path, text.data, text.len));
done:
    graft_free(path);
    graft_text_clear(&text);
    return status;
}

/* --- the list of files --- */

static graft_status list_files(graft_json *files, const char *folder, const char *prefix)
{
    graft_status status = GRAFT_OK;
    char **names = NULL, *path = NULL, hash[65];
    size_t n = 0;
    graft_text shown;
    graft_text_init(&shown);
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        graft_text_clear(&shown);
        graft_free(path);
        path = NULL;
        GRAFT_TRY(graft_path_join(&path, folder, names[i]));
        GRAFT_TRY(graft_text_appendf(&shown, "%s%s", prefix, names[i]));
        if (graft_path_is_dir(path)) {
            GRAFT_TRY(graft_text_append_char(&shown, '/'));
            GRAFT_TRY(list_files(files, path, shown.data));
        } else {
            GRAFT_TRY(graft_file_sha256(hash, path));
            GRAFT_TRY(graft_json_set_string(files, shown.data, hash));
        }
    }
done:
    graft_free(path);
    graft_dir_free(names, n);
    graft_text_clear(&shown);
    return status;
}

static graft_status write_mark(const graft_exporter *exporter, const graft_export_job *job,
                               const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *files = graft_json_new_object();
    char *path = NULL;
    GRAFT_TRY(list_files(files, folder, ""));
    GRAFT_TRY(graft_json_set_string(o, "artefact", exporter->name));
    GRAFT_TRY(graft_json_set_string(o, "graft", graft_version()));
    if (has_survival(exporter, job) && job->survival->rounding != NULL) {
        GRAFT_TRY(graft_json_set_string(o, "rounding", job->survival->rounding));
        GRAFT_TRY(graft_json_set_string(o, "rounding_data", job->survival->note));
    }
    GRAFT_TRY(graft_json_set(o, "sha256", graft_json_retain(files)));
    GRAFT_TRY(graft_path_join(&path, folder, mark));
    GRAFT_TRY(graft_json_save(o, path));
done:
    graft_free(path);
    graft_json_free(files);
    graft_json_free(o);
    return status;
}

/* --- both kinds --- */

static graft_status write_folder(const graft_exporter *exporter, const graft_export_job *job,
                                 const char *path)
{
    graft_status status = GRAFT_OK;
    graft_folder *folder = NULL;
    char *survival = NULL;
    GRAFT_TRY(graft_folder_open(&folder, path, mark));
    const char *inside = graft_folder_path(folder);
    GRAFT_TRY(exporter->write(job, inside));
    if (has_survival(exporter, job)) {
        GRAFT_TRY(graft_path_join(&survival, inside, "survival.json"));
        GRAFT_TRY(write_survival(survival, job->survival));
    }
    GRAFT_TRY(write_readme(exporter, job, inside));
    GRAFT_TRY(write_mark(exporter, job, inside));
    GRAFT_TRY(graft_folder_commit(&folder));
done:
    graft_free(survival);
    graft_folder_discard(&folder);
    return status;
}

static graft_status write_file(const graft_exporter *exporter, const graft_export_job *job,
                               const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text beside;
    graft_text_init(&beside);
    GRAFT_TRY(exporter->write(job, path));
    if (has_survival(exporter, job)) {
        GRAFT_TRY(graft_text_appendf(&beside, "%s.survival.json", path));
        GRAFT_TRY(write_survival(beside.data, job->survival));
    }
done:
    graft_text_clear(&beside);
    return status;
}

graft_status graft_artefact_write(const graft_exporter *exporter, const graft_export_job *job,
                                  const char *path)
{
    return exporter->is_folder ? write_folder(exporter, job, path)
                               : write_file(exporter, job, path);
}
