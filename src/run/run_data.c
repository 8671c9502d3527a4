/* run_data.c - graft_data_check and graft_data_show. */
#include <graft/dataset.h>

#include <string.h>

#include "core/memory.h"
#include "data/show.h"
#include "run/corpus.h"

/* --- check --- */

/* What becomes of bad lines: emitted as they are found, or collected for the JSON summary. */
typedef struct findings {
    const graft_hooks *hooks;
    graft_json *list; /* NULL: emit */
    size_t n;
    graft_status status; /* of passing them on */
} findings;

static graft_status emit_line(const graft_hooks *hooks, const char *message)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    GRAFT_TRY(graft_text_append_z(&line, message));
    GRAFT_TRY(graft_text_append_char(&line, '\n'));
    GRAFT_TRY(graft_hooks_emit(hooks, line.data, line.len));
done:
    graft_text_clear(&line);
    return status;
}

static void report(void *context, const char *message)
{
    findings *f = context;
    f->n++;
    if (f->status == GRAFT_OK) {
        f->status = f->list ? graft_json_push(f->list, graft_json_new_string(message,
                                                                             strlen(message)))
                            : emit_line(f->hooks, message);
    }
}

static graft_status read_sources(graft_dataset *dataset, const graft_config *config, findings *f)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < config->dataset.n; i++) {
        const graft_config_source *item = &config->dataset.items[i];
        graft_source source = {item->path, item->format, item->answers};
        size_t before = f->n;
        GRAFT_TRY(graft_hooks_check(f->hooks));
        status = graft_dataset_read_each(dataset, &source, report, f);
        if (status == GRAFT_E_DATA && f->n > before) {
            status = GRAFT_OK; /* no line was usable, and all of them are told */
        }
        GRAFT_TRY(status);
        GRAFT_TRY(f->status);
    }
done:
    return status;
}

static graft_status summarise_json(graft_text *out, const graft_dataset *dataset,
                                   const graft_dataset_counts *counts, const findings *f)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    if (dataset->format) {
        GRAFT_TRY(graft_json_set_string(o, "format", dataset->format));
    }
    GRAFT_TRY(graft_dataset_counts_json(o, counts));
    GRAFT_TRY(graft_json_set_int(o, "bad_lines", (int64_t)f->n));
    GRAFT_TRY(graft_json_set(o, "findings", graft_json_retain(f->list)));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

static graft_status summarise(graft_text *out, const graft_dataset *dataset, const findings *f)
{
    graft_status status = GRAFT_OK;
    graft_dataset_counts counts;
    GRAFT_TRY(graft_dataset_count(&counts, dataset));
    if (f->list) {
        return summarise_json(out, dataset, &counts, f);
    }
    if (dataset->n > 0) {
        GRAFT_TRY(graft_text_appendf(out, "format: %s\n", dataset->format));
        GRAFT_TRY(graft_dataset_counts_format(out, &counts));
    }
    GRAFT_TRY(graft_text_appendf(out, "bad lines: %zu\n", f->n));
done:
    return status;
}

graft_status graft_data_check(graft_config *config, const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_dataset dataset;
    graft_text text;
    findings f = {.hooks = hooks};
    graft_dataset_init(&dataset);
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    if (json && !(f.list = graft_json_new_array())) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(read_sources(&dataset, config, &f));
    GRAFT_TRY(summarise(&text, &dataset, &f));
    GRAFT_TRY(graft_text_take(&text, out));
    if (f.n > 0) {
        status = graft_fail(GRAFT_E_DATA, "%zu bad line%s", f.n, f.n == 1 ? "" : "s");
    }
done:
    graft_json_free(f.list);
    graft_dataset_clear(&dataset);
    graft_text_clear(&text);
    return status;
}

/* --- show --- */

static void free_examples(graft_example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
}

/* The samples of a conversation, or with truncation: turns of its windows if one is too long. */
static graft_status build_samples(graft_example **out, size_t *n_out, const graft_session *session,
                                  const graft_conversation *conversation, uint32_t index,
                                  const graft_weighting *weighting)
{
    graft_status status = GRAFT_OK;
    graft_truncation cut = {.limit = graft_corpus__limit(session)};
    bool cuts = session->config->truncation == GRAFT_TRUNCATION_TURNS;
    GRAFT_TRY(graft_examples_build(out, n_out, session->chat, session->tokenizer, conversation,
                                   index, weighting));
    for (size_t i = 0; i < *n_out && cuts; i++) {
        if ((*out)[i].n > cut.limit) {
            free_examples(*out, *n_out);
            GRAFT_TRY(graft_examples_truncate(out, n_out, &cut, session->chat, session->tokenizer,
                                              conversation, index, weighting));
            break;
        }
    }
done:
    return status;
}

static graft_status show_one(const graft_session *session, const graft_conversation *conversation,
                             uint32_t index, const graft_weighting *weighting,
                             const graft_hooks *hooks, int colour, int json)
{
    graft_status status = GRAFT_OK;
    graft_example *examples = NULL;
    size_t n = 0;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(build_samples(&examples, &n, session, conversation, index, weighting));
    for (size_t i = 0; i < n; i++) {
        if (json) {
            GRAFT_TRY(graft_example_show_json(&text, &examples[i], session->tokenizer));
        } else {
            GRAFT_TRY(graft_example_show(&text, &examples[i], session->tokenizer, conversation,
                                         colour != 0));
        }
    }
    if (text.len > 0) {
        GRAFT_TRY(graft_hooks_emit(hooks, text.data, text.len));
    }
done:
    free_examples(examples, n);
    graft_text_clear(&text);
    return status;
}

graft_status graft_data_show(graft_config *config, uint64_t first, uint64_t n,
                             const graft_hooks *hooks, int colour, int json)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_dataset dataset;
    graft_weighting weighting;
    graft_dataset_init(&dataset);
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    GRAFT_TRY(graft_session_open(&session, config));
    GRAFT_TRY(graft_session_read(&dataset, config, &config->dataset));
    if (first >= dataset.n) {
        status = graft_fail(GRAFT_E_CONFIG, "there is no example %llu: the dataset has %zu, counted "
                            "from 0", (unsigned long long)first, dataset.n);
        goto done;
    }
    GRAFT_TRY(graft_session_weigh(&weighting, &dataset, config, true));
    GRAFT_TRY(graft_session_chat(&session, graft_dataset_has_tools(&dataset)));
    n = n < dataset.n - first ? n : dataset.n - first;
    for (uint64_t i = first; i < first + n; i++) {
        GRAFT_TRY(graft_hooks_check(hooks));
        GRAFT_TRY(show_one(&session, &dataset.conversations[i], (uint32_t)i, &weighting, hooks,
                           colour, json));
    }
done:
    graft_dataset_clear(&dataset);
    graft_session_close(&session);
    return status;
}
