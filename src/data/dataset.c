/* dataset.c - reading a source record by record: which reader, what is bad, what is together. */
#include "data/dataset.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/detect.h"
#include "data/records.h"

/* Lines of a file that is one conversation. */
enum { GATHERED_MAX = 100000 };

typedef struct reading {
    graft_dataset *dataset;
    const graft_source *source;
    const graft_reader *reader; /* NULL until the first good record tells */
    void *state;
    graft_bad_line *bad; /* NULL: the first bad line ends the reading */
    void *context;
    bool broken; /* not a line is bad but the answer file, or the file as a whole */
    graft_json *gathered; /* the records so far, if they are one example together */
    size_t gathered_line;
    bool gap;             /* a line was no JSON */
    bool listed;          /* the known layouts were told */
} reading;

void graft_dataset_init(graft_dataset *dataset)
{
    *dataset = (graft_dataset){0};
}

void graft_dataset_clear(graft_dataset *dataset)
{
    for (size_t i = 0; i < dataset->n; i++) {
        graft_conversation_clear(&dataset->conversations[i]);
    }
    graft_free(dataset->conversations);
    graft_dataset_init(dataset);
}

/* --- which reader --- */

static graft_status use_reader(reading *r, const graft_reader *reader)
{
    graft_status status = GRAFT_OK;
    const char *answers = r->source->answers;
    if (answers && !reader->open) {
        return graft_fail(GRAFT_E_CONFIG, "%s: format \"%s\" takes no answer file",
                          r->source->path, reader->name);
    }
    r->broken = true;
    if (answers) {
        GRAFT_TRY(reader->open(&r->state, answers));
    }
    r->broken = false;
    r->reader = reader;
    r->dataset->format = reader->name;
done:
    return status;
}

static graft_status named_reader(reading *r)
{
    graft_status status = GRAFT_OK;
    const graft_reader *reader = graft_readers_find(r->source->format);
    graft_text names;
    if (reader) {
        return use_reader(r, reader);
    }
    graft_text_init(&names);
    GRAFT_TRY(graft_readers_names(&names));
    status = graft_fail(GRAFT_E_CONFIG, "%s: unknown format \"%s\" (known: %s)", r->source->path,
                        r->source->format, graft_text_z(&names));
done:
    graft_text_clear(&names);
    return status;
}

static graft_status detect(reading *r, const graft_json *record)
{
    const char *refusal = graft_reader__refusal(record);
    if (refusal) {
        return graft_fail(GRAFT_E_DATA, "%s", refusal);
    }
    const graft_reader *reader = graft_reader__detect(record);
    if (reader) {
        return use_reader(r, reader);
    }
    bool list = !r->listed; /* the known ones once per file */
    r->listed = true;
    return graft_reader__unknown(record, list);
}

/* --- records --- */

/* A bad record ends the reading, or is told and left out. */
static graft_status bad_record(reading *r, graft_status status, size_t line)
{
    if (status != GRAFT_E_DATA || r->broken) {
        return status;
    }
    status = graft_fail_prefix("%s:%zu", r->source->path, line);
    if (r->bad) {
        r->bad(r->context, graft_error_message());
        r->dataset->n_skipped++;
        status = GRAFT_OK;
    }
    return status;
}

static graft_status convert(reading *r, graft_conversation *out, const graft_json *record,
                            size_t line)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_strdup(&out->file, r->source->path));
    out->line = line;
    GRAFT_TRY(graft_reader__convert(out, r->reader, r->state, record));
done:
    return status;
}

/* Adds the example that a record is, or that part `part` (from 1) of it is. */
static graft_status add_example(reading *r, const graft_json *record, size_t part, size_t line)
{
    graft_status status = GRAFT_OK;
    graft_dataset *d = r->dataset;
    GRAFT_TRY(graft_reserve(&d->conversations, &d->capacity, d->n + 1, sizeof *d->conversations));
    graft_conversation *conversation = &d->conversations[d->n];
    graft_conversation_init(conversation);
    status = convert(r, conversation, record, line);
    if (status == GRAFT_OK) {
        d->n++;
        return GRAFT_OK;
    }
    graft_conversation_clear(conversation);
    if (part && status == GRAFT_E_DATA) {
        status = graft_fail_prefix("example %zu", part);
    }
    status = bad_record(r, status, line);
done:
    return status;
}

