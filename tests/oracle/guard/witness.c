/* tests/oracle/guard/witness.c - a library to be preloaded: writes down what a program asks the system
 * for that graft promises not to do, and what it opens for writing. test_privacy.py reads the list.
 *
 * Lines "CALL ARGUMENT" are appended to the file that WITNESS names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void note(const char *call, const char *argument)
{
    char line[4400];
    const char *path = getenv("WITNESS");
    int n = snprintf(line, sizeof line, "%s %s\n", call, argument != NULL ? argument : "");
    int fd = path != NULL
                 ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT, 0666) : -1;
    if (fd >= 0) {
        (void)!write(fd, line, (size_t)n);
        close(fd);
    }
}

#define NEXT(type, name, parameters) ((type (*) parameters)dlsym(RTLD_NEXT, #name))

int socket(int domain, int type, int protocol)
{
    note("socket", "");
    return NEXT(int, socket, (int, int, int))(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t n)
{
    note("connect", "");
    return NEXT(int, connect, (int, const struct sockaddr *, socklen_t))(fd, address, n);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    note("execve", path);
    return NEXT(int, execve, (const char *, char *const[], char *const[]))(path, argv, envp);
}

int system(const char *command)
{
    note("system", command);
    return NEXT(int, system, (const char *))(command);
}

FILE *popen(const char *command, const char *mode)
{
    note("popen", command);
    return NEXT(FILE *, popen, (const char *, const char *))(command, mode);
}

pid_t fork(void)
{
    note("fork", "");
    return NEXT(pid_t, fork, (void))();
}

/* --- what is written --- */

static void note_open(const char *path, int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0) {
        note("write", path);
    }
}

static mode_t mode_of(int flags, va_list more)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...)                                         \
    {                                                                                  \
        va_list more;                                                                  \
        va_start(more, flags);                                                         \
        mode_t mode = mode_of(flags, more);                                            \
        va_end(more);                                                                  \
        note_open(path, flags);                                                        \
        return NEXT(int, name, (const char *, int, ...))(path, flags, mode);           \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                   \
    int name(int folder, const char *path, int flags, ...)                             \
    {                                                                                  \
        va_list more;                                                                  \
        va_start(more, flags);                                                         \
        mode_t mode = mode_of(flags, more);                                            \
        va_end(more);                                                                  \
        note_open(path, flags);                                                        \
        return NEXT(int, name, (int, const char *, int, ...))(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                    \
    FILE *name(const char *path, const char *mode)                                     \
    {                                                                                  \
        if (strpbrk(mode, "wa+") != NULL) {                                            \
            note("write", path);                                                       \
        }                                                                              \
        return NEXT(FILE *, name, (const char *, const char *))(path, mode);           \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define PATH(name)                                                                     \
    int name(const char *path)                                                         \
    {                                                                                  \
        note("write", path);                                                           \
        return NEXT(int, name, (const char *))(path);                                  \
    }
PATH(unlink)
PATH(rmdir)
PATH(remove)

int mkdir(const char *path, mode_t mode)
{
    note("mkdir", path); /* of a path's folders each is tried, those that are there as well */
    return NEXT(int, mkdir, (const char *, mode_t))(path, mode);
}

int rename(const char *from, const char *to)
{
    note("write", from);
    note("write", to);
    return NEXT(int, rename, (const char *, const char *))(from, to);
}
