/* trace.c - every change to files, a line each: what images of a crash are made of (disk.py reads it). */
#include "shim.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_flag trace_lock = ATOMIC_FLAG_INIT;
static uint64_t data_offset;

/* The path below TORTURE_UNDER as seen from the working folder; NULL if it is elsewhere. */
static const char *traced(const char *path)
{
    if (setup.trace < 0 || path == NULL || busy > 0 || !is_armed()) {
        return NULL;
    }
    if (strcmp(path, setup.cwd) == 0) {
        return "."; /* what a folder made here is synced in */
    }
    path = from_here(path);
    return setup.under == NULL || strncmp(path, setup.under, setup.n_under) == 0 ? path : NULL;
}

static void lock_trace(void)
{
    busy++;
    while (atomic_flag_test_and_set(&trace_lock)) {
    }
}

static void unlock_trace(void)
{
    atomic_flag_clear(&trace_lock);
    busy--;
}

void trace_path(const char *what, const char *path, long value)
{
    int saved = errno;
    path = traced(path);
    if (path != NULL) {
        lock_trace();
        say(setup.trace, "%s\t%s\t%ld\n", what, path, value);
        unlock_trace();
    }
    errno = saved;
}

void trace_rename(const char *what, const char *from, const char *to)
{
    int saved = errno;
    from = traced(from);
    to = traced(to);
    if (from != NULL && to != NULL) {
        lock_trace();
        say(setup.trace, "%s\t%s\t%s\n", what, from, to);
        unlock_trace();
    }
    errno = saved;
}

void trace_write(const char *path, const void *bytes, size_t n, off_t offset)
{
    int saved = errno;
    path = traced(path);
    if (path != NULL) {
        lock_trace();
        say(setup.trace, "write\t%s\t%lld\t%zu\t%llu\n", path, (long long)offset, n,
            (unsigned long long)data_offset);
        for (size_t at = 0; at < n;) {
            long done = syscall(SYS_write, setup.data, (const char *)bytes + at, n - at);
            at += done > 0 ? (size_t)done : n;
        }
        data_offset += n;
        unlock_trace();
    }
    errno = saved;
}