static graft_status gather(reading *r, const graft_json *record, size_t line)
{
    if (!r->gathered) {
        r->gathered = graft_json_new_array();
        r->gathered_line = line;
    }
    if (graft_json_length(r->gathered) >= GATHERED_MAX) {
        r->broken = true;
        return graft_fail(GRAFT_E_DATA, "%s:%zu: a file of format \"%s\" is one conversation, and "
                          "this one has more than %d lines", r->source->path, line, r->reader->name,
                          GATHERED_MAX);
    }
    return graft_json_push(r->gathered, graft_json_retain((graft_json *)(uintptr_t)record));
}

static graft_status add_json(reading *r, const graft_json *record, size_t line)
{
    graft_status status = GRAFT_OK;
    graft_json *parts = NULL;
    if (!graft_json_is(record, GRAFT_JSON_OBJECT)) {
        status = graft_fail(GRAFT_E_DATA, "is %s, not an object",
                            graft_json_type_name(graft_json_get_type(record)));
        return bad_record(r, status, line);
    }
    if (!r->reader && (status = detect(r, record)) != GRAFT_OK) {
        return bad_record(r, status, line);
    }
    if (r->reader->gathers) {
        return gather(r, record, line);
    }
    if (!r->reader->split) {
        return add_example(r, record, 0, line);
    }
    status = r->reader->split(&parts, record);
    if (status != GRAFT_OK) {
        return bad_record(r, status, line);
    }
    for (size_t i = 0; i < graft_json_length(parts); i++) {
        GRAFT_TRY(add_example(r, graft_json_at(parts, i), i + 1, line));
    }
    if (!parts) {
        status = add_example(r, record, 0, line);
    }
done:
    graft_json_free(parts);
    return status;
}

/* A file that is one object of no known layout holds records by name, or texts. */
static graft_status add_members(reading *r, const graft_json *object, size_t line)
{
    graft_status status = GRAFT_OK;
    graft_json *text = NULL;
    graft_json_iter it = graft_json_iter_begin(object);
    while (graft_json_iter_next(&it)) {
        const graft_json *record = it.value;
        if (graft_json_is(record, GRAFT_JSON_STRING)) {
            graft_json_free(text);
            text = graft_json_new_object();
            GRAFT_TRY(graft_reader__set_shared(text, "text", record));
            record = text;
        }
        GRAFT_TRY(add_json(r, record, line));
    }
done:
    graft_json_free(text);
    return status;
}

/* Are all members of the object texts, or all objects? */
static bool is_collection(const graft_json *object)
{
    size_t texts = 0, objects = 0, n = graft_json_length(object);
    graft_json_iter it = graft_json_iter_begin(object);
    while (graft_json_iter_next(&it)) {
        texts += graft_json_is(it.value, GRAFT_JSON_STRING);
        objects += graft_json_is(it.value, GRAFT_JSON_OBJECT);
    }
    return n && (texts == n || objects == n);
}

static graft_status add_text(reading *r, const char *text, size_t n, size_t line, bool whole)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    if (graft_json_parse(&record, text, n) != GRAFT_OK) {
        r->gap = true;
        return bad_record(r, graft_error_code(), line);
    }
    bool known = r->reader || graft_reader__refusal(record) || graft_reader__detect(record);
    if (whole && !known && graft_json_is(record, GRAFT_JSON_OBJECT) && is_collection(record)) {
        status = add_members(r, record, line);
    } else {
        status = add_json(r, record, line);
    }
    graft_json_free(record);
    return status;
}

