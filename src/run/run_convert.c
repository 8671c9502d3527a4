/* run_convert.c - graft_data_convert. */
#include <graft/dataset.h>

#include <string.h>

#include "data/record.h"
#include "io/files.h"
#include "run/session.h"

typedef struct conversion {
    const graft_config *config;
    const graft_hooks *hooks;
    const graft_record_writer *writer;
    graft_dataset dataset;
    graft_text records;
    graft_json *findings; /* NULL: emit them */
    size_t n_written, n_left;
    graft_status status;  /* of passing findings on */
} conversion;

static graft_status find_writer(conversion *c, const char *to)
{
    graft_status status = GRAFT_OK;
    graft_text names;
    c->writer = graft_record_writers_find(to ? to : "");
    if (c->writer) {
        return GRAFT_OK;
    }
    graft_text_init(&names);
    GRAFT_TRY(graft_record_writers_names(&names));
    status = graft_fail(GRAFT_E_CONFIG, "unknown layout \"%s\" to convert to (known: %s)",
                        to ? to : "", graft_text_z(&names));
done:
    graft_text_clear(&names);
    return status;
}

static graft_status tell(conversion *c, const char *message)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    c->n_left++;
    if (c->findings) {
        return graft_json_push(c->findings, graft_json_new_string(message, strlen(message)));
    }
    GRAFT_TRY(graft_text_appendf(&line, "%s (left out)\n", message));
    GRAFT_TRY(graft_hooks_emit(c->hooks, line.data, line.len));
done:
    graft_text_clear(&line);
    return status;
}

static void bad_line(void *context, const char *message)
{
    conversion *c = context;
    if (c->status == GRAFT_OK) {
        c->status = tell(c, message);
    }
}

static graft_status read_all(conversion *c)
{
    graft_status status = GRAFT_OK;
    const graft_config_sources *sources = &c->config->dataset;
    for (size_t i = 0; i < sources->n; i++) {
        const graft_config_source *item = &sources->items[i];
        graft_source source = {item->path, item->format, item->answers};
        GRAFT_TRY(graft_hooks_check(c->hooks));
        if (c->config->skip_bad) {
            GRAFT_TRY(graft_dataset_read_each(&c->dataset, &source, bad_line, c));
        } else {
            GRAFT_TRY(graft_dataset_read(&c->dataset, &source, false));
        }
        GRAFT_TRY(c->status);
    }
done:
    return status;
}

static graft_status write_all(conversion *c)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < c->dataset.n; i++) {
        const graft_conversation *one = &c->dataset.conversations[i];
        GRAFT_TRY(i % 256 == 0 ? graft_hooks_check(c->hooks) : GRAFT_OK);
        status = graft_record_write(&c->records, c->writer, one);
        c->n_written += status == GRAFT_OK;
        if (status == GRAFT_E_DATA) {
            status = graft_fail_prefix("%s:%zu", one->file, one->line);
            GRAFT_TRY(c->config->skip_bad ? tell(c, graft_error_message()) : status);
            status = GRAFT_OK;
        }
        GRAFT_TRY(status);
    }
    if (!c->n_written) {
        status = graft_fail(GRAFT_E_DATA, "nothing is left to write: layout %s holds none of the "
                            "%zu examples", c->writer->name, c->dataset.n);
    }
done:
    return status;
}

static graft_status summarise(graft_text *out, const conversion *c)
{
    graft_status status = GRAFT_OK;
    graft_json *object = NULL;
    if (!c->findings) {
        return graft_text_appendf(out, "format: %s to %s\nwritten: %zu\nleft out: %zu\n",
                                  c->dataset.format, c->writer->name, c->n_written, c->n_left);
    }
    object = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(object, "from", c->dataset.format));
    GRAFT_TRY(graft_json_set_string(object, "to", c->writer->name));
    GRAFT_TRY(graft_json_set_int(object, "written", (int64_t)c->n_written));
    GRAFT_TRY(graft_json_set_int(object, "left_out", (int64_t)c->n_left));
    GRAFT_TRY(graft_json_set(object, "findings", graft_json_retain(c->findings)));
    GRAFT_TRY(graft_json_write(out, object, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(object);
    return status;
}

graft_status graft_data_convert(graft_config *config, const char *to, const char *path,
                                const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    conversion c = {.config = config, .hooks = hooks};
    graft_text summary;
    graft_dataset_init(&c.dataset);
    graft_text_init(&c.records);
    graft_text_init(&summary);
    *out = NULL;
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    GRAFT_TRY(find_writer(&c, to));
    if (json && !(c.findings = graft_json_new_array())) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(read_all(&c));
    GRAFT_TRY(write_all(&c));
    GRAFT_TRY(graft_file_write(path, c.records.data, c.records.len));
    GRAFT_TRY(summarise(&summary, &c));
    GRAFT_TRY(graft_text_take(&summary, out));
done:
    graft_json_free(c.findings);
    graft_dataset_clear(&c.dataset);
    graft_text_clear(&c.records);
    graft_text_clear(&summary);
    return status;
}
