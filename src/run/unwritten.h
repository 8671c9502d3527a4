/* run/unwritten.h - files of a run that could not be written: kept in memory and tried again.
 *
 * A full disk in the middle of the night must not end a run for the sake of a table of scores. */
#ifndef GRAFT_RUN_UNWRITTEN_H
#define GRAFT_RUN_UNWRITTEN_H

#include "core/strings.h"

typedef struct graft_unwritten_file {
    char *path;
    graft_text bytes;
} graft_unwritten_file;

typedef struct graft_unwritten {
    graft_unwritten_file *files;
    size_t n, capacity;
} graft_unwritten;

void graft_unwritten_clear(graft_unwritten *unwritten);

/* graft_file_write; what the disk does not take is said and kept. An older version of it that is kept is
 * forgotten. */
graft_status graft_unwritten_write(graft_unwritten *unwritten, const char *path, const char *bytes,
                                   size_t n);

/* Tries to write what is kept. GRAFT_E_DISK, for the first that cannot be, if something remains. */
graft_status graft_unwritten_retry(graft_unwritten *unwritten);

#endif
