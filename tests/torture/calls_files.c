/* calls_files.c - files and folders. */
#include "shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int do_open(int folder, const char *path, int flags, mode_t mode, void *caller)
{
    int error = 0;
    enum action action =
        strike((flags & O_CREAT) != 0 ? K_CREATE : K_OPEN, path, caller, &error);
    if (action == FAIL) {
        errno = error;
        return -1;
    }
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && (flags & (O_CREAT | O_TRUNC)) != 0) {
        trace_path((flags & O_TRUNC) != 0 ? "create-empty" : "create", path, fd);
    }
    after(action);
    return fd;
}

#define MODE_OF(flags)                                                                         \
    mode_t mode = 0;                                                                           \
    if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) {                                            \
        va_list args;                                                                          \
        va_start(args, flags);                                                                 \
        mode = va_arg(args, mode_t);                                                           \
        va_end(args);                                                                          \
    }

EXPORT int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(AT_FDCWD, path, flags, mode, CALLER);
}

EXPORT int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(AT_FDCWD, path, flags, mode, CALLER);
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(folder, path, flags, mode, CALLER);
}

EXPORT int openat64(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(folder, path, flags, mode, CALLER);
}

EXPORT int __open_2(const char *path, int flags)
{
    return do_open(AT_FDCWD, path, flags, 0, CALLER);
}

EXPORT int __open64_2(const char *path, int flags)
{
    return do_open(AT_FDCWD, path, flags, 0, CALLER);
}

EXPORT int creat(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode, CALLER);
}

EXPORT ssize_t read(int fd, void *bytes, size_t n)
{
    enum action action;
    return fd_fails(K_READ, fd, &action, CALLER)
               ? -1 : syscall(SYS_read, fd, bytes, action == SHORT && n > 1 ? n / 2 : n);
}

EXPORT ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    enum action action;
    return fd_fails(K_READ, fd, &action, CALLER)
               ? -1 : syscall(SYS_pread64, fd, bytes, action == SHORT && n > 1 ? n / 2 : n, offset);
}

EXPORT ssize_t pread64(int fd, void *bytes, size_t n, off_t offset)
{
    return pread(fd, bytes, n, offset);
}

/* offset < 0: where the descriptor is. */
static ssize_t do_write(int fd, const void *bytes, size_t n, off_t offset, void *caller)
{
    char path[PATH_MAX];
    int error = 0;
    const char *where = path_of(path, fd);
    enum action action = strike(K_WRITE, where, caller, &error);
    size_t wanted = (action == SHORT || action == KILL_MIDDLE) && n > 1 ? n / 2 : n;
    if (action == FAIL) {
        errno = error;
        return -1;
    }
    ssize_t done = offset < 0 ? syscall(SYS_write, fd, bytes, wanted)
                              : syscall(SYS_pwrite64, fd, bytes, wanted, offset);
    if (action == KILL_MIDDLE) {
        die();
    }
    if (done > 0 && setup.trace >= 0) {
        off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) - done : offset;
        trace_write(where, bytes, (size_t)done, at);
    }
    after(action);
    return done;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t n)
{
    return do_write(fd, bytes, n, -1, CALLER);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return do_write(fd, bytes, n, offset, CALLER);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset)
{
    return do_write(fd, bytes, n, offset, CALLER);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int n)
{
    return n > 0 ? do_write(fd, parts[0].iov_base, parts[0].iov_len, -1, CALLER) : 0;
}

static int do_sync(int fd, long call, void *caller)
{
    char path[PATH_MAX];
    enum action action;
    if (fd_fails(K_FSYNC, fd, &action, caller)) {
        return -1;
    }
    int status = (int)syscall(call, fd);
    if (status == 0) {
        trace_path("fsync", path_of(path, fd), 0);
    }
    after(action);
    return status;
}

EXPORT int fsync(int fd)
{
    return do_sync(fd, SYS_fsync, CALLER);
}

EXPORT int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync, CALLER);
}

EXPORT int close(int fd)
{
    enum action action;
    bool fails = fd_fails(K_CLOSE, fd, &action, CALLER);
    int error = errno, status = (int)syscall(SYS_close, fd); /* closed even if it fails */
    if (fails) {
        errno = error;
    }
    after(action);
    return fails ? -1 : status;
}

