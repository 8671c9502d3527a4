/* run_export.c - graft_export: a base and adapters in, an artefact out. */
#include <graft/export.h>

#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/threads.h"
#include "io/files.h"
#include "io/json.h"
#include "run/data_files.h"
#include "run/exporting.h"
#include "run/prove.h"
#include "run/tool_grammar.h"

const char *graft_export_artefact(size_t i, const char **help, const char **types)
{
    for (size_t k = 0; graft_exporters[k] != NULL; k++) {
        if (i == k) {
            *help = graft_exporters[k]->help;
            *types = graft_exporters[k]->types != NULL ? graft_exporters[k]->types : "";
            return graft_exporters[k]->name;
        }
    }
    return NULL;
}

/* Bytes of what was written. */
static uint64_t size_of(const char *path)
{
    struct stat info;
    char **names = NULL, *inner = NULL;
    size_t n = 0;
    uint64_t total = 0;
    if (stat(path, &info) != 0) {
        return 0;
    }
    if (!S_ISDIR(info.st_mode)) {
        return (uint64_t)info.st_size;
    }
    if (graft_dir_list(&names, &n, path) == GRAFT_OK) {
        for (size_t i = 0; i < n; i++) {
            total += graft_path_join(&inner, path, names[i]) == GRAFT_OK ? size_of(inner) : 0;
            graft_free(inner);
            inner = NULL;
        }
        graft_dir_free(names, n);
    }
    return total;
}

static graft_status format_json(graft_text *out, const graft_exporter *exporter,
                                const graft_export_job *job, const char *path, uint64_t bytes,
                                const graft_proof *proof, const graft_tool_grammar *grammar)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *parts = NULL, *survival = NULL, *proven = NULL;
    graft_json *made = NULL;
    graft_text usage;
    graft_text_init(&usage);
    GRAFT_TRY(graft_json_set_string(o, "artefact", exporter->name));
    GRAFT_TRY(graft_json_set_string(o, "path", path));
    GRAFT_TRY(job->type == NULL ? graft_json_set(o, "type", NULL)
                                : graft_json_set_string(o, "type", job->type));
    GRAFT_TRY(graft_json_set_int(o, "bytes", (int64_t)bytes));
    GRAFT_TRY(graft_json_set_string(o, "base_sha256", job->adapter->base_hash));
    GRAFT_TRY(graft_json_parse(&parts, job->adapter->parts, strlen(job->adapter->parts)));
    GRAFT_TRY(graft_json_set(o, "adapters", graft_json_retain(parts)));
    GRAFT_TRY(exporter->usage(job, path, &usage));
    GRAFT_TRY(graft_json_set_string(o, "usage", graft_text_z(&usage)));
    if (exporter->merges && job->survival->n > 0) {
        GRAFT_TRY(graft_survival_json(job->survival, &survival));
        GRAFT_TRY(graft_json_set(o, "survival", graft_json_retain(survival)));
    }
    if (proof->n_tokens > 0) {
        GRAFT_TRY(graft_proof_json(proof, &proven));
        GRAFT_TRY(graft_json_set(o, "proof", graft_json_retain(proven)));
    }
    if (grammar->path != NULL) {
        GRAFT_TRY(graft_tool_grammar_json(grammar, &made));
        GRAFT_TRY(graft_json_set(o, "grammar", graft_json_retain(made)));
    }
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_text_clear(&usage);
    graft_json_free(made);
    graft_json_free(proven);
    graft_json_free(survival);
    graft_json_free(parts);
    graft_json_free(o);
    return status;
}

