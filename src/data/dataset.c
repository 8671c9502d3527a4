/* dataset.c - reading a source record by record: lines, or the elements of one JSON array. */
#include "data/dataset.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/batch.h"
#include "io/lines.h"

/* An array file is held as a whole. */
#define ARRAY_MAX_BYTES ((size_t)1 << 30)

typedef struct reading {
    const graft_source *source;
    const graft_reader *reader; /* NULL until the first good record tells */
    void *state;
    bool broken; /* not a line is bad but the answer file */
    const graft_record_visitor *visitor;
    graft_batch batch;
    size_t n_records;
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

static graft_status unknown_layout(const graft_json *record)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_append_z(&text, "unknown layout with keys"));
    graft_json_iter it = graft_json_iter_begin(record);
    for (size_t i = 0; i < 8 && graft_json_iter_next(&it); i++) {
        GRAFT_TRY(graft_text_appendf(&text, "%s \"%.40s\"", i ? "," : "", it.key));
    }
    GRAFT_TRY(graft_text_append_z(&text, "; known:"));
    for (size_t i = 0; graft_readers[i]; i++) {
        GRAFT_TRY(graft_text_appendf(&text, "%s %s %s", i ? "," : "", graft_readers[i]->name,
                                     graft_readers[i]->shape));
    }
    status = graft_fail(GRAFT_E_DATA, "%s", graft_text_z(&text));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status detect(reading *r, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    GRAFT_TRY(graft_json_parse(&record, text, n));
    if (!graft_json_is(record, GRAFT_JSON_OBJECT)) {
        status = graft_fail(GRAFT_E_DATA, "is %s, not an object",
                            graft_json_type_name(graft_json_get_type(record)));
        goto done;
    }
    for (size_t i = 0; graft_readers[i]; i++) {
        if (graft_readers[i]->matches(record)) {
            status = use_reader(r, graft_readers[i]);
            goto done;
        }
    }
    status = unknown_layout(record);
done:
    graft_json_free(record);
    return status;
}

/* --- records --- */

static graft_status flush(reading *r)
{
    graft_batch_work work = {r->source->path, r->reader, r->state, r->visitor};
    return graft_batch__flush(&r->batch, &work);
}

static graft_status add_record(reading *r, const char *text, size_t n, size_t line)
{
    graft_status status = GRAFT_OK, detected = GRAFT_OK;
    if (!r->reader) {
        detected = detect(r, text, n);
        if (detected != GRAFT_OK && (detected != GRAFT_E_DATA || r->broken)) {
            return detected;
        }
    }
    GRAFT_TRY(graft_batch__add(&r->batch, r->source->path, text, n, line, detected));
    r->n_records++;
    if (graft_batch__full(&r->batch)) {
        GRAFT_TRY(flush(r));
    }
done:
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes up to the comma or bracket that ends the array element at text[0]; n if there is none.
 * Whether the element is valid is for the parser to say. */
static size_t element_length(const char *text, size_t n)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth && (c == '}' || c == ']')) {
            depth--;
        } else if (!depth && (c == ',' || c == ']')) {
            return i;
        }
    }
    return n;
}

/* Reads the elements of the array text[0..n), whose bracket stands in `line`. */
static graft_status read_array(reading *r, const char *text, size_t n, size_t line)
{
    graft_status status = GRAFT_OK;
    size_t at = 1;
    bool first = true;
    for (;;) {
        while (at < n && is_space(text[at])) {
            line += text[at++] == '\n';
        }
        if (at < n && text[at] == ']' && first) {
            at++;
            break;
        }
        size_t length = element_length(text + at, n - at), used = length;
        while (used && is_space(text[at + used - 1])) {
            used--;
        }
        if (at + length >= n) {
            return graft_fail(GRAFT_E_DATA, "%s:%zu: the array that begins the file is not closed",
                              r->source->path, line);
        }
        GRAFT_TRY(add_record(r, text + at, used, line));
        for (size_t i = 0; i < length; i++) {
            line += text[at + i] == '\n';
        }
        at += length + 1;
        first = false;
        if (text[at - 1] == ']') {
            break;
        }
    }
    while (at < n && is_space(text[at])) {
        line += text[at++] == '\n';
    }
    if (at < n) {
        status = graft_fail(GRAFT_E_DATA, "%s:%zu: something stands behind the array",
                            r->source->path, line);
    }
done:
    return status;
}

/* Collects the rest of the file behind `first` and reads it as one array. */
static graft_status read_array_file(reading *r, graft_lines *lines, const char *first, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    size_t begin = graft_lines_number(lines);
    graft_text_init(&text);
    for (const char *line = first; line;) {
        GRAFT_TRY(graft_text_append(&text, line, n));
        GRAFT_TRY(graft_text_append_char(&text, '\n'));
        if (text.len > ARRAY_MAX_BYTES) {
            status = graft_fail(GRAFT_E_DATA, "%s: an array of more than 1 GiB (use JSON lines)",
                                r->source->path);
            goto done;
        }
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
    }
    GRAFT_TRY(read_array(r, graft_text_z(&text), text.len, begin));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status read_lines(reading *r)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    const char *line;
    size_t n;
    bool begun = false;
    GRAFT_TRY(graft_lines_open(&lines, r->source->path));
    for (;;) {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (!line) {
            break;
        }
        if (!begun && n >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
            line += 3, n -= 3; /* byte order mark */
        }
        while (n && is_space(line[0])) {
            line++, n--;
        }
        if (!n) {
            continue;
        }
        if (!begun && line[0] == '[') {
            GRAFT_TRY(read_array_file(r, lines, line, n));
            break;
        }
        begun = true;
        GRAFT_TRY(add_record(r, line, n, graft_lines_number(lines)));
    }
done:
    graft_lines_close(lines);
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
    status = read_lines(&r);
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
