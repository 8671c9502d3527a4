/* io/lines.h - a text file line by line; `.zst` is unpacked on the way. */
#ifndef GRAFT_IO_LINES_H
#define GRAFT_IO_LINES_H

#include <stdbool.h>

#include "core/status.h"

typedef struct graft_lines graft_lines;

/* GRAFT_E_DISK: missing, directory. Files ending in .zst are decompressed (window <= 128 MiB). */
graft_status graft_lines_open(graft_lines **out, const char *path);
/* Sets *line to the next line without its newline (and without \r), valid until the next call;
 * *line = NULL at the end. Lines longer than 64 MiB are GRAFT_E_DATA. Invalid compressed data is
 * GRAFT_E_DATA with the file name. */
graft_status graft_lines_next(graft_lines *lines, const char **line, size_t *n);
size_t graft_lines_number(const graft_lines *lines); /* 1-based number of the line just returned */
void graft_lines_close(graft_lines *lines);

#endif
