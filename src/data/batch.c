/* batch.c - converting a batch of records on all threads, and handing it over in order. */
#include "data/batch.h"

#include <stdio.h>

#include "core/interrupt.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/threads.h"

/* Enough to keep many threads busy, little enough to stay in a large cache. */
#define BATCH_BYTES ((size_t)4 << 20)
/* Less is done before other threads have woken. */
#define ALONE_BYTES ((size_t)1 << 15)

static void empty(graft_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        graft_conversation_clear(&batch->records[i].conversation);
        graft_free(batch->records[i].message);
    }
    batch->n = 0;
    batch->text.len = 0;
}

void graft_batch__clear(graft_batch *batch)
{
    empty(batch);
    graft_free(batch->records);
    graft_text_clear(&batch->text);
    *batch = (graft_batch){0};
}

bool graft_batch__full(const graft_batch *batch)
{
    return batch->n == GRAFT_BATCH_RECORDS || batch->text.len >= BATCH_BYTES;
}

/* Keeps what the last failure said, with file and line if the line is to blame. */
static void keep_message(graft_record *record, const char *path)
{
    if (record->status == GRAFT_E_DATA && record->element > 0) {
        (void)graft_fail_prefix("element %zu", record->element);
    }
    if (record->status == GRAFT_E_DATA) {
        (void)graft_fail_prefix("%s:%zu", path, record->line);
    }
    if (graft_strdup(&record->message, graft_error_message()) != GRAFT_OK) {
        record->status = GRAFT_E_MEMORY;
    }
}

graft_status graft_batch__add(graft_batch *batch, const char *path, const char *text, size_t n,
                              const graft_record *place, graft_status detected)
{
    graft_status status = GRAFT_OK;
    graft_record record = *place;
    record.n = n;
    record.slot = batch->n;
    record.status = detected;
    graft_conversation_init(&record.conversation);
    if (detected != GRAFT_OK) {
        keep_message(&record, path);
    }
    GRAFT_TRY(graft_reserve(&batch->records, &batch->capacity, batch->n + 1,
                            sizeof *batch->records));
    GRAFT_TRY(graft_text_append(&batch->text, text, n));
    batch->records[batch->n++] = record;
    record.message = NULL;
done:
    graft_free(record.message);
    return status;
}

typedef struct flushing {
    graft_batch *batch;
    const graft_batch_work *work;
} flushing;

/* A record that is bad in a layout that was guessed may be a good one of another. */
static graft_status read_as(graft_conversation *c, const graft_batch_work *work,
                            const graft_json *json)
{
    graft_status status = graft_reader__convert(c, work->reader, work->state, json);
    return status == GRAFT_E_DATA && work->guessed
               ? graft_fail(status, "%s (read as %s; `format` names another layout)",
                            graft_error_message(), work->reader->name)
               : status;
}

/* Looks for marks where detection did not. */
static void find_late(graft_record *record, const graft_batch_work *work, const graft_json *json)
{
    if (record->number > work->looked_to) {
        const graft_reader *other = graft_reader__detect_more(work->reader, work->denied, json);
        record->late = other != work->reader ? other->name : NULL;
    }
}

static graft_status convert(graft_record *record, const graft_batch_work *work)
{
    graft_status status = GRAFT_OK;
    graft_conversation *c = &record->conversation;
    graft_json *json = NULL;
    GRAFT_TRY(graft_strdup(&c->file, work->path));
    c->line = record->line;
    GRAFT_TRY(graft_json_parse(&json, record->text, record->n));
    find_late(record, work, json);
    GRAFT_TRY(read_as(c, work, json));
done:
    if (status == GRAFT_E_DATA && record->part > 0) {
        status = graft_fail_prefix("example %zu", record->part);
    }
    if (status != GRAFT_OK) {
        graft_conversation_clear(c);
    }
    graft_json_free(json);
    return status;
}

static void convert_job(void *context, size_t job, int thread)
{
    const flushing *f = context;
    graft_record *record = &f->batch->records[job];
    record->format = f->work->reader ? f->work->reader->name : NULL;
    if (record->status == GRAFT_OK) {
        record->status = convert(record, f->work);
        if (record->status != GRAFT_OK) {
            keep_message(record, f->work->path);
        }
    }
    if (f->work->visitor->look) {
        f->work->visitor->look(f->work->visitor->context, record, thread);
    }
}

static void warn_once(graft_batch *batch, const graft_record *record, const char *path)
{
    char element[48] = "";
    if (record->late && !batch->warned) {
        if (record->element > 0) {
            snprintf(element, sizeof element, "element %zu: ", record->element);
        }
        graft_log(GRAFT_LOG_WARN, "%s:%zu: %slooks like %s, but the file is read as %s, which it "
                  "looks like before that: `format` names one for all of it", path, record->line,
                  element, record->late, record->format);
        batch->warned = true;
    }
}

graft_status graft_batch__flush(graft_batch *batch, const graft_batch_work *work)
{
    graft_status status = GRAFT_OK;
    flushing f = {batch, work};
    const graft_record_visitor *visitor = work->visitor;
    const char *text = graft_text_z(&batch->text);
    GRAFT_TRY(graft_interrupt_check());
    if (visitor->poll) {
        GRAFT_TRY(visitor->poll(visitor->context));
    }
    for (size_t i = 0; i < batch->n; i++) {
        batch->records[i].text = text;
        text += batch->records[i].n;
    }
    /* With answers conversations share values with them, whose references are not counted for
     * several threads. */
    if (work->state || batch->text.len < ALONE_BYTES) {
        for (size_t i = 0; i < batch->n; i++) {
            convert_job(&f, i, 0);
        }
    } else {
        graft_parallel(batch->n, convert_job, &f);
    }
    for (size_t i = 0; i < batch->n; i++) {
        warn_once(batch, &batch->records[i], work->path);
        GRAFT_TRY(visitor->take(visitor->context, &batch->records[i]));
    }
done:
    empty(batch);
    return status;
}
