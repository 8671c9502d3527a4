/* dataset.c - reading a source record by record: which reader, what is bad, what is together. */
#include "data/dataset.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/batch.h"
#include "data/detect.h"
#include "data/edit.h"
#include "data/records.h"

/* Lines of a file that is one conversation. */
enum { GATHERED_MAX = 100000 };

typedef struct reading {
    const graft_source *source;
    const graft_reader *reader; /* NULL until the first good record tells */
    void *state;
    const graft_record_visitor *visitor;
    graft_batch batch;
    size_t n_records;
    bool broken; /* not a line is bad but the answer file, or the file as a whole */
    graft_json *gathered; /* the records so far, if they are one example together */
    size_t gathered_line;
    bool gap;             /* a line was no JSON */
    bool listed;          /* the known layouts were told */
    bool denied;          /* of detection: marks in texts have no meaning */
    size_t looked_to;     /* how many records detection looked at */
    size_t number;        /* of the record that is added, from 1 */
    bool elements;        /* records are the elements of an array */
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

graft_status graft_dataset_take(graft_dataset *to, graft_dataset *from)
{
    graft_status status = GRAFT_OK;
    size_t n;
    if (!graft_size_add(to->n, from->n, &n)) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: %zu and %zu examples", to->n, from->n);
    }
    GRAFT_TRY(graft_reserve(&to->conversations, &to->capacity, n, sizeof *to->conversations));
    for (size_t i = 0; i < from->n; i++) {
        to->conversations[to->n + i] = from->conversations[i];
    }
    to->n = n;
    to->n_skipped += from->n_skipped;
    to->format = from->format != NULL ? from->format : to->format;
    from->n = 0;
    graft_dataset_clear(from);
done:
    return status;
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

static graft_status flush(reading *r)
{
    bool guessed = r->reader && r->reader->marked && !r->source->format;
    graft_batch_work work = {.path = r->source->path, .reader = r->reader, .guessed = guessed,
                             .denied = r->denied, .state = r->state, .visitor = r->visitor,
                             .looked_to = r->source->format ? SIZE_MAX : r->looked_to};
    return graft_batch__flush(&r->batch, &work);
}

/* Adds the example that a text is, or that is part `part` (from 1) of a record. `found`: what is
 * already known to be wrong with it, the last failure. */
static graft_status add(reading *r, const char *text, size_t n, size_t part, size_t line,
                        graft_status found)
{
    graft_status status = GRAFT_OK;
    if (found != GRAFT_OK && (found != GRAFT_E_DATA || r->broken)) {
        return found;
    }
    graft_record place = {.line = line, .number = r->number, .part = part,
                          .element = r->elements ? r->number : 0};
    GRAFT_TRY(graft_batch__add(&r->batch, r->source->path, text, n, &place, found));
    r->n_records++;
    if (graft_batch__full(&r->batch)) {
        GRAFT_TRY(flush(r));
    }
done:
    return status;
}

/* The same for what is no text of the file. */
static graft_status add_example(reading *r, const graft_json *record, size_t part, size_t line)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_write(&text, record, GRAFT_JSON_COMPACT));
    status = add(r, graft_text_z(&text), text.len, part, line, GRAFT_OK);
done:
    graft_text_clear(&text);
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

/* A record and its text, from which it came. */
static graft_status add_record(reading *r, const graft_json *record, const char *text, size_t n,
                               size_t line)
{
    graft_status status = GRAFT_OK;
    graft_json *parts = NULL;
    if (!graft_json_is(record, GRAFT_JSON_OBJECT)) {
        status = graft_fail(GRAFT_E_DATA, "is %s, not an object",
                            graft_json_type_name(graft_json_get_type(record)));
        return add(r, text, n, 0, line, status);
    }
    if (!r->reader && (status = detect(r, record)) != GRAFT_OK) {
        return add(r, text, n, 0, line, status);
    }
    if (r->reader->gathers) {
        return gather(r, record, line);
    }
    if (r->reader->split && (status = r->reader->split(&parts, record)) != GRAFT_OK) {
        return add(r, text, n, 0, line, status);
    }
    for (size_t i = 0; i < graft_json_length(parts); i++) {
        GRAFT_TRY(add_example(r, graft_json_at(parts, i), i + 1, line));
    }
    if (!parts) {
        status = add(r, text, n, 0, line, GRAFT_OK);
    }
done:
    graft_json_free(parts);
    return status;
}

/* A file that is one object of no known layout holds records by name, or texts. */
static graft_status add_members(reading *r, const graft_json *object, size_t line)
{
    graft_status status = GRAFT_OK;
    graft_json *made = NULL;
    graft_text text;
    graft_json_iter it = graft_json_iter_begin(object);
    graft_text_init(&text);
    while (graft_json_iter_next(&it)) {
        const graft_json *record = it.value;
        if (graft_json_is(record, GRAFT_JSON_STRING)) {
            graft_json_free(made);
            made = graft_json_new_object();
            GRAFT_TRY(graft_reader__set_shared(made, "text", record));
            record = made;
        }
        text.len = 0;
        GRAFT_TRY(graft_json_write(&text, record, GRAFT_JSON_COMPACT));
        GRAFT_TRY(add_record(r, record, graft_text_z(&text), text.len, line));
    }
done:
    graft_json_free(made);
    graft_text_clear(&text);
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
    r->number++;
    if (r->reader && !r->reader->split && !r->reader->gathers) { /* threads do the rest */
        return add(r, text, n, 0, line, GRAFT_OK);
    }
    if (graft_json_parse(&record, text, n) != GRAFT_OK) {
        r->gap = true;
        return add(r, text, n, 0, line, graft_error_code());
    }
    bool known = r->reader || graft_reader__refusal(record) || graft_reader__detect(record);
    if (whole && !known && graft_json_is(record, GRAFT_JSON_OBJECT) && is_collection(record)) {
        status = add_members(r, record, line);
    } else {
        status = add_record(r, record, text, n, line);
    }
    graft_json_free(record);
    return status;
}

