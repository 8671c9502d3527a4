/* io/lines.h - a text file line by line; `.zst` is unpacked on the way. */
#ifndef GRAFT_IO_LINES_H
#define GRAFT_IO_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct graft_lines graft_lines;

/* What a file may cost. A line is held in memory; the total stops a small compressed file from
 * unpacking for days. */
typedef struct graft_lines_limits {
    size_t line;    /* bytes of one line; default 64 MiB */
    uint64_t total; /* bytes unpacked from a .zst; default 256 GiB */
} graft_lines_limits;

/* GRAFT_E_DISK: missing, directory. Files ending in .zst are decompressed (window <= 128 MiB,
 * several frames one after another). A UTF-8 byte order mark at the start is skipped. */
graft_status graft_lines_open(graft_lines **out, const char *path);
/* The same with limits of one's own (NULL: the defaults; 0 in a member: its default). */
graft_status graft_lines_open_limited(graft_lines **out, const char *path,
                                      const graft_lines_limits *limits);
/* Sets *line to the next line without its newline (and without \r), zero-terminated (a line may
 * hold zero bytes of its own), valid until the next call; *line = NULL at the end. Lines beyond
 * the limit are GRAFT_E_DATA ("path:number: ..."), and so is broken or cut compressed data. After a
 * failure every further call fails too. */
graft_status graft_lines_next(graft_lines *lines, const char **line, size_t *n);
/* For files that are not lines after all. peek: what comes next, at least `want` bytes of it unless
 * the file ends before; nothing is taken. piece: the next bytes as they stand (newlines and a byte
 * order mark included), n = 0 at the end. Both valid until the next call. */
graft_status graft_lines_peek(graft_lines *lines, size_t want, const char **bytes, size_t *n);
graft_status graft_lines_piece(graft_lines *lines, const char **bytes, size_t *n);
size_t graft_lines_number(const graft_lines *lines); /* 1-based number of the line just returned */
void graft_lines_close(graft_lines *lines);

#endif
