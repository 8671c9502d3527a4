/* check.c - graft_data_check: reads the data as training would and says all that is wrong. */
#include <string.h>

#include <graft/dataset.h>

#include "config/config.h"
#include "data/show.h"

typedef struct finding {
    const graft_hooks *hooks;
    graft_text line;
    graft_status status;
    size_t n;
    bool stopped;
} finding;

/* Passes a finding on as a line. */
static void report(void *context, const char *message)
{
    finding *f = context;
    f->n++;
    if (f->stopped || !f->hooks || !f->hooks->emit) {
        return;
    }
    f->line.len = 0;
    f->status = graft_text_append_escaped(&f->line, message, strlen(message), false);
    if (f->status == GRAFT_OK) {
        f->status = graft_text_append_char(&f->line, '\n');
    }
    f->stopped = f->status != GRAFT_OK ||
                 f->hooks->emit(f->hooks->context, f->line.data, f->line.len) != 0;
}

/* Reads one source; notes its file, format and numbers in *entry. */
static graft_status check_source(graft_dataset *dataset, const graft_config_source *from,
                                 finding *f, graft_json *entry)
{
    graft_status status = GRAFT_OK;
    graft_source source = {from->path, from->format, from->answers};
    size_t examples = dataset->n, bad = f->n;
    dataset->format = NULL;
    if (graft_dataset_read_each(dataset, &source, report, f) != GRAFT_OK) {
        if (graft_error_code() != GRAFT_E_DATA) {
            return graft_error_code();
        }
        report(f, graft_error_message()); /* the file as a whole */
    }
    GRAFT_TRY(graft_json_set_string(entry, "path", from->path));
    GRAFT_TRY(graft_json_set_string(entry, "format", dataset->format ? dataset->format : ""));
    GRAFT_TRY(graft_json_set_int(entry, "examples", (int64_t)(dataset->n - examples)));
    GRAFT_TRY(graft_json_set_int(entry, "findings", (int64_t)(f->n - bad)));
done:
    return status;
}

static graft_status write_summary(graft_text *out, const graft_json *files,
                                  const graft_dataset_counts *counts)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(files); i++) {
        const graft_json *file = graft_json_at(files, i);
        size_t n;
        const char *path = graft_json_string(graft_json_get(file, "path"), &n);
        const char *format = graft_json_string(graft_json_get(file, "format"), NULL);
        GRAFT_TRY(graft_text_append_escaped(out, path, n, false));
        GRAFT_TRY(graft_text_appendf(out, ": %s, %lld examples, %lld findings\n",
                                     format[0] ? format : "unknown layout",
                                     (long long)graft_json_int(graft_json_get(file, "examples")),
                                     (long long)graft_json_int(graft_json_get(file, "findings"))));
    }
    GRAFT_TRY(graft_dataset_counts_format(out, counts));
done:
    return status;
}

static graft_status format_result(graft_text *out, graft_json **files,
                                  const graft_dataset *dataset, bool json)
{
    graft_status status = GRAFT_OK;
    graft_dataset_counts counts;
    graft_json *object = NULL, *taken;
    GRAFT_TRY(graft_dataset_count(&counts, dataset));
    if (!json) {
        return write_summary(out, *files, &counts);
    }
    object = graft_json_new_object();
    taken = *files;
    *files = NULL;
    GRAFT_TRY(graft_json_set(object, "files", taken));
    GRAFT_TRY(graft_dataset_counts_json(object, &counts));
    GRAFT_TRY(graft_json_write(out, object, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(object);
    return status;
}

graft_status graft_data_check(graft_config *config, const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_dataset dataset;
    graft_json *files = graft_json_new_array(), *entry = NULL;
    graft_text text;
    finding f = {.hooks = hooks};
    *out = NULL;
    graft_text_init(&text);
    graft_text_init(&f.line);
    graft_dataset_init(&dataset);
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    for (size_t i = 0; i < config->dataset.n; i++) {
        entry = graft_json_new_object();
        GRAFT_TRY(check_source(&dataset, &config->dataset.items[i], &f, entry));
        GRAFT_TRY(f.status);
        graft_json *taken = entry;
        entry = NULL;
        GRAFT_TRY(graft_json_push(files, taken));
    }
    GRAFT_TRY(format_result(&text, &files, &dataset, json != 0));
    GRAFT_TRY(graft_text_take(&text, out));
    if (f.n) {
        status = graft_fail(GRAFT_E_DATA, "%zu finding%s", f.n, f.n == 1 ? "" : "s");
    }
done:
    graft_text_clear(&f.line);
    graft_text_clear(&text);
    graft_dataset_clear(&dataset);
    graft_json_free(entry);
    graft_json_free(files);
    return status;
}
