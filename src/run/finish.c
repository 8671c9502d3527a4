/* The last part of a training job: configuration, artefacts. */
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "run/exporting.h"
#include "run/training.h"

static graft_status write_named(const graft_training *t, const char *name, const char *bytes,
                                size_t n)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, name));
    GRAFT_TRY(graft_file_write(path, bytes, n));
done:
    graft_free(path);
    return status;
}

graft_status graft_training_save_config(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    const char *source = graft_chat_source(t->session.chat);
    graft_text_init(&text);
    GRAFT_TRY(graft_config_format(t->config, &text));
    GRAFT_TRY(write_named(t, "config.yaml", graft_text_z(&text), text.len));
    GRAFT_TRY(write_named(t, "chat_template.jinja", source, strlen(source)));
done:
    graft_text_clear(&text);
    return status;
}

/* Single-precision copies of the parameters, as export wants them. */
static graft_status describe_maps(const graft_adapter *adapter, graft_export_map **maps,
                                  float **values)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(maps, adapter->n_maps, sizeof **maps));
    GRAFT_TRY(graft_alloc(values, adapter->n_params, sizeof **values));
    for (size_t i = 0; i < adapter->n_params; i++) {
        (*values)[i] = (float)adapter->params[i];
    }
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *m = &adapter->maps[i].low_rank;
        (*maps)[i] = (graft_export_map){
            .name = adapter->maps[i].name,
            .a = *values + (m->a.data - adapter->params),
            .b = *values + (m->b.data - adapter->params),
            .rank = m->a.n_rows,
            .n_in = m->a.n_cols,
            .n_out = m->b.n_rows,
            .scale = adapter->maps[i].scale,
        };
        if (m->magnitude.data != NULL) {
            (*maps)[i].magnitude = *values + (m->magnitude.data - adapter->params);
        }
    }
done:
    return status;
}

/* What servers are told of the model as it was trained. */
static graft_status describe_serving(graft_training *t, graft_serving *serving)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    const graft_gguf *base = t->session.model->file;
    const char *source = graft_chat_source(t->session.chat);
    graft_text label;
    graft_text_init(&label);
    GRAFT_TRY(graft_artefact_label(&label, c->output_dir));
    GRAFT_TRY(graft_serving_describe(serving, base, t->session.tokenizer, graft_text_z(&label),
                                     NULL));
    GRAFT_TRY(graft_serving_set_template(serving, source, strlen(source), NULL));
    serving->of.n_ctx = graft_artefact_context(c->max_seq_length, graft_corpus_longest(&t->train),
                                               base);
done:
    graft_text_clear(&label);
    return status;
}

static graft_status write_artefact(const graft_training *t, const graft_exporter *exporter,
                                   const graft_export_job *job)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    if (exporter->in_run_folder) { /* among the other files; each appears whole */
        return exporter->write(job, t->config->output_dir);
    }
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, exporter->writes));
    GRAFT_TRY(graft_artefact_write(exporter, job, path));
done:
    graft_free(path);
    return status;
}

/* Is it this artefact that cannot be had, of this fine-tune? The adapter itself has to be on disk before
 * anything goes on. */
static bool is_of_artefact(graft_status status)
{
    return status == GRAFT_E_FAILED || status == GRAFT_E_CONFIG || status == GRAFT_E_MODEL;
}

/* What cannot be exported is no reason to leave out the rest, hours later: it is said here, in the journal (and
 * so in the report) and as the result of the run. */