/* The one example that the records of the file are together. */
static graft_status add_gathered(reading *r)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object();
    r->elements = false; /* it is all of them */
    if (r->gap) {
        status = graft_fail(GRAFT_E_DATA, "the conversation misses lines that are broken");
        status = add(r, "", 0, 0, r->gathered_line, status);
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
        GRAFT_TRY(graft_first_records_reader(&reader, &r->denied, first));
        r->looked_to = first->n;
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
    r->elements = graft_records_are_elements(records);
    GRAFT_TRY(read_records(r, records, &first));
    if (r->gathered) {
        status = add_gathered(r);
    }
done:
    graft_first_records_clear(&first);
    graft_records_close(records);
    return status;
}

/* Hands over what was read before the file turned out to be broken, and fails with that. */
static graft_status flush_after(reading *r, graft_status failed)
{
    graft_status status = GRAFT_OK;
    char *message = NULL;
    GRAFT_TRY(graft_strdup(&message, graft_error_message()));
    GRAFT_TRY(flush(r));
    status = graft_fail(failed, "%s", message);
done:
    graft_free(message);
    return status;
}

graft_status graft_source_read(const graft_source *source, const graft_record_visitor *visitor,
                               const char **format)
{
    graft_status status = GRAFT_OK;
    reading r = {.source = source, .visitor = visitor};
    if (source->format) {
        GRAFT_TRY(named_reader(&r));
    }
    status = read_file(&r);
    status = status == GRAFT_OK ? flush(&r)
             : status == GRAFT_E_DATA && !r.broken ? flush_after(&r, status) : status;
    GRAFT_TRY(status);
    if (r.n_records == 0) {
        status = graft_fail(GRAFT_E_DATA, "%s: holds no examples", source->path);
    }
done:
    *format = r.reader ? r.reader->name : NULL;
    if (r.state) {
        r.reader->close(r.state);
    }
    graft_json_free(r.gathered);
    graft_batch__clear(&r.batch);
    return status;
}

graft_status graft_record_fail(const graft_record *record)
{
    return graft_fail(record->status, "%s", record->message ? record->message : "out of memory");
}

graft_status graft_record_one_line(graft_text *out, const graft_record *record)
{
    graft_status status = GRAFT_OK;
    size_t begin = out->len;
    GRAFT_TRY(graft_text_append(out, record->text, record->n));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
    for (size_t i = begin; i + 1 < out->len; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r') {
            out->data[i] = ' ';
        }
    }
done:
    return status;
}

bool graft_record_is_made(const graft_record *record)
{
    return graft_readers_find(record->format)->apart;
}

graft_status graft_record_line(graft_text *out, graft_record *record)
{
    graft_status status = GRAFT_OK;
    if (!graft_record_is_made(record)) {
        return graft_record_one_line(out, record);
    }
    GRAFT_TRY(graft_edit__write(out, &record->conversation));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

/* --- into a dataset --- */

typedef struct collecting {
    graft_dataset *dataset;
    graft_bad_line *bad; /* NULL: the first bad line ends the reading */
    void *context;
} collecting;

static graft_status collect(void *context, graft_record *record)
{
    graft_status status = GRAFT_OK;
    collecting *c = context;
    graft_dataset *d = c->dataset;
    if (record->status == GRAFT_OK) {
        GRAFT_TRY(graft_reserve(&d->conversations, &d->capacity, d->n + 1,
                                sizeof *d->conversations));
        d->conversations[d->n++] = record->conversation;
        graft_conversation_init(&record->conversation);
    } else if (record->status != GRAFT_E_DATA || !record->message || !c->bad) {
        status = graft_record_fail(record);
    } else {
        c->bad(c->context, record->message);
        d->n_skipped++;
    }
done:
    return status;
}

graft_status graft_dataset_read_each(graft_dataset *dataset, const graft_source *source,
                                     graft_bad_line *bad, void *context)
{
    graft_status status = GRAFT_OK;
    collecting c = {dataset, bad, context};
    graft_record_visitor visitor = {.context = &c, .take = collect};
    size_t before = dataset->n, skipped = dataset->n_skipped;
    const char *format = NULL;
    status = graft_source_read(source, &visitor, &format);
    dataset->format = format ? format : dataset->format;
    GRAFT_TRY(status);
    if (dataset->n == before) {
        status = graft_fail(GRAFT_E_DATA, "%s: none of its %zu lines is usable", source->path,
                            dataset->n_skipped - skipped);
    }
done:
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
