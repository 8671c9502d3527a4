/* io/calls.h - the system calls that publish files, in one table so that a test can make each fail.
 *
 * Everything graft writes goes through this table. The members have the meaning and the errno of
 * the calls they are named after. */
#ifndef GRAFT_IO_CALLS_H
#define GRAFT_IO_CALLS_H

#include <stddef.h>
#include <sys/types.h>

#include "core/status.h"

typedef struct graft_io_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t n);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
} graft_io_calls;

/* The real calls. */
extern const graft_io_calls graft_io_system_calls;

/* Test hook: replaces the table for the whole process; NULL brings the real calls back. */
void graft_io_set_calls(const graft_io_calls *calls);

/* Room-internal: the table in force. */
const graft_io_calls *graft_io__calls(void);

/* Room-internal: writes all n bytes (short writes and EINTR continue). On failure errno is set and
 * -1 returned. */
int graft_io__write_all(int fd, const void *bytes, size_t n);

/* Room-internal: makes the new name `path` durable by syncing the folder it is in. */
graft_status graft_io__sync_parent(const char *path);

/* Room-internal: fails with GRAFT_E_DISK "path: what: reason of `error`". */
graft_status graft_io__disk_fail(const char *path, const char *what, int error);

#endif
