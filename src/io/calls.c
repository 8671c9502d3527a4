/* io/calls.c - the table of system calls behind everything that is written. */
#include "io/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

const graft_io_calls graft_io_system_calls = {
    .open = system_open, .write = write, .fsync = fsync, .close = close, .rename = rename,
};

static const graft_io_calls *calls_in_force = &graft_io_system_calls;

void graft_io_set_calls(const graft_io_calls *calls)
{
    calls_in_force = calls != NULL ? calls : &graft_io_system_calls;
}

const graft_io_calls *graft_io__calls(void)
{
    return calls_in_force;
}

int graft_io__write_all(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t written = graft_io__calls()->write(fd, at, n);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            if (written == 0) {
                errno = ENOSPC; /* a write that makes no progress never will */
            }
            return -1;
        }
        at += written;
        n -= (size_t)written;
    }
    return 0;
}

graft_status graft_io__disk_fail(const char *path, const char *what, int error)
{
    char buffer[128];
    return graft_fail(GRAFT_E_DISK, "%s: %s: %s", path, what,
                      strerror_r(error, buffer, sizeof buffer));
}
