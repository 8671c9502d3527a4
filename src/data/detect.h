/* data/detect.h - which layout a file has, told by its first records. */
#ifndef GRAFT_DATA_DETECT_H
#define GRAFT_DATA_DETECT_H

#include "data/reader.h"

enum { GRAFT_FIRST_RECORDS = 32 };

/* The first records of a file as text; all zero when empty. */
typedef struct graft_first_records {
    graft_text text;
    struct {
        size_t begin, n, line; /* text.data[begin..begin + n) */
        bool whole;            /* it is the whole file */
    } records[GRAFT_FIRST_RECORDS];
    size_t n;
} graft_first_records;

void graft_first_records_clear(graft_first_records *first);
bool graft_first_records_full(const graft_first_records *first); /* enough to tell */
graft_status graft_first_records_keep(graft_first_records *first, const char *text, size_t n,
                                      size_t line, bool whole);
/* The reader that they look like they were made for; NULL if they look like nothing known. *denied:
 * one of them takes the marks of readers with `denied_by` their meaning. */
graft_status graft_first_records_reader(const graft_reader **out, bool *denied,
                                        const graft_first_records *first);

/* Fails with "unknown layout with keys ..."; list: and the known ones. */
graft_status graft_reader__unknown(const graft_json *record, bool list);

#endif
