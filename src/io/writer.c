/* io/writer.c - files that appear whole or not at all, and files that grow line by line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files_internal.h"
#include "io/held.h"

enum { BUFFER_BYTES = 1 << 16, NAME_TRIES = 100 };

struct graft_writer {
    char *path, *temporary, *folder;
    char *buffer;
    size_t buffered;
    uint64_t offset; /* bytes accepted so far */
    int fd;
};

static void writer_free(graft_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->fd >= 0) {
        (void)graft_io__calls()->close(writer->fd);
    }
    if (writer->temporary != NULL) {
        (void)graft_io__calls()->unlink(writer->temporary);
        graft_held__drop_temporary(writer->temporary);
    }
    graft_free(writer->path);
    graft_free(writer->temporary);
    graft_free(writer->folder);
    graft_free(writer->buffer);
    graft_free(writer);
}

graft_status graft_io__folder_of(char **out, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return graft_strdup(out, ".");
    }
    return graft_strndup(out, path, slash == path ? 1 : (size_t)(slash - path));
}

/* Creates the temporary file beside `path`, under a name nobody else has. */
static graft_status create_temporary(graft_writer *writer)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    for (int i = 0; i < NAME_TRIES; i++) {
        graft_text_clear(&name);
        GRAFT_TRY(graft_text_appendf(&name, "%s.tmp-%ld-%d", writer->path, (long)getpid(), i));
        writer->fd = graft_io__calls()->open(graft_text_z(&name),
                                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->fd >= 0) {
            GRAFT_TRY(graft_text_take(&name, &writer->temporary));
            graft_held__add_temporary(writer->temporary);
            goto done;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    status = graft_io__disk_fail(writer->path, "cannot create", errno);
done:
    if (writer->fd >= 0 && writer->temporary == NULL) {
        (void)graft_io__calls()->unlink(graft_text_z(&name));
    }
    graft_text_clear(&name);
    return status;
}

graft_status graft_writer_open(graft_writer **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_writer *writer = NULL;
    struct stat info;
    *out = NULL;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        return graft_fail(GRAFT_E_DISK, "%s: is %s", path,
                          S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
    }
    GRAFT_TRY(graft_alloc(&writer, 1, sizeof *writer));
    writer->fd = -1;
    GRAFT_TRY(graft_strdup(&writer->path, path));
    GRAFT_TRY(graft_io__folder_of(&writer->folder, path));
    GRAFT_TRY(graft_alloc(&writer->buffer, BUFFER_BYTES, 1));
    GRAFT_TRY(create_temporary(writer));
    *out = writer;
    writer = NULL;
done:
    writer_free(writer);
    return status;
}

static graft_status flush(graft_writer *writer)
{
    if (graft_io__write_all(writer->fd, writer->buffer, writer->buffered) != 0) {
        return graft_io__disk_fail(writer->path, "cannot write", errno);
    }
    writer->buffered = 0;
    return GRAFT_OK;
}

graft_status graft_writer_write(graft_writer *writer, const void *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    if (n > BUFFER_BYTES - writer->buffered) {
        GRAFT_TRY(flush(writer));
    }
    if (n >= BUFFER_BYTES) {
        if (graft_io__write_all(writer->fd, bytes, n) != 0) {
            return graft_io__disk_fail(writer->path, "cannot write", errno);
        }
    } else if (n > 0) {
        memcpy(writer->buffer + writer->buffered, bytes, n);
        writer->buffered += n;
    }
    writer->offset += n;
done:
    return status;
}

uint64_t graft_writer_offset(const graft_writer *writer)
{
    return writer->offset;
}

graft_status graft_io__sync_parent(const char *path)
{
    char *folder = NULL;
    graft_status status = graft_io__folder_of(&folder, path);
    status = status == GRAFT_OK ? graft_io__sync_folder(folder) : status;
    graft_free(folder);
    return status;
}

graft_status graft_writer_commit(graft_writer **writer_pointer)
{
    graft_status status = GRAFT_OK;
    graft_writer *writer = *writer_pointer;
    int closed;
    *writer_pointer = NULL;
    GRAFT_TRY(flush(writer));
    /* After a failed fsync the kernel may have dropped the dirty pages: never tried again. */
    if (graft_io__calls()->fsync(writer->fd) != 0) {
        status = graft_io__disk_fail(writer->path, "cannot sync", errno);
        goto done;
    }
    closed = graft_io__calls()->close(writer->fd);
    writer->fd = -1;
    if (closed != 0) {
        status = graft_io__disk_fail(writer->path, "cannot close", errno);
        goto done;
    }
    if (graft_io__calls()->rename(writer->temporary, writer->path) != 0) {
        status = graft_io__disk_fail(writer->path, "cannot rename the new file to it", errno);
        goto done;
    }
    graft_held__drop_temporary(writer->temporary);
    graft_free(writer->temporary);
    writer->temporary = NULL;
    status = graft_io__sync_folder(writer->folder);
done:
    writer_free(writer);
    return status;
}

void graft_writer_discard(graft_writer **writer)
{
    if (writer != NULL) {
        writer_free(*writer);
        *writer = NULL;
    }
}

graft_status graft_file_write(const char *path, const void *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_writer *writer = NULL;
    GRAFT_TRY(graft_writer_open(&writer, path));
    GRAFT_TRY(graft_writer_write(writer, bytes, n));
    GRAFT_TRY(graft_writer_commit(&writer));
done:
    graft_writer_discard(&writer);
    return status;
}

struct graft_appender {
    char *path;
    graft_text kept;  /* what is to be written; the memory stays, so that a line costs no allocation */
    size_t n_missing; /* lines in it */
    size_t n_dropped; /* lines that found no room in it */
    int fd;
};

/* A line cut by a crash must not swallow the next one. */
static graft_status end_torn_line(graft_appender *appender)
{
    char last = '\n';
    off_t size = lseek(appender->fd, 0, SEEK_END);
    ssize_t got = 1;
    do {
        got = size > 0 ? pread(appender->fd, &last, 1, size - 1) : 1;
    } while (got < 0 && errno == EINTR);
    if (got != 1) {
        return graft_io__disk_fail(appender->path, "cannot read", errno);
    }
    if (last != '\n' && graft_io__write_all(appender->fd, "\n", 1) != 0) {
        return graft_io__disk_fail(appender->path, "cannot write", errno);
    }
    return GRAFT_OK;
}

graft_status graft_appender_open(graft_appender **out, const char *path, bool truncate)
{
    graft_status status = GRAFT_OK;
    graft_appender *appender = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&appender, 1, sizeof *appender));
    appender->fd = -1;
    GRAFT_TRY(graft_strdup(&appender->path, path));
    appender->fd = graft_io__calls()->open(
        path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (truncate ? O_TRUNC : 0), 0666);
    if (appender->fd < 0) {
        status = graft_io__disk_fail(path, "cannot open for writing", errno);
        goto done;
    }
    GRAFT_TRY(end_torn_line(appender));
    *out = appender;
    appender = NULL;
