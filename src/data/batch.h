/* data/batch.h - records on their way from text to conversations, many at a time. Used inside the
 * room. */
#ifndef GRAFT_DATA_BATCH_H
#define GRAFT_DATA_BATCH_H

#include "data/reader.h"

typedef struct graft_batch {
    graft_text text;       /* of all records, one behind the other */
    graft_record *records; /* their text is set when they are converted */
    size_t n, capacity;
    bool warned;           /* of a record behind detection that looks like another layout */
} graft_batch;

/* What is done with a batch. */
typedef struct graft_batch_work {
    const char *path;
    const graft_reader *reader; /* NULL if no record was good so far */
    bool guessed;               /* by marks in texts, which others may hold, too */
    bool denied;                /* detection found that such marks have no meaning in the file */
    size_t looked_to;           /* how many records it looked at; SIZE_MAX: `format` was named */
    void *state;
    const graft_record_visitor *visitor;
} graft_batch_work;

void graft_batch__clear(graft_batch *batch);
bool graft_batch__full(const graft_batch *batch);
/* Adds a copy of the text, a record or a part of one: line, number, element and part are those of
 * `place`. A `detected` other than GRAFT_OK, the last failure on this thread, makes the record bad at
 * once. */
graft_status graft_batch__add(graft_batch *batch, const char *path, const char *text, size_t n,
                              const graft_record *place, graft_status detected);
/* Converts the records on all threads, hands them to the visitor and empties the batch. */
graft_status graft_batch__flush(graft_batch *batch, const graft_batch_work *work);

#endif
