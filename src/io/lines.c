/* io/lines.c - the door to zstd: text files line by line, compressed or not. */
#include "io/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/calls.h"
#include "io/zst.h"

enum { INPUT_BYTES = 1 << 17, WINDOW_LOG_MAX = 27 };

struct graft_lines {
    char *path;
    int fd;
    graft_lines_limits limits;
    ZSTD_DStream *zstd; /* NULL for plain files */
    char *input;        /* compressed bytes */
    ZSTD_inBuffer pending;
    bool in_frame;      /* a compressed frame has begun and not ended */
    bool input_ended;
    uint64_t unpacked;
    char *buffer;       /* text; [start, end) is not yet returned, [start, seen) has no newline */
    size_t capacity, start, seen, end;
    size_t number;
    graft_status failed;
    bool at_end;
};

static graft_status open_file(graft_lines *lines)
{
    struct stat info;
    lines->fd = graft_io__calls()->open(lines->path, O_RDONLY | O_CLOEXEC, 0);
    if (lines->fd < 0) {
        return graft_io__disk_fail(lines->path, "cannot open", errno);
    }
    if (fstat(lines->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        return graft_fail(GRAFT_E_DISK, "%s: is a directory", lines->path);
    }
    return GRAFT_OK;
}

static graft_status start_zstd(graft_lines *lines)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(&lines->input, INPUT_BYTES, 1));
    lines->zstd = ZSTD_createDStream();
    if (lines->zstd == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(lines->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        status = graft_fail(GRAFT_E_MEMORY, "%s: no memory to unpack it", lines->path);
    }
done:
    return status;
}

graft_status graft_lines_open_limited(graft_lines **out, const char *path,
                                      const graft_lines_limits *limits)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&lines, 1, sizeof *lines));
    lines->fd = -1;
    if (limits != NULL) {
        lines->limits = *limits;
    }
    if (lines->limits.line == 0) {
        lines->limits.line = (size_t)64 << 20;
    }
    if (lines->limits.total == 0) {
        lines->limits.total = (uint64_t)256 << 30;
    }
    GRAFT_TRY(graft_strdup(&lines->path, path));
    GRAFT_TRY(open_file(lines));
    if (graft_str_ends_with(path, ".zst")) {
        GRAFT_TRY(start_zstd(lines));
    }
    *out = lines;
    lines = NULL;
done:
    graft_lines_close(lines);
    return status;
}

graft_status graft_lines_open(graft_lines **out, const char *path)
{
    return graft_lines_open_limited(out, path, NULL);
}

void graft_lines_close(graft_lines *lines)
{
    if (lines == NULL) {
        return;
    }
    if (lines->fd >= 0) {
        close(lines->fd);
    }
    ZSTD_freeDStream(lines->zstd);
    graft_free(lines->input);
    graft_free(lines->buffer);
    graft_free(lines->path);
    graft_free(lines);
}

/* read() of at most `room` bytes; *n = 0 at the end of the file. */
static graft_status read_file(graft_lines *lines, char *bytes, size_t room, size_t *n)
{
    ssize_t got = graft_io__read(lines->fd, bytes, room);
    if (got < 0) {
        return graft_io__disk_fail(lines->path, "cannot read", errno);
    }
    *n = (size_t)got;
    return GRAFT_OK;
}

/* Unpacks at most `room` bytes; *n = 0 at the end. */
static graft_status unpack(graft_lines *lines, char *bytes, size_t room, size_t *n)
{
    graft_status status = GRAFT_OK;
    ZSTD_outBuffer out = {bytes, room, 0};
    while (out.pos == 0) {
        size_t result;
        if (lines->pending.pos == lines->pending.size && !lines->input_ended) {
            lines->pending = (ZSTD_inBuffer){.src = lines->input};
            GRAFT_TRY(read_file(lines, lines->input, INPUT_BYTES, &lines->pending.size));
            lines->input_ended = lines->pending.size == 0;
        }
        if (lines->input_ended && !lines->in_frame) {
            break;
        }
        result = ZSTD_decompressStream(lines->zstd, &out, &lines->pending);
        if (ZSTD_isError(result)) {
            return graft_fail(GRAFT_E_DATA, "%s: broken compressed data: %s", lines->path,
                              ZSTD_getErrorName(result));
        }
        lines->in_frame = result != 0;
        if (lines->input_ended && lines->in_frame && out.pos == 0) {
            return graft_fail(GRAFT_E_DATA, "%s: the compressed data is cut off", lines->path);
        }
    }
    lines->unpacked += out.pos;
    if (lines->unpacked > lines->limits.total) {
        return graft_fail(GRAFT_E_DATA, "%s: unpacks to more than %llu bytes", lines->path,
                          (unsigned long long)lines->limits.total);
    }
    *n = out.pos;
done:
    return status;
}

