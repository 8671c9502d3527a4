/* io/calls.c - the table of system calls behind everything that is read and written. */
#include "io/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int system_exchange(const char *a, const char *b)
{
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

const graft_io_calls graft_io_system_calls = {
    .open = system_open,
    .write = write,
    .fsync = fsync,
    .close = close,
    .rename = rename,
    .exchange = system_exchange,
    .read = read,
    .mmap = mmap,
    .unlink = unlink,
    .mkdir = mkdir,
    .flock = flock,
    .statvfs = statvfs,
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

size_t graft_io__write_some(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    size_t left = n;
    while (left > 0) {
        ssize_t written = graft_io__calls()->write(fd, at, left);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            if (written == 0) {
                errno = ENOSPC; /* a write that makes no progress never will */
            }
            break;
        }
        at += written;
        left -= (size_t)written;
    }
    return n - left;
}

int graft_io__write_all(int fd, const void *bytes, size_t n)
{
    return graft_io__write_some(fd, bytes, n) == n ? 0 : -1;
}

ssize_t graft_io__read(int fd, void *bytes, size_t n)
{
    for (;;) {
        ssize_t got = graft_io__calls()->read(fd, bytes, n);
        if (got >= 0 || errno != EINTR) {
            return got;
        }
    }
}

graft_status graft_io__disk_fail(const char *path, const char *what, int error)
{
    char buffer[128];
    return graft_fail(error == ENOMEM ? GRAFT_E_MEMORY : GRAFT_E_DISK, "%s: %s: %s", path, what,
                      strerror_r(error, buffer, sizeof buffer));
}

graft_status graft_io__sync_folder(const char *folder)
{
    graft_status status = GRAFT_OK;
    int fd = graft_io__calls()->open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) {
        return graft_io__disk_fail(folder, "cannot open to sync it", errno);
    }
    if (graft_io__calls()->fsync(fd) != 0 && errno != EINVAL) {
        status = graft_io__disk_fail(folder, "cannot sync", errno);
    }
    (void)graft_io__calls()->close(fd);
    return status;
}
