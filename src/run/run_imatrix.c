/* run_imatrix.c - graft_imatrix: which inputs of a model are large on the user's own data. */
#include <graft/quantize.h>

#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "export/importance.h"
#include "io/files.h"
#include "io/json.h"
#include "run/base_file.h"
#include "run/corpus.h"
#include "run/data_files.h"
#include "train/input_sums.h"

/* What llama.cpp calls a chunk: its context while it reads. */
enum { CHUNK = 512 };

/* Reads up to `limit` examples (0: all). */
static graft_status read_all(graft_input_sums *sums, graft_session *session,
                             const graft_corpus *corpus, uint64_t limit, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    size_t n = limit > 0 && limit < corpus->n_samples ? (size_t)limit : corpus->n_samples;
    double begun = graft_clock_seconds();
    graft_progress progress = {.phase = "reading", .unit = "examples", .total = n};
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_hooks_check(hooks));
        progress.done = i;
        progress.seconds = graft_clock_seconds() - begun;
        progress.seconds_left = i > 0 ? progress.seconds * (double)(n - i) / (double)i : 0;
        progress.tokens_per_second = i > 0 ? (double)sums->n_tok / progress.seconds : 0;
        graft_hooks_progress(hooks, &progress);
        GRAFT_TRY(graft_input_sums_read(sums, session->model, &session->compute,
                                        corpus->samples[i].ids, corpus->samples[i].n));
    }
    progress.done = n;
    progress.seconds_left = 0;
    graft_hooks_progress(hooks, &progress);
done:
    return status;
}

static graft_status write_sums(const char *path, const graft_input_sums *sums,
                               const graft_model *model, const graft_config_sources *sources)
{
    graft_status status = GRAFT_OK;
    const char **datasets = NULL;
    float *values = NULL;
    graft_importance_sums *tensors = NULL;
    size_t n_values = 0, at = 0;
    graft_importance_source source = {
        .n_datasets = sources->n, .chunk_size = CHUNK,
        .chunk_count = (uint32_t)((sums->n_tok + CHUNK - 1) / CHUNK)};
    for (size_t i = 0; i < model->n_slots; i++) {
        n_values += model->slots[i].weight.n_in;
    }
    GRAFT_TRY(graft_alloc(&values, n_values, sizeof *values));
    GRAFT_TRY(graft_alloc(&tensors, model->n_slots, sizeof *tensors));
    GRAFT_TRY(graft_alloc(&datasets, sources->n, sizeof *datasets));
    for (size_t i = 0; i < sources->n; i++) {
        datasets[i] = sources->items[i].path;
    }
    source.datasets = datasets;
    for (size_t i = 0; i < model->n_slots; i++) {
        const graft_slot *slot = &model->slots[i];
        tensors[i] = (graft_importance_sums){slot->name, values + at, slot->weight.n_in,
                                             (float)sums->n_tok};
        for (size_t j = 0; j < slot->weight.n_in; j++) {
            values[at++] = (float)sums->of[i][j];
        }
    }
    GRAFT_TRY(graft_importance_write(path, tensors, model->n_slots, &source));
done:
    graft_free(datasets);
    graft_free(values);
    graft_free(tensors);
    return status;
}

static graft_status describe(graft_text *out, const graft_input_sums *sums, size_t n_examples,
                             bool json)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    if (!json) {
        GRAFT_TRY(graft_text_appendf(out, "tensors   %zu\nexamples  %zu\ntokens    %llu\n",
                                     sums->n_slots, n_examples, (unsigned long long)sums->n_tok));
        goto done;
    }
    GRAFT_TRY(graft_json_set_int(o, "tensors", (int64_t)sums->n_slots));
    GRAFT_TRY(graft_json_set_int(o, "examples", (int64_t)n_examples));
    GRAFT_TRY(graft_json_set_int(o, "tokens", (int64_t)sums->n_tok));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

/* Said before minutes are spent: can the result be written? */
static graft_status check_room(const char *path, const graft_model *model)
{
    uint64_t bytes = (uint64_t)1 << 20;
    for (size_t i = 0; i < model->n_slots; i++) {
        bytes += model->slots[i].weight.n_in * sizeof(float);
    }
    return graft_space_check(path, bytes);
}

graft_status graft_imatrix(graft_config *config, const char *path, uint64_t examples,
                           const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_corpus corpus = {0};
    graft_input_sums sums = {0};
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    graft_hooks_begin(hooks);
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    GRAFT_TRY(graft_data_files_check_output(path, &config->dataset));
    GRAFT_TRY(graft_path_check_output(path, config->chat_template));
    GRAFT_TRY(graft_space_check(path, 0));
    config->compute = GRAFT_COMPUTE_F32; /* squares of rounded numbers would be no faster */
    GRAFT_TRY(graft_session_read(&corpus.dataset, config, &config->dataset));
    GRAFT_TRY(graft_session_open(&session, config));
    GRAFT_TRY(graft_gguf_check_output(session.model->file, path));
    GRAFT_TRY(check_room(path, session.model));
    GRAFT_TRY(graft_session_chat(&session, graft_dataset_has_tools(&corpus.dataset)));
    GRAFT_TRY(graft_corpus_build(&corpus, &session));
    GRAFT_TRY(graft_input_sums_init(&sums, session.model));
    GRAFT_TRY(read_all(&sums, &session, &corpus, examples, hooks));
    GRAFT_TRY(graft_base_check(&(graft_base){.file = session.model->file}));
    if (sums.n_tok == 0) {
        status = graft_fail(GRAFT_E_DATA, "there is no example to read");
        goto done;
    }
    GRAFT_TRY(write_sums(path, &sums, session.model, &config->dataset));
    GRAFT_TRY(describe(&text, &sums,
                       examples > 0 && examples < corpus.n_samples ? (size_t)examples
                                                                  : corpus.n_samples, json != 0));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_hooks_end();
    graft_text_clear(&text);
    graft_input_sums_clear(&sums);
    graft_corpus_clear(&corpus);
    graft_session_close(&session);
    return status;
}
