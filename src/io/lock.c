/* io/lock.c - one process per folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"

enum { OWNER_BYTES = 160 };

struct graft_lock {
    int fd;
};

/* "process 1234 on host, since 2026-01-31T23:59:59Z". What cannot be written is only not known. */
static void write_owner(int fd)
{
    char host[64] = "", time[32], owner[OWNER_BYTES];
    (void)gethostname(host, sizeof host - 1);
    graft_clock_iso8601(time);
    int n = snprintf(owner, sizeof owner, "process %ld on %s, since %s\n", (long)getpid(),
                     host[0] != '\0' ? host : "this machine", time);
    if (n > 0 && ftruncate(fd, 0) == 0) {
        (void)graft_io__write_all(fd, owner, (size_t)n);
    }
}

/* What the owner wrote, if it looks like it; "" otherwise. */
static void read_owner(char owner[OWNER_BYTES], int fd)
{
    ssize_t n = pread(fd, owner, OWNER_BYTES - 1, 0);
    owner[n > 0 ? n : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    for (char *c = owner; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    if (strncmp(owner, "process ", 8) != 0) {
        owner[0] = '\0';
    }
}

static graft_status refuse(const char *path, int fd)
{
    char owner[OWNER_BYTES];
    read_owner(owner, fd);
    return graft_fail(GRAFT_E_CONFIG, "%s: another run is using this folder%s%s%s: wait until it "
                      "ends, stop it, or choose another output_dir", path,
                      owner[0] != '\0' ? " (" : "", owner, owner[0] != '\0' ? ")" : "");
}

static bool has_no_locks(int error)
{
    return error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK || error == EINVAL;
}

graft_status graft_lock_take(graft_lock **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_lock *lock = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&lock, 1, sizeof *lock));
    lock->fd = graft_io__calls()->open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0) {
        status = graft_io__disk_fail(path, "cannot open", errno);
        goto done;
    }
    if (graft_io__calls()->flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
        write_owner(lock->fd);
    } else if (errno == EWOULDBLOCK) {
        status = refuse(path, lock->fd);
        goto done;
    } else if (has_no_locks(errno)) {
        graft_log(GRAFT_LOG_WARN, "%s: this file system has no locks: nothing keeps a second run out "
                  "of the folder", path);
    } else {
        status = graft_io__disk_fail(path, "cannot lock", errno);
        goto done;
    }
    *out = lock;
    lock = NULL;
done:
    graft_lock_free(lock);
    return status;
}

void graft_lock_free(graft_lock *lock)
{
    if (lock != NULL) {
        if (lock->fd >= 0) {
            close(lock->fd); /* gives the lock back */
        }
        graft_free(lock);
    }
}