static graft_status format_table(graft_text *out, const graft_exporter *exporter,
                                 const graft_export_job *job, const char *path, uint64_t bytes,
                                 const graft_proof *proof, const graft_tool_grammar *grammar)
{
    graft_status status = GRAFT_OK;
    if (exporter->merges && job->survival->n > 0) {
        GRAFT_TRY(graft_survival_table(job->survival, out));
        GRAFT_TRY(graft_text_append_z(out, "verdict   "));
        GRAFT_TRY(graft_survival_words(job->survival, out));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
    if (proof->n_tokens > 0) {
        GRAFT_TRY(graft_proof_table(proof, out));
    }
    if (bytes > 0) {
        GRAFT_TRY(graft_text_appendf(out, "written   %s: %s, %llu bytes\nuse it    ", path,
                                     exporter->help, (unsigned long long)bytes));
        GRAFT_TRY(exporter->usage(job, path, out));
    }
    if (grammar->path != NULL) {
        status = graft_tool_grammar_table(grammar, out);
    }
done:
    return status;
}

/* The model of an artefact: the file itself, or the one GGUF file in the folder. */
static graft_status find_model(char **out, const char *path)
{
    graft_status status = GRAFT_OK;
    char **names = NULL, *inner = NULL;
    size_t n = 0;
    if (!graft_path_is_dir(path)) {
        return graft_strdup(out, path);
    }
    GRAFT_TRY(graft_dir_list(&names, &n, path));
    for (size_t i = 0; i < n && *out == NULL; i++) {
        GRAFT_TRY(graft_path_join(&inner, path, names[i]));
        if (graft_path_is_dir(inner) || graft_str_ends_with(inner, ".gguf")) {
            GRAFT_TRY(find_model(out, inner));
        }
        graft_free(inner);
        inner = NULL;
    }
done:
    graft_free(inner);
    graft_dir_free(names, n);
    return status;
}

static graft_status prove(graft_proof *proof, const graft_config *config,
                          const graft_export_inputs *inputs, const graft_serving *serving,
                          const char *path, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    char *model = NULL;
    GRAFT_TRY(find_model(&model, path));
    if (model == NULL) {
        status = graft_fail(GRAFT_E_FAILED, "%s: no GGUF file to prove", path);
        goto done;
    }
    GRAFT_TRY(graft_prove(proof, config, inputs, &serving->of, model, hooks));
done:
    graft_free(model);
    return status;
}

static graft_status check_wish(const graft_exporter **exporter, const graft_export_wish *wish)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_exporter_get(exporter, wish->to));
    GRAFT_TRY(graft_exporter_check_type(*exporter, wish->type));
    GRAFT_TRY(graft_calibration_check(wish->rounding, wish->data));
    bool proves = (*exporter)->merges && strcmp((*exporter)->name, "hf") != 0 &&
                  (wish->type == NULL || strcmp(wish->type, "adapter") != 0);
    if (wish->prove != 0 && !proves) {
        status = graft_fail(GRAFT_E_CONFIG, "prove: reads back merged GGUF files (gguf, ollama, "
                            "lmstudio, localai)");
    } else if (wish->imatrix != NULL && !(*exporter)->merges) {
        status = graft_fail(GRAFT_E_CONFIG, "imatrix: %s rounds no weights", (*exporter)->name);
    } else if (wish->size > 0 && !proves) {
        status = graft_fail(GRAFT_E_CONFIG, "size: raises types in merged GGUF files (gguf, ollama, "
                            "lmstudio, localai)");
    } else if ((wish->rounding != NULL || wish->data != NULL) && !(*exporter)->merges) {
        status = graft_fail(GRAFT_E_CONFIG, "%s: %s rounds no weights",
                            wish->rounding != NULL ? "rounding" : "data", (*exporter)->name);
    } else if (graft_path_is_dir(wish->out) && !(*exporter)->is_folder) {
        status = graft_fail(GRAFT_E_CONFIG, "out: %s is a folder; name the file in it: %s/%s",
                            wish->out, wish->out, (*exporter)->writes);
    }
done:
    return status;
}

/* Is the artefact none of what it is made from? */
static graft_status check_out(const graft_export_inputs *inputs, const graft_config *config,
                              const graft_export_wish *wish)
{
    graft_status status = GRAFT_OK;
    const char *path = wish->out;
    const char *const read[] = {wish->grammar, wish->data, wish->imatrix, config->chat_template};
    GRAFT_TRY(graft_gguf_check_output(inputs->base, path));
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        GRAFT_TRY(graft_path_check_output(path, read[i]));
    }
    for (size_t i = 0; i < inputs->n; i++) {
        GRAFT_TRY(graft_adapter_check_output(path, inputs->parts[i].path));
    }
    GRAFT_TRY(graft_data_files_check_output(path, &config->dataset)); /* of prove */
done:
    return status;
}

/* The report; where the export was refused, the refusal stays the result. */
static graft_status report(char **out, const graft_exporter *exporter, const graft_export_job *job,
                           const char *path, const graft_proof *proof,
                           const graft_tool_grammar *grammar, bool json, graft_status written)
{
    graft_status status = GRAFT_OK;
    char *message = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_strdup(&message, graft_error_message()));
    uint64_t bytes = written == GRAFT_OK ? size_of(path) : 0;
    GRAFT_TRY(json ? format_json(&text, exporter, job, path, bytes, proof, grammar)
                   : format_table(&text, exporter, job, path, bytes, proof, grammar));
    GRAFT_TRY(graft_text_take(&text, out));
    if (written != GRAFT_OK) {
        status = graft_fail(written, "%s", message);
    }