/* Brings more text behind `end`; keeps one byte free for the terminator. */
static graft_status fill(graft_lines *lines)
{
    graft_status status = GRAFT_OK;
    size_t n = 0, room;
    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
        lines->seen -= lines->start;
        lines->end -= lines->start;
        lines->start = 0;
    }
    GRAFT_TRY(graft_reserve(&lines->buffer, &lines->capacity, lines->end + INPUT_BYTES + 1, 1));
    room = lines->capacity - lines->end - 1;
    GRAFT_TRY(lines->zstd != NULL ? unpack(lines, lines->buffer + lines->end, room, &n)
                                  : read_file(lines, lines->buffer + lines->end, room, &n));
    lines->at_end = n == 0;
    lines->end += n;
done:
    return status;
}

/* Ends the line at buffer[stop] and returns it. */
static void cut(graft_lines *lines, size_t stop, const char **line, size_t *n)
{
    char *text = lines->buffer + lines->start;
    size_t len = stop - lines->start;
    if (lines->number == 0 && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    text[len] = '\0';
    lines->number++;
    lines->start = stop < lines->end ? stop + 1 : stop;
    lines->seen = lines->start;
    *line = text;
    *n = len;
}

static graft_status next(graft_lines *lines, const char **line, size_t *n)
{
    graft_status status = GRAFT_OK;
    for (;;) {
        char *newline = lines->seen == lines->end
                            ? NULL
                            : memchr(lines->buffer + lines->seen, '\n', lines->end - lines->seen);
        size_t stop = newline != NULL ? (size_t)(newline - lines->buffer) : lines->end;
        lines->seen = lines->end;
        if (stop - lines->start > lines->limits.line) {
            return graft_fail(GRAFT_E_DATA, "%s:%zu: the line is longer than %zu bytes",
                              lines->path, lines->number + 1, lines->limits.line);
        }
        if (newline != NULL || (lines->at_end && lines->end > lines->start)) {
            cut(lines, stop, line, n);
            return GRAFT_OK;
        }
        if (lines->at_end) {
            return GRAFT_OK;
        }
        GRAFT_TRY(fill(lines));
    }
done:
    return status;
}

graft_status graft_lines_next(graft_lines *lines, const char **line, size_t *n)
{
    *line = NULL;
    *n = 0;
    if (lines->failed != GRAFT_OK) {
        return graft_fail(lines->failed, "%s: reading it failed before", lines->path);
    }
    lines->failed = next(lines, line, n);
    return lines->failed;
}

static graft_status look_ahead(graft_lines *lines, size_t want)
{
    graft_status status = GRAFT_OK;
    while (lines->end - lines->start < want && !lines->at_end) {
        GRAFT_TRY(fill(lines));
    }
done:
    return status;
}

graft_status graft_lines_peek(graft_lines *lines, size_t want, const char **bytes, size_t *n)
{
    *n = 0;
    if (lines->failed != GRAFT_OK) {
        return graft_fail(lines->failed, "%s: reading it failed before", lines->path);
    }
    lines->failed = look_ahead(lines, want);
    *bytes = lines->end > lines->start ? lines->buffer + lines->start : "";
    *n = lines->failed == GRAFT_OK ? lines->end - lines->start : 0;
    return lines->failed;
}

graft_status graft_lines_piece(graft_lines *lines, const char **bytes, size_t *n)
{
    graft_status status = graft_lines_peek(lines, 1, bytes, n);
    lines->start = lines->seen = lines->end;
    return status;
}

size_t graft_lines_number(const graft_lines *lines)
{
    return lines->number;
}

/* --- blocks --- */

enum { LEVEL = 3 };

size_t graft_zst_bound(size_t n)
{
    return ZSTD_compressBound(n);
}

size_t graft_zst_pack(void *out, size_t room, const void *in, size_t n)
{
    size_t made = ZSTD_compress(out, room, in, n, LEVEL);
    return ZSTD_isError(made) ? 0 : made;
}

size_t graft_zst_unpack(void *out, size_t room, const void *in, size_t n)
{
    size_t made = ZSTD_decompress(out, room, in, n);
    return ZSTD_isError(made) ? 0 : made;
}