/* The one example that the records of the file are together. */
static graft_status add_gathered(reading *r)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object();
    if (r->gap) {
        status = graft_fail(GRAFT_E_DATA, "the conversation misses lines that are broken");
        status = bad_record(r, status, r->gathered_line);
        goto done;
    }
    GRAFT_TRY(graft_json_set(record, "records", graft_json_retain(r->gathered)));
    status = add_example(r, record, 0, r->gathered_line);
done:
    graft_json_free(record);
    return status;
}

/* --- files --- */

/* Adds the records kept, once the layout is told or given up. */
static graft_status add_first(reading *r, graft_first_records *first)
{
    graft_status status = GRAFT_OK;
    const graft_reader *reader = NULL;
    if (!r->reader) {
        GRAFT_TRY(graft_first_records_reader(&reader, first));
        GRAFT_TRY(reader ? use_reader(r, reader) : GRAFT_OK);
    }
    for (size_t i = 0; i < first->n; i++) {
        const char *text = graft_text_z(&first->text) + first->records[i].begin;
        GRAFT_TRY(add_text(r, text, first->records[i].n, first->records[i].line,
                           first->records[i].whole));
    }
    graft_first_records_clear(first);
done:
    return status;
}

/* What stands before the place where the file is broken is told first. */
static graft_status add_before_failure(reading *r, graft_first_records *first,
                                       graft_status failure)
{
    graft_status status = GRAFT_OK;
    char *message = NULL;
    GRAFT_TRY(graft_strdup(&message, graft_error_message()));
    GRAFT_TRY(add_first(r, first));
    status = graft_fail(failure, "%s", message);
done:
    graft_free(message);
    return status;
}

static graft_status read_records(reading *r, graft_records *records, graft_first_records *first)
{
    graft_status status = GRAFT_OK;
    const char *text = NULL;
    size_t n = 0, line = 0;
    bool begun = r->reader != NULL; /* the layout is known, or given up */
    for (;;) {
        if (!begun && graft_first_records_full(first)) {
            GRAFT_TRY(add_first(r, first));
            begun = true;
        }
        status = graft_records_next(records, &text, &n, &line);
        if (status != GRAFT_OK) {
            status = add_before_failure(r, first, status);
            goto done;
        }
        if (!text) {
            break;
        }
        bool whole = graft_records_whole(records);
        GRAFT_TRY(begun ? add_text(r, text, n, line, whole)
                        : graft_first_records_keep(first, text, n, line, whole));
    }
    status = add_first(r, first);
done:
    return status;
}

static graft_status read_file(reading *r)
{
    graft_status status = GRAFT_OK;
    graft_records *records = NULL;
    graft_first_records first = {0};
    GRAFT_TRY(graft_records_open(&records, r->source->path));
    GRAFT_TRY(read_records(r, records, &first));
    if (r->gathered) {
        status = add_gathered(r);
    }
done:
    graft_first_records_clear(&first);
    graft_records_close(records);
    return status;
}

graft_status graft_dataset_read_each(graft_dataset *dataset, const graft_source *source,
                                     graft_bad_line *bad, void *context)
{
    graft_status status = GRAFT_OK;
    reading r = {.dataset = dataset, .source = source, .bad = bad, .context = context};
    size_t before = dataset->n, skipped = dataset->n_skipped;
    if (source->format) {
        GRAFT_TRY(named_reader(&r));
    }
    GRAFT_TRY(read_file(&r));
    if (dataset->n == before) {
        skipped = dataset->n_skipped - skipped;
        status = skipped ? graft_fail(GRAFT_E_DATA, "%s: none of its %zu lines is usable",
                                      source->path, skipped)
                         : graft_fail(GRAFT_E_DATA, "%s: holds no examples", source->path);
    }
done:
    graft_json_free(r.gathered);
    if (r.state) {
        r.reader->close(r.state);
    }
    return status;
}

static void log_bad_line(void *context, const char *message)
{
    (void)context;
    graft_log(GRAFT_LOG_WARN, "%s (left out)", message);
}

graft_status graft_dataset_read(graft_dataset *dataset, const graft_source *source, bool skip_bad)
{
    return graft_dataset_read_each(dataset, source, skip_bad ? log_bad_line : NULL, NULL);
}