static int do_rename(const char *from, const char *to, unsigned flags, void *caller)
{
    int error = 0;
    enum action action = strike(K_RENAME, to, caller, &error);
    if (action == FAIL) {
        errno = error;
        return -1;
    }
    int status = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
    if (status == 0) {
        trace_rename((flags & RENAME_EXCHANGE) != 0 ? "exchange" : "rename", from, to);
    }
    after(action);
    return status;
}

EXPORT int rename(const char *from, const char *to)
{
    return do_rename(from, to, 0, CALLER);
}

/* Paths are all as seen from the working folder. */
EXPORT int renameat2(int old_folder, const char *from, int new_folder, const char *to, unsigned flags)
{
    (void)old_folder, (void)new_folder;
    return do_rename(from, to, flags, CALLER);
}

static int do_unlink(const char *path, int flags, void *caller)
{
    int error = 0;
    enum action action = strike(K_UNLINK, path, caller, &error);
    if (action == FAIL) {
        errno = error;
        return -1;
    }
    int status = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
    if (status == 0) {
        trace_path("unlink", path, 0);
    }
    after(action);
    return status;
}

EXPORT int unlink(const char *path)
{
    return do_unlink(path, 0, CALLER);
}

EXPORT int rmdir(const char *path)
{
    return do_unlink(path, AT_REMOVEDIR, CALLER);
}

EXPORT int ftruncate(int fd, off_t n)
{
    char path[PATH_MAX];
    enum action action;
    if (fd_fails(K_TRUNCATE, fd, &action, CALLER)) {
        return -1;
    }
    int status = (int)syscall(SYS_ftruncate, fd, n);
    if (status == 0) {
        trace_path("truncate", path_of(path, fd), n);
    }
    after(action);
    return status;
}

EXPORT int ftruncate64(int fd, off_t n)
{
    return ftruncate(fd, n);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t n)
{
    enum action action;
    if (fd_fails(K_TRUNCATE, fd, &action, CALLER)) {
        return -1;
    }
    return (int)syscall(SYS_fallocate, fd, mode, offset, n);
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t n)
{
    int saved = errno, error = fallocate(fd, 0, offset, n) == 0 ? 0 : errno;
    errno = saved;
    return error;
}

EXPORT int posix_fallocate64(int fd, off_t offset, off_t n)
{
    return posix_fallocate(fd, offset, n);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    int error = 0;
    enum action action = strike(K_MKDIR, path, CALLER, &error);
    if (action == FAIL) {
        errno = error;
        return -1;
    }
    int status = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (status == 0) {
        trace_path("mkdir", path, 0);
    }
    after(action);
    return status;
}

EXPORT int stat(const char *path, struct stat *info)
{
    int error = 0;
    if (strike(K_STAT, path, CALLER, &error) == FAIL) {
        errno = error;
        return -1;
    }
    return fstatat(AT_FDCWD, path, info, 0);
}

EXPORT int stat64(const char *path, struct stat64 *info)
{
    return stat(path, (struct stat *)(void *)info);
}

EXPORT int fstat(int fd, struct stat *info)
{
    enum action action;
    return fd_fails(K_STAT, fd, &action, CALLER) ? -1 : fstatat(fd, "", info, AT_EMPTY_PATH);
}

EXPORT int fstat64(int fd, struct stat64 *info)
{
    return fstat(fd, (struct stat *)(void *)info);
}

EXPORT DIR *opendir(const char *path)
{
    static DIR *(*real)(const char *);
    int error = 0;
    if (strike(K_LIST, path, CALLER, &error) == FAIL) {
        errno = error;
        return NULL;
    }
    if (real == NULL) {
        busy++;
        *(void **)&real = dlsym(RTLD_NEXT, "opendir");
        busy--;
    }
    return real(path);
}

static struct dirent *do_readdir(DIR *dir, void *caller)
{
    static struct dirent *(*real)(DIR *);
    enum action action = GO_ON;
    if (busy == 0 && fd_fails(K_LIST, dirfd(dir), &action, caller)) {
        return NULL;
    }
    if (real == NULL) {
        busy++;
        *(void **)&real = dlsym(RTLD_NEXT, "readdir");
        busy--;
    }
    return real(dir);
}

EXPORT struct dirent *readdir(DIR *dir)
{
    return do_readdir(dir, CALLER);
}

EXPORT struct dirent64 *readdir64(DIR *dir)
{
    return (struct dirent64 *)(void *)do_readdir(dir, CALLER);
}

EXPORT int flock(int fd, int operation)
{
    enum action action;
    return fd_fails(K_LOCK, fd, &action, CALLER) ? -1 : (int)syscall(SYS_flock, fd, operation);
}