static graft_status keep_failure(graft_training *t, const char *item, graft_status failed)
{
    graft_status status = GRAFT_OK;
    double epoch = (double)t->trainer.step / (double)t->trainer.steps_per_epoch;
    graft_journal_place place = {"after", t->trainer.step, epoch, t->chosen_step};
    graft_text words;
    graft_text_init(&words);
    GRAFT_TRY(graft_text_append_z(&words, graft_error_message()));
    graft_log(GRAFT_LOG_WARN, "export: %s: %s", item, graft_text_z(&words));
    GRAFT_TRY(graft_journal_unexported(t->journal, &place, item, graft_text_z(&words)));
    if (t->unexported == NULL) {
        t->unexported = graft_json_new_object();
        t->unexported_status = failed;
    }
    GRAFT_TRY(graft_json_set_string(t->unexported, item, graft_text_z(&words)));
done:
    graft_text_clear(&words);
    return status;
}

graft_status graft_training_check_exports(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_text words;
    graft_text_init(&words);
    if (t->unexported == NULL) {
        return GRAFT_OK;
    }
    for (graft_json_iter it = graft_json_iter_begin(t->unexported); graft_json_iter_next(&it);) {
        GRAFT_TRY(graft_text_appendf(&words, "%s%s: %s", words.len > 0 ? "; " : "", it.key,
                                     graft_json_string(it.value, NULL)));
    }
    status = graft_fail(t->unexported_status, "export: %s. The run is finished, and all else is in %s: graft "
                        "export makes artefacts of it", graft_text_z(&words), t->config->output_dir);
done:
    graft_text_clear(&words);
    return status;
}

static graft_status write_all(graft_training *t, const graft_export_job *plain)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < t->config->export.n; i++) {
        const char *item = t->config->export.items[i];
        const graft_exporter *exporter;
        graft_export_job job = *plain;
        GRAFT_TRY(graft_exporter_of_item(&exporter, &job.type, item));
        if (exporter->merges) {
            continue;
        }
        status = write_artefact(t, exporter, &job);
        if (is_of_artefact(status)) {
            GRAFT_TRY(keep_failure(t, item, status));
            continue;
        }
        GRAFT_TRY(status);
    }
done:
    return status;
}

graft_status graft_training_export(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    const graft_adapter *adapter = t->session.adapter;
    graft_export_map *maps = NULL;
    float *values = NULL;
    graft_serving serving;
    graft_text recipe;
    graft_text_init(&recipe);
    graft_serving_init(&serving);
    GRAFT_TRY(describe_maps(adapter, &maps, &values));
    GRAFT_TRY(graft_config_format(c, &recipe));
    GRAFT_TRY(describe_serving(t, &serving));
    const graft_export_adapter description = {
        .maps = maps,
        .n_maps = adapter->n_maps,
        .alpha = adapter->alpha,
        .arch = t->session.model->family->arch,
        .n_head = t->session.model->hparams.n_head,
        .n_kv = t->session.model->hparams.n_kv,
        .multimodal = graft_export_is_multimodal(t->session.model->file),
        .base_name = c->base_model,
        .base_hash = t->base_hash,
        .base_bytes = graft_gguf_size(t->session.model->file),
        .recipe = graft_text_z(&recipe),
        .context = serving.of.n_ctx,
    };
    const graft_export_job job = {.adapter = &description, .base = t->session.model->file,
                                  .serving = &serving.of};
    GRAFT_TRY(write_all(t, &job));
done:
    graft_free(maps);
    graft_free(values);
    graft_text_clear(&recipe);
    graft_serving_clear(&serving);
    return status;
}

/* --- merged models --- */

bool graft_training_is_merged_from(const graft_exporter *exporter)
{
    return strcmp(exporter->name, "adapter") == 0 || strcmp(exporter->name, "peft") == 0;
}

/* What `graft export` is given: the adapter's file, or the folder that is PEFT's. */
static graft_status find_adapter(char **out, const graft_config *c)
{
    graft_status status = GRAFT_OK;
    const graft_exporter *exporter;
    const char *type;
    for (size_t i = 0; i < c->export.n; i++) {
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, c->export.items[i]));
        if (graft_training_is_merged_from(exporter) && !exporter->in_run_folder) {
            return graft_path_join(out, c->output_dir, exporter->writes);
        }
    }
    status = graft_strdup(out, c->output_dir);
