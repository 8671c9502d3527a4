/* forks.c - children in copies of the working folder. Where one of them crashes is said in the report. */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copies a file or a whole folder; both paths are of PATH_MAX bytes and restored. */
static void copy_tree(char *from, char *to)
{
    struct stat info;
    size_t n = strlen(from), m = strlen(to);
    if (lstat(from, &info) != 0) {
        return;
    }
    if (S_ISDIR(info.st_mode)) {
        syscall(SYS_mkdirat, AT_FDCWD, to, 0777);
        DIR *dir = opendir(from);
        for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
                snprintf(from + n, PATH_MAX - n, "/%s", e->d_name);
                snprintf(to + m, PATH_MAX - m, "/%s", e->d_name);
                copy_tree(from, to);
                from[n] = to[m] = '\0';
            }
        }
        if (dir != NULL) {
            closedir(dir);
        }
        return;
    }
    int in = (int)syscall(SYS_openat, AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
    int out = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    while (in >= 0 && out >= 0 && syscall(SYS_sendfile, out, in, NULL, (size_t)1 << 20) > 0) {
    }
    syscall(SYS_close, in);
    syscall(SYS_close, out);
}

/* Files below the old working folder become their copies; others are opened anew, since parent and child
 * would share where they read. */
static void move_descriptors(void)
{
    for (int fd = 3; fd < 256; fd++) {
        char link[64], path[PATH_MAX];
        struct stat info;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n <= 0 || fstatat(fd, "", &info, AT_EMPTY_PATH) != 0 ||
            !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
            continue;
        }
        path[n] = '\0';
        bool below = (size_t)n > setup.n_cwd && memcmp(path, setup.cwd, setup.n_cwd) == 0 &&
                     path[setup.n_cwd] == '/';
        int flags = fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_DIRECTORY | O_NONBLOCK);
        int other = (int)syscall(SYS_openat, AT_FDCWD, below ? path + setup.n_cwd + 1 : path,
                                 flags | O_CLOEXEC, 0);
        if (other >= 0) {
            lseek(other, lseek(fd, 0, SEEK_CUR), SEEK_SET);
            dup3(other, fd, O_CLOEXEC);
            syscall(SYS_close, other);
        }
    }
}

/* What the program itself does when it crashes. */
static const int crashes[] = {SIGSEGV, SIGABRT, SIGALRM};
static struct sigaction its_own[3];

/* "crash PLACE": the innermost function that belongs to neither the C library nor the shim. */
static void on_crash(int signal_number, siginfo_t *info, void *context)
{
    void *frames[64];
    char place[256] = "?";
    busy++;
    int n = backtrace(frames, 64);
    for (int i = 0; i < n; i++) {
        describe_place(place, sizeof place, frames[i]);
        if (strncmp(place, "shim.so", 7) != 0 && strncmp(place, "libc.so", 7) != 0 && place[0] != '?') {
            break;
        }
    }
    say(setup.report, "crash %d %s\n", signal_number, place);
    for (int i = 0; i < 3; i++) {
        if (crashes[i] == signal_number && (its_own[i].sa_flags & SA_SIGINFO) != 0) {
            its_own[i].sa_sigaction(signal_number, info, context);
        }
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* On a stack of its own: that of the program may have overflowed. */
static void watch_crashes(void)
{
    static char stack[1 << 16];
    void *loaded[1];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaltstack(&other, NULL);
    (void)backtrace(loaded, 1); /* loads what it needs now, while there is memory */
    for (int i = 0; i < 3; i++) {
        sigaction(crashes[i], &action, &its_own[i]);
    }
}

static void redirect(int fd, const char *ending)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", setup.copy, ending);
    int to = open_apart(path);
    dup2(to, fd);
    syscall(SYS_close, to);
}

bool fork_child(uint64_t n, enum kind kind, void *caller)
{
    char from[PATH_MAX] = ".", to[PATH_MAX], place[256], go = 0;
    int status = 0;
    describe_place(place, sizeof place, caller);
    pid_t child = fork();
    if (child == 0) {
        snprintf(to, sizeof to, "%s", setup.copy);
        copy_tree(from, to);
        if (chdir(setup.copy) != 0) {
            _exit(127);
        }
        move_descriptors();
        watch_crashes();
        redirect(1, ".out");
        redirect(2, ".err");
        now_child(n);
        setup.report = open_apart(getenv("TORTURE_REPORT"));
        setup.n_cwd = getcwd(setup.cwd, sizeof setup.cwd) != NULL ? strlen(setup.cwd) : 0;
        alarm((unsigned)number("TORTURE_SECONDS", 30));
        return true;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    say(setup.fork_out, "%llu %s %d %s\n", (unsigned long long)n, kind_names[kind], status, place);
    if (syscall(SYS_read, setup.fork_in, &go, 1) != 1 || go == 'q') {
        _exit(0);
    }
    return false;
}