done:
    graft_free(message);
    graft_text_clear(&text);
    return status;
}

/* --- a grammar --- */

/* OUT.gbnf beside the artefact. */
static graft_status write_beside(graft_tool_grammar *out, const graft_export_wish *wish,
                                 const graft_export_serving *serving)
{
    graft_status status = GRAFT_OK;
    size_t n = strlen(wish->out);
    graft_text path;
    graft_text_init(&path);
    while (n > 1 && wish->out[n - 1] == '/') {
        n--;
    }
    GRAFT_TRY(graft_text_append(&path, wish->out, n));
    GRAFT_TRY(graft_text_append_z(&path, ".gbnf"));
    status = graft_tool_grammar_write(out, wish->grammar, serving, graft_text_z(&path));
done:
    graft_text_clear(&path);
    return status;
}

/* Nothing but a grammar: of the base, adapters only tell with which template they were trained. */
static graft_status export_grammar(const graft_config *config, const graft_export_wish *wish, bool json,
                                   char **out)
{
    graft_status status = GRAFT_OK;
    graft_exporting e;
    graft_tool_grammar grammar = {0};
    graft_json *made = NULL;
    graft_text text;
    graft_text_init(&text);
    graft_exporting_init(&e);
    GRAFT_TRY(graft_exporting_open(&e, config, wish, NULL));
    GRAFT_TRY(check_out(&e.inputs, config, wish));
    GRAFT_TRY(graft_tool_grammar_write(&grammar, wish->grammar, &e.serving.of, wish->out));
    if (json) {
        GRAFT_TRY(graft_tool_grammar_json(&grammar, &made));
        GRAFT_TRY(graft_json_write(&text, made, GRAFT_JSON_PYTHON));
        GRAFT_TRY(graft_text_append_char(&text, '\n'));
    } else {
        GRAFT_TRY(graft_tool_grammar_table(&grammar, &text));
    }
    status = graft_text_take(&text, out);
done:
    graft_json_free(made);
    graft_text_clear(&text);
    graft_tool_grammar_clear(&grammar);
    graft_exporting_close(&e);
    return status;
}

graft_status graft_export(graft_config *config, const graft_export_wish *wish,
                          const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK, written;
    const graft_exporter *exporter = NULL;
    graft_exporting e;
    graft_importance *importance = NULL;
    graft_proof proof;
    graft_tool_grammar grammar = {0};
    graft_proof_init(&proof);
    graft_exporting_init(&e);
    *out = NULL;
    GRAFT_TRY(graft_config_check(config));
    graft_threads_set((int)config->threads);
    GRAFT_TRY(graft_config_require(config, "base_model"));
    if (wish->to == NULL && wish->grammar != NULL) {
        status = export_grammar(config, wish, json != 0, out);
        goto done;
    }
    GRAFT_TRY(check_wish(&exporter, wish));
    GRAFT_TRY(graft_exporting_open(&e, config, wish, hooks));
    GRAFT_TRY(check_out(&e.inputs, config, wish));
    if (wish->imatrix != NULL) {
        GRAFT_TRY(graft_importance_open(&importance, wish->imatrix));
    }
    if (wish->grammar != NULL) { /* first, for it takes no time and may be refused */
        GRAFT_TRY(write_beside(&grammar, wish, &e.serving.of));
    }
    graft_export_job job = graft_exporting_begin(&e, wish->type);
    job.importance = importance;
    job.size = wish->size;
    job.force = wish->force != 0;
    written = graft_artefact_write(exporter, &job, wish->out);
    if (written != GRAFT_OK && e.survival.n == 0) {
        status = written;
        goto done;
    }
    if (written == GRAFT_OK && wish->prove != 0) {
        GRAFT_TRY(prove(&proof, config, &e.inputs, &e.serving, wish->out, hooks));
    }
    GRAFT_TRY(report(out, exporter, &job, wish->out, &proof, &grammar, json != 0, written));
done:
    graft_tool_grammar_clear(&grammar);
    graft_proof_clear(&proof);
    graft_importance_close(importance);
    graft_exporting_close(&e);
    return status;
}
