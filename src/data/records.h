/* data/records.h - the records of a file as text: lines, the elements of one JSON array, or JSON
 * values that go over several lines. `.zst` is unpacked on the way. Only one record is held. */
#ifndef GRAFT_DATA_RECORDS_H
#define GRAFT_DATA_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct graft_records graft_records;

/* Which of the three it is, its first bytes tell. GRAFT_E_DISK: missing, a directory.
 * GRAFT_E_DATA: compressed without its name saying so, or UTF-16. */
graft_status graft_records_open(graft_records **out, const char *path);

/* Sets *text to the next record (NULL at the end), without white space around it, valid until the
 * next call; *line is where it begins, from 1. Whether it is JSON is for the parser to say. What
 * ends the reading is GRAFT_E_DATA with file and line: an array that is not closed, a record beyond
 * 256 MiB (a line: 64 MiB), broken compressed data. */
graft_status graft_records_next(graft_records *records, const char **text, size_t *n,
                                size_t *line);

/* Is the file one JSON array? Then several records may stand in a line. */
bool graft_records_are_elements(const graft_records *records);

/* Is the file one JSON value over several lines, and was that just returned? */
bool graft_records_whole(const graft_records *records);

void graft_records_close(graft_records *records);

#endif
