/* io/calls.h - the system calls that read and publish files, in one table so that a test can make
 * each fail.
 *
 * Everything graft reads and writes goes through this table. The members have the meaning and the
 * errno of the calls they are named after. */
#ifndef GRAFT_IO_CALLS_H
#define GRAFT_IO_CALLS_H

#include <stddef.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "core/status.h"

typedef struct graft_io_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t n);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*exchange)(const char *a, const char *b); /* renameat2 with RENAME_EXCHANGE */
    ssize_t (*read)(int fd, void *bytes, size_t n);
    void *(*mmap)(void *at, size_t n, int protection, int flags, int fd, off_t offset);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*flock)(int fd, int operation);
    int (*statvfs)(const char *path, struct statvfs *out);
} graft_io_calls;

/* The real calls. */
extern const graft_io_calls graft_io_system_calls;

/* Test hook: replaces the table for the whole process; NULL brings the real calls back. */
void graft_io_set_calls(const graft_io_calls *calls);

/* Room-internal: the table in force. */
const graft_io_calls *graft_io__calls(void);

/* Room-internal: writes n bytes (short writes and EINTR continue) and returns how many it could. If
 * they are fewer, errno says why. */
size_t graft_io__write_some(int fd, const void *bytes, size_t n);

/* Room-internal: the same; -1 unless it could write all. */
int graft_io__write_all(int fd, const void *bytes, size_t n);

/* Room-internal: makes the new name `path` durable by syncing the folder it is in. */
graft_status graft_io__sync_parent(const char *path);

/* Room-internal: read() that is not interrupted. */
ssize_t graft_io__read(int fd, void *bytes, size_t n);

/* Room-internal: makes the names in a folder durable. Systems that cannot sync a folder say EINVAL. */
graft_status graft_io__sync_folder(const char *folder);

/* Room-internal: fails with "path: what: reason of `error`": GRAFT_E_DISK, or GRAFT_E_MEMORY if the
 * reason is ENOMEM. */
graft_status graft_io__disk_fail(const char *path, const char *what, int error);

#endif