done:
    return status;
}

/* The settings of the run that merging depends on; its template lies beside the adapter. */
static graft_status copy_settings(graft_config **out, const graft_config *from)
{
    graft_status status = GRAFT_OK;
    static const char *const names[] = {"base_model", "tokenizer_pre", "threads", "cpu", "max_memory"};
    GRAFT_TRY(graft_config_new(out));
    GRAFT_TRY(graft_config_copy(*out, from, names, sizeof names / sizeof *names));
    GRAFT_TRY(graft_config_check(*out));
done:
    return status;
}

/* Merging has a session of its own. A state that no checkpoint has is kept: it may still be saved. */
static void give_back(graft_training *t)
{
    graft_arena_clear(&t->session.compute.arena);
    if (t->unsaved) {
        return;
    }
    for (size_t i = 0; i < t->trainer.optimizer->n_moments; i++) {
        graft_free(t->trainer.moments[i]);
        t->trainer.moments[i] = NULL;
    }
    graft_base_watch_clear(&t->base_watch);
    graft_session_close(&t->session);
    graft_corpus_clear(&t->train);
    graft_corpus_clear(&t->eval);
}

static graft_status merge_one(const graft_training *t, graft_exporting *e, const graft_config *config,
                              const char *adapter, const char *item)
{
    graft_status status = GRAFT_OK;
    const graft_exporter *exporter;
    const char *type;
    bool nearest = t->config->export_rounding == GRAFT_EXPORT_ROUNDING_NEAREST;
    graft_text words;
    graft_text_init(&words);
    GRAFT_TRY(graft_exporter_of_item(&exporter, &type, item));
    if (e->inputs.base == NULL) {
        graft_export_wish wish = {.adapters = &adapter, .n_adapters = 1,
                                  .rounding = nearest ? "nearest" : NULL};
        GRAFT_TRY(graft_exporting_open(e, config, &wish, t->hooks));
    }
    graft_export_job job = graft_exporting_begin(e, type);
    GRAFT_TRY(write_artefact(t, exporter, &job));
    if (e->survival.n > 0) {
        GRAFT_TRY(graft_survival_words(&e->survival, &words));
        graft_log(graft_survival_judge(&e->survival) == GRAFT_SURVIVES ? GRAFT_LOG_INFO : GRAFT_LOG_WARN,
                  "%s: %s", exporter->name, graft_text_z(&words));
    }
done:
    graft_text_clear(&words);
    return status;
}

static graft_status merge_all(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_config *config = NULL;
    char *adapter = NULL;
    graft_exporting e;
    graft_exporting_init(&e);
    GRAFT_TRY(copy_settings(&config, t->config));
    GRAFT_TRY(find_adapter(&adapter, t->config));
    for (size_t i = 0; i < t->config->export.n; i++) {
        const char *item = t->config->export.items[i], *type;
        const graft_exporter *exporter;
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, item));
        if (!exporter->merges) {
            continue;
        }
        status = merge_one(t, &e, config, adapter, item);
        if (status == GRAFT_E_INTERRUPTED) {
            status = graft_fail(status, "stopped while %s was exported; %s", item,
                                graft_training_way_on(t));
            goto done;
        }
        if (status != GRAFT_OK) {
            GRAFT_TRY(keep_failure(t, item, status));
            graft_exporting_close(&e); /* half open, or in want of what it holds */
        }
    }
done:
    graft_exporting_close(&e);
    graft_config_free(config);
    graft_free(adapter);
    return status;
}

graft_status graft_training_merge(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_exporter *exporter;
    const char *type;
    bool merges = false;
    for (size_t i = 0; i < t->config->export.n; i++) {
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, t->config->export.items[i]));
        merges = merges || exporter->merges;
    }
    if (merges) {
        give_back(t);
        status = merge_all(t);
    }
done:
    return status;
}