done:
    graft_appender_close(appender);
    return status;
}

/* errno, or 0 if nothing is left to be written. */
static int write_kept(graft_appender *appender)
{
    graft_text *kept = &appender->kept;
    /* one write, so that lines of several processes do not mix */
    size_t n = kept->len == 0 ? 0 : graft_io__write_some(appender->fd, kept->data, kept->len);
    if (n < kept->len) {
        int error = errno;
        memmove(kept->data, kept->data + n, kept->len - n);
        kept->len -= n;
        return error;
    }
    kept->len = 0;
    appender->n_missing = 0;
    return 0;
}

graft_status graft_appender_flush(graft_appender *appender)
{
    int error = write_kept(appender);
    if (error != 0) {
        return graft_io__disk_fail(appender->path, "cannot write", error);
    }
    return appender->n_dropped == 0 ? GRAFT_OK
                                    : graft_fail(GRAFT_E_DISK, "%s: lines were lost while it could "
                                                 "not be written", appender->path);
}

graft_status graft_appender_line(graft_appender *appender, const char *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text *kept = &appender->kept;
    size_t before = kept->len;
    if (appender->n_missing > 0 && kept->len + n >= GRAFT_APPENDER_KEEPS) {
        status = graft_appender_flush(appender);
        appender->n_dropped += status != GRAFT_OK;
        GRAFT_TRY(status);
        before = kept->len;
    }
    status = graft_text_append(kept, bytes, n);
    status = status == GRAFT_OK ? graft_text_append_char(kept, '\n') : status;
    if (status != GRAFT_OK) {
        kept->len = before; /* half a line would swallow the next */
        goto done;
    }
    appender->n_missing++;
    status = graft_appender_flush(appender);
done:
    return status;
}

size_t graft_appender_missing(const graft_appender *appender)
{
    return appender->n_missing + appender->n_dropped;
}

/* Files that are no files, as /dev/full, cannot be synced and say EINVAL. */
graft_status graft_appender_sync(graft_appender *appender)
{
    if (graft_io__calls()->fsync(appender->fd) != 0 && errno != EINVAL) {
        return graft_io__disk_fail(appender->path, "cannot sync", errno);
    }
    return GRAFT_OK;
}

void graft_appender_close(graft_appender *appender)
{
    if (appender != NULL) {
        (void)write_kept(appender); /* what failed before has the message */
        if (appender->fd >= 0) {
            (void)graft_io__calls()->close(appender->fd);
        }
        graft_text_clear(&appender->kept);
        graft_free(appender->path);
        graft_free(appender);
    }
}
