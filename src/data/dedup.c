#include "data/dedup.h"

#include "core/memory.h"
#include "core/threads.h"
#include "data/fingerprint.h"
#include "data/neighbours.h"

typedef struct slot {
    graft_status status; /* of taking the fingerprints */
    uint64_t exact;
    graft_signature signature;
    graft_text made; /* what is written instead of the record's text; empty: that */
} slot;

struct graft_dedup {
    bool near, skip_bad;
    graft_writer *writer; /* borrowed */
    graft_status (*poll)(void *context);
    void *context;
    slot *slots;
    graft_shingles *shingles; /* per thread */
    size_t n_threads;
    graft_neighbours *kept;
    graft_text line;
    graft_dedup_result result;
};

graft_status graft_dedup_new(graft_dedup **out, double near, bool skip_bad, graft_writer *writer,
                             graft_status (*poll)(void *context), void *context)
{
    graft_status status = GRAFT_OK;
    graft_dedup *d = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&d, 1, sizeof *d));
    d->near = near > 0;
    d->skip_bad = skip_bad;
    d->writer = writer;
    d->poll = poll;
    d->context = context;
    GRAFT_TRY(graft_alloc(&d->slots, GRAFT_BATCH_RECORDS, sizeof *d->slots));
    GRAFT_TRY(graft_alloc(&d->shingles, (size_t)graft_threads(), sizeof *d->shingles));
    d->n_threads = (size_t)graft_threads();
    GRAFT_TRY(graft_neighbours_new(&d->kept, near));
    *out = d;
    d = NULL;
done:
    graft_dedup_free(d);
    return status;
}

void graft_dedup_free(graft_dedup *d)
{
    if (!d) {
        return;
    }
    for (size_t i = 0; i < d->n_threads; i++) {
        graft_shingles_clear(&d->shingles[i]);
    }
    for (size_t i = 0; d->slots && i < GRAFT_BATCH_RECORDS; i++) {
        graft_text_clear(&d->slots[i].made);
    }
    graft_free(d->shingles);
    graft_free(d->slots);
    graft_neighbours_free(d->kept);
    graft_text_clear(&d->line);
    graft_free(d);
}

static void look(void *context, graft_record *record, int thread)
{
    graft_dedup *d = context;
    slot *s = &d->slots[record->slot];
    s->made.len = 0;
    if (record->status == GRAFT_OK) {
        s->status = graft_fingerprints(&s->exact, d->near ? &s->signature : NULL,
                                       &d->shingles[thread], &record->conversation);
        if (s->status == GRAFT_OK && graft_record_is_made(record)) {
            s->status = graft_record_line(&s->made, record);
        }
        graft_conversation_clear(&record->conversation);
    }
}

static graft_status take(void *context, graft_record *record)
{
    graft_status status = GRAFT_OK;
    graft_dedup *d = context;
    const slot *s = &d->slots[record->slot];
    graft_neighbour like;
    if (record->status == GRAFT_E_DATA && record->message && d->skip_bad) {
        d->result.bad++;
        return GRAFT_OK;
    }
    if (record->status != GRAFT_OK) {
        return graft_record_fail(record);
    }
    if (s->status != GRAFT_OK) {
        return graft_fail(s->status, "line %zu: no memory to compare it", record->line);
    }
    d->result.examples++;
    if (graft_neighbours_find(&like, d->kept, s->exact, &s->signature)) {
        *(like.exact ? &d->result.exact : &d->result.near) += 1;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_neighbours_add(d->kept, s->exact, &s->signature, record->line));
    d->result.kept++;
    d->line.len = 0;
    if (s->made.len == 0) {
        GRAFT_TRY(graft_record_one_line(&d->line, record));
    }
    const graft_text *line = s->made.len ? &s->made : &d->line;
    GRAFT_TRY(graft_writer_write(d->writer, line->data, line->len));
done:
    return status;
}

static graft_status poll(void *context)
{
    const graft_dedup *d = context;
    return d->poll ? d->poll(d->context) : GRAFT_OK;
}

graft_status graft_dedup_read(graft_dedup *d, const graft_source *source)
{
    graft_record_visitor visitor = {d, look, take, poll};
    const char *format;
    return graft_source_read(source, &visitor, &format);
}

graft_dedup_result graft_dedup_result_get(const graft_dedup *d)
{
    graft_dedup_result result = d->result;
    result.bytes_compared = graft_neighbours_bytes(d->kept);
    return result;
}
