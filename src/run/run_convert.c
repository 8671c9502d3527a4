/* run_convert.c - graft_data_convert: batch by batch, so that memory does not grow with the file. */
#include <graft/dataset.h>

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/detect.h"
#include "data/record.h"
#include "run/data_files.h"

/* A record of the batch at hand as the other layout has it. */
typedef struct slot {
    graft_text record;
    graft_status status; /* of writing it */
    char *message;       /* "file:line: what", if that failed */
} slot;

typedef struct conversion {
    const graft_config *config;
    const graft_hooks *hooks;
    const graft_record_writer *layout;
    graft_writer *file;
    slot *slots;          /* [GRAFT_BATCH_RECORDS] */
    const char *format;   /* that is read */
    graft_json *findings; /* NULL: emit them */
    size_t n_written, n_left;
    graft_first_records first; /* that were written */
} conversion;

static graft_status find_writer(conversion *c, const char *to)
{
    graft_status status = GRAFT_OK;
    graft_text names;
    c->layout = graft_record_writers_find(to ? to : "");
    if (c->layout) {
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

/* On any thread. */
static void write_record(void *context, graft_record *record, int thread)
{
    conversion *c = context;
    slot *s = &c->slots[record->slot];
    const graft_conversation *one = &record->conversation;
    (void)thread;
    if (record->status != GRAFT_OK) {
        return;
    }
    s->status = graft_record_write(&s->record, c->layout, one);
    if (s->status == GRAFT_E_DATA) {
        s->status = graft_fail_prefix("%s:%zu", one->file, one->line);
    }
    if (s->status != GRAFT_OK && graft_strdup(&s->message, graft_error_message()) != GRAFT_OK) {
        s->status = GRAFT_E_MEMORY;
    }
}

static void empty_slot(slot *s)
{
    graft_text_clear(&s->record);
    graft_free(s->message);
    *s = (slot){0};
}

static graft_status put(conversion *c, const graft_text *record)
{
    graft_status status = GRAFT_OK;
    if (!graft_first_records_full(&c->first)) {
        GRAFT_TRY(graft_first_records_keep(&c->first, record->data, record->len,
                                           c->n_written + 1, false));
    }
    GRAFT_TRY(graft_writer_write(c->file, record->data, record->len));
    c->n_written++;
done:
    return status;
}

static graft_status take_record(void *context, graft_record *record)
{
    conversion *c = context;
    slot *s = &c->slots[record->slot];
    graft_status status = record->status == GRAFT_OK ? s->status : record->status;
    const char *message = record->status == GRAFT_OK ? s->message : record->message;
    if (status == GRAFT_OK) {
        status = put(c, &s->record);
    } else if (status == GRAFT_E_DATA && message && c->config->skip_bad) {
        status = tell(c, message);
    } else {
        status = graft_fail(status, "%s", message ? message : "out of memory");
    }
    empty_slot(s);
    return status;
}

static graft_status poll(void *context)
{
    const conversion *c = context;
    return graft_hooks_check(c->hooks);
}

/* Reads, writes and forgets batch by batch. */
static graft_status convert_all(conversion *c)
{
    graft_status status = GRAFT_OK;
    graft_record_visitor visitor = {c, write_record, take_record, poll};
    GRAFT_TRY(graft_alloc(&c->slots, GRAFT_BATCH_RECORDS, sizeof *c->slots));
    for (size_t i = 0; i < c->config->dataset.n; i++) {
        graft_source source = graft_data_files_source(&c->config->dataset.items[i]);
        GRAFT_TRY(graft_source_read(&source, &visitor, &c->format));
    }
    if (!c->n_written) {
        status = graft_fail(GRAFT_E_DATA, "nothing is left to write: layout %s holds none of the "
                            "%zu examples", c->layout->name, c->n_left);
    }
done:
    return status;
}

/* What is written is not always what will be read: layouts differ from plainer ones only where
 * tools are called, which may be further on than detection looks. */
static graft_status warn_of_detection(const conversion *c, const char *path)
{
    graft_status status = GRAFT_OK;
    const graft_reader *reader = NULL;
    bool denied;
    GRAFT_TRY(graft_first_records_reader(&reader, &denied, &c->first));
    if (reader != c->layout->reader) {
        graft_log(GRAFT_LOG_WARN, "%s: its first records look like layout %s: say format %s where "
                  "it is read", path, reader ? reader->name : "none", c->layout->name);
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
                                  c->format, c->layout->name, c->n_written, c->n_left);
    }
    object = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(object, "from", c->format));
    GRAFT_TRY(graft_json_set_string(object, "to", c->layout->name));
    GRAFT_TRY(graft_json_set_int(object, "written", (int64_t)c->n_written));
    GRAFT_TRY(graft_json_set_int(object, "left_out", (int64_t)c->n_left));
    GRAFT_TRY(graft_json_set(object, "findings", graft_json_retain(c->findings)));
    GRAFT_TRY(graft_json_write(out, object, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(object);
    return status;
}

static void clear(conversion *c)
{
    for (size_t i = 0; c->slots && i < GRAFT_BATCH_RECORDS; i++) {
        empty_slot(&c->slots[i]);
    }
    graft_free(c->slots);
    graft_first_records_clear(&c->first);
    graft_json_free(c->findings);
    graft_writer_discard(&c->file);
}

graft_status graft_data_convert(graft_config *config, const char *to, const char *path,
                                const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    conversion c = {.config = config, .hooks = hooks};
    graft_text summary;
    graft_text_init(&summary);
    *out = NULL;
    GRAFT_TRY(graft_data_files_prepare(config));
    GRAFT_TRY(find_writer(&c, to));
    if (json && !(c.findings = graft_json_new_array())) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(graft_data_files_open(&c.file, path, "out", &config->dataset));
    GRAFT_TRY(convert_all(&c));
    GRAFT_TRY(warn_of_detection(&c, path));
    GRAFT_TRY(graft_writer_commit(&c.file));
    GRAFT_TRY(summarise(&summary, &c));
    GRAFT_TRY(graft_text_take(&summary, out));
done:
    clear(&c);
    graft_text_clear(&summary);
    return status;
}
