/* run_data.c - graft_data_check and graft_data_show. */
#include <graft/dataset.h>

#include <string.h>

#include "core/memory.h"
#include "data/show.h"
#include "run/session.h"

/* --- check --- */

typedef struct finding {
    const graft_hooks *hooks;
    size_t n;
    graft_status status; /* of passing findings on */
} finding;

static void report(void *context, const char *message)
{
    finding *f = context;
    graft_text line;
    f->n++;
    if (f->status != GRAFT_OK) {
        return;
    }
    graft_text_init(&line);
    f->status = graft_text_append_z(&line, message);
    if (f->status == GRAFT_OK) {
        f->status = graft_text_append_char(&line, '\n');
    }
    if (f->status == GRAFT_OK) {
        f->status = graft_hooks_emit(f->hooks, line.data, line.len);
    }
    graft_text_clear(&line);
}

static graft_status read_sources(graft_dataset *dataset, const graft_config *config, finding *f)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < config->dataset.n; i++) {
        const graft_config_source *item = &config->dataset.items[i];
        graft_source source = {item->path, item->format, item->answers};
        GRAFT_TRY(graft_hooks_check(f->hooks));
        GRAFT_TRY(graft_dataset_read_each(dataset, &source, report, f));
        GRAFT_TRY(f->status);
    }
done:
    return status;
}

static graft_status summarise(graft_text *out, const graft_dataset *dataset, size_t n_bad, int json)
{
    graft_status status = GRAFT_OK;
    graft_dataset_counts counts;
    graft_json *o = NULL;
    GRAFT_TRY(graft_dataset_count(&counts, dataset));
    if (!json) {
        GRAFT_TRY(graft_text_appendf(out, "format: %s\n", dataset->format ? dataset->format : "?"));
        GRAFT_TRY(graft_dataset_counts_format(out, &counts));
        GRAFT_TRY(graft_text_appendf(out, "bad lines: %zu\n", n_bad));
        return GRAFT_OK;
    }
    o = graft_json_new_object();
    if (dataset->format) {
        GRAFT_TRY(graft_json_set_string(o, "format", dataset->format));
    }
    GRAFT_TRY(graft_dataset_counts_json(o, &counts));
    GRAFT_TRY(graft_json_set_int(o, "bad_lines", (int64_t)n_bad));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_data_check(graft_config *config, const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_dataset dataset;
    graft_text text;
    finding f = {.hooks = hooks};
    graft_dataset_init(&dataset);
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    GRAFT_TRY(read_sources(&dataset, config, &f));
    GRAFT_TRY(summarise(&text, &dataset, f.n, json));
    GRAFT_TRY(graft_text_take(&text, out));
    if (f.n > 0) {
        status = graft_fail(GRAFT_E_DATA, "%zu bad line%s", f.n, f.n == 1 ? "" : "s");
    }
done:
    graft_dataset_clear(&dataset);
    graft_text_clear(&text);
    return status;
}

/* --- show --- */

static graft_status show_one(const graft_session *session, const graft_conversation *conversation,
                             uint32_t index, const graft_hooks *hooks, int colour, int json)
{
    graft_status status = GRAFT_OK;
    graft_example *examples = NULL;
    size_t n = 0;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_examples_build(&examples, &n, session->chat, session->tokenizer, conversation,
                                   index));
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
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
    graft_text_clear(&text);
    return status;
}

graft_status graft_data_show(graft_config *config, uint64_t first, uint64_t n,
                             const graft_hooks *hooks, int colour, int json)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_dataset dataset;
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
    if (config->train_on == GRAFT_TRAIN_ON_LAST) {
        graft_dataset_train_last(&dataset);
    }
    GRAFT_TRY(graft_session_chat(&session, graft_dataset_has_tools(&dataset)));
    n = n < dataset.n - first ? n : dataset.n - first;
    for (uint64_t i = first; i < first + n; i++) {
        GRAFT_TRY(graft_hooks_check(hooks));
        GRAFT_TRY(show_one(&session, &dataset.conversations[i], (uint32_t)i, hooks, colour, json));
    }
done:
    graft_dataset_clear(&dataset);
    graft_session_close(&session);
    return status;
}
