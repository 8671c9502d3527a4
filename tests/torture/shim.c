/* shim.c - makes the system fail at a chosen call: build/tests/torture/shim.so, for LD_PRELOAD.
 *
 * Calls are counted by kind (the table below). What happens at which of them is in the environment:
 *
 *   TORTURE_KIND    kinds that count, with commas: names of the table, memory, io
 *   TORTURE_UNDER   of calls on files only those below this path count, as seen from the working folder
 *   TORTURE_FROM    main (default): what is called before main() does not count; load: it does
 *   TORTURE_AT      number of the call that is struck (1: the first); without it calls are only counted
 *   TORTURE_TIMES   so many calls from there on are (default 1; 0: all)
 *   TORTURE_DO      name of an errno: the call fails with it;
 *                   short: a write takes half of its bytes; tear: and the next write finds the disk full;
 *                   kill-before, kill-middle (half of a write), kill-after: SIGKILL
 *   TORTURE_REPORT  file: what was struck, how often each kind was called, how many blocks were not freed
 *   TORTURE_TRACE   file: every change to files below TORTURE_UNDER, a line each; FILE.data: what was written
 *   TORTURE_FORKS   IN:OUT, descriptors. From TORTURE_AT on a child is forked at every TORTURE_EVERY-th call
 *                   that counts (1), and that call is struck in the child only, which works in a copy of the working
 *                   folder (TORTURE_COPY; .out and .err beside it). When the child has ended, a line goes
 *                   to OUT: number, kind, wait status, place of the call; one byte is awaited on IN. So every
 *                   call of a run can fail at the price of one run. For programs with a single thread.
 *
 * A caller that waits for nobody: all of it is for one process, without a terminal. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const kind_names[N_KINDS] = {
    "malloc", "calloc", "realloc", "memalign", "mmap", "thread", "open", "create", "read", "write",
    "fsync", "close", "rename", "unlink", "truncate", "mkdir", "stat", "list", "lock"};

static const struct {
    const char *name;
    enum action action;
    int error;
} actions[] = {
    {"ENOSPC", FAIL, ENOSPC}, {"EIO", FAIL, EIO},       {"ENOMEM", FAIL, ENOMEM},
    {"EMFILE", FAIL, EMFILE}, {"EACCES", FAIL, EACCES}, {"EROFS", FAIL, EROFS},
    {"EDQUOT", FAIL, EDQUOT}, {"EINTR", FAIL, EINTR},   {"EAGAIN", FAIL, EAGAIN},
    {"short", SHORT, 0},      {"tear", SHORT, ENOSPC},  {"kill-before", KILL_BEFORE, 0},
    {"kill-middle", KILL_MIDDLE, 0}, {"kill-after", KILL_AFTER, 0}};

struct setup setup = {.report = -1, .trace = -1, .data = -1, .fork_in = -1, .fork_out = -1};
__thread int busy __attribute__((tls_model("initial-exec")));

static atomic_bool armed;
static _Atomic uint64_t n_selected; /* calls that count */
static _Atomic uint64_t n_calls[N_KINDS];
static _Atomic uint64_t struck_at;  /* in a child: its call */

bool is_armed(void)
{
    return atomic_load(&armed);
}

/* --- what the environment asks for --- */

static unsigned parse_kinds(const char *names)
{
    unsigned kinds = 0;
    while (names != NULL && *names != '\0') {
        size_t n = strcspn(names, ",");
        for (unsigned k = 0; k < N_KINDS; k++) {
            bool memory = k <= K_MEMALIGN && n == 6 && memcmp(names, "memory", 6) == 0;
            bool io = k >= K_OPEN && n == 2 && memcmp(names, "io", 2) == 0;
            bool named = strlen(kind_names[k]) == n && memcmp(names, kind_names[k], n) == 0;
            kinds |= memory || io || named ? 1u << k : 0;
        }
        names += n + (names[n] == ',');
    }
    return kinds;
}

static void parse_action(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) == 0) {
            setup.action = actions[i].action;
            setup.error = actions[i].error;
        }
    }
}

uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int open_apart(const char *path)
{
    int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path,
                                              O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int apart = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 600);
    if (fd >= 0) {
        syscall(SYS_close, fd);
    }
    return apart;
}

static int find_own(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) {
            setup.own_begin = info->dlpi_addr + p->p_vaddr;
            setup.own_end = setup.own_begin + p->p_memsz;
        }
    }
    return 1; /* the first is the program */
}

__attribute__((constructor)) static void prepare(void)
{
    const char *from = getenv("TORTURE_FROM"), *trace = getenv("TORTURE_TRACE");
    const char *forks = getenv("TORTURE_FORKS");
    char data[PATH_MAX];
    busy++;
    setup.kinds = parse_kinds(getenv("TORTURE_KIND"));
    setup.under = getenv("TORTURE_UNDER");
    setup.n_under = setup.under != NULL ? strlen(setup.under) : 0;
    setup.n_cwd = getcwd(setup.cwd, sizeof setup.cwd) != NULL ? strlen(setup.cwd) : 0;
    setup.at = number("TORTURE_AT", 0);
    setup.times = number("TORTURE_TIMES", 1);
    setup.every = number("TORTURE_EVERY", 1);
    setup.copy = getenv("TORTURE_COPY");
    parse_action(getenv("TORTURE_DO"));
    setup.report = open_apart(getenv("TORTURE_REPORT"));
    if (trace != NULL) {
        snprintf(data, sizeof data, "%s.data", trace);
        setup.trace = open_apart(trace);
        setup.data = open_apart(data);
    }
    if (forks != NULL) {
        sscanf(forks, "%d:%d", &setup.fork_in, &setup.fork_out);
    }
    dl_iterate_phdr(find_own, NULL);
    setup.ready = true;
    atomic_store(&armed, from != NULL && strcmp(from, "load") == 0);
    busy--;
}

/* --- what is said --- */

void say(int fd, const char *format, ...)
{
    char line[PATH_MAX + 512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (fd >= 0 && n > 0) {
        syscall(SYS_write, fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
}

/* "libhdf5_serial.so.103+0x1234(H5FL_malloc)" */
void describe_place(char *out, size_t size, void *caller)
{
    Dl_info info = {0};
    if (dladdr(caller, &info) == 0 || info.dli_fname == NULL) {
        snprintf(out, size, "?");
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    snprintf(out, size, "%s+0x%lx(%s)", slash != NULL ? slash + 1 : info.dli_fname,
             (unsigned long)((uintptr_t)caller - (uintptr_t)info.dli_fbase),
             info.dli_sname != NULL ? info.dli_sname : "");
}

__attribute__((destructor)) static void report(void)
{
    int64_t all, own;
    busy++;
    if (setup.report >= 0 && !setup.reported) {
        setup.reported = true;
        count_blocks(&all, &own);
        for (unsigned k = 0; k < N_KINDS; k++) {
            say(setup.report, "%s %llu\n", kind_names[k], (unsigned long long)n_calls[k]);
        }
        say(setup.report, "selected %llu\nlive %lld\nown_live %lld\n", (unsigned long long)n_selected,
            (long long)all, (long long)own);
    }
    busy--;
}

void die(void)
{
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) {
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0); /* arm64 has no SYS_pause */
    }
}

/* --- striking --- */

static void say_struck(uint64_t n, enum kind kind, const char *path, void *caller)
{
    char place[256];
    describe_place(place, sizeof place, caller);
    say(setup.report, "struck %llu %s %s %s\n", (unsigned long long)n, kind_names[kind], place,
        path != NULL ? path : "-");
}

/* The action for this call of a kind that counts. */
static enum action choose(uint64_t n, enum kind kind, const char *path, void *caller, int *error)
{
    bool hit;
    if (setup.at == 0 || n < setup.at) {
        return GO_ON;
    }
    if (setup.fork_out >= 0) {
        hit = (n - setup.at) % setup.every == 0 && fork_child(n, kind, caller);
    } else {
        uint64_t first = atomic_load(&struck_at) != 0 ? atomic_load(&struck_at) : setup.at;
        hit = n >= first && (setup.times == 0 || n - first < setup.times);
        if (setup.action == SHORT && setup.error != 0 && n == first + 1) {
            *error = setup.error;
            return FAIL;
        }
    }
    if (!hit) {
        return GO_ON;
    }
    say_struck(n, kind, path, caller);
    *error = setup.error;
    return setup.action;
}

const char *from_here(const char *path)
{
    bool below = path != NULL && setup.n_cwd > 0 &&
                 strncmp(path, setup.cwd, setup.n_cwd) == 0 && path[setup.n_cwd] == '/';
    return below ? path + setup.n_cwd + 1 : path;
}

void now_child(uint64_t n)
{
    setup.fork_in = setup.fork_out = setup.trace = -1;
    atomic_store(&struck_at, n);
}

enum action strike(enum kind kind, const char *path, void *caller, int *error)
{
    enum action action = GO_ON;
    if (busy > 0 || !atomic_load(&armed)) {
        return GO_ON;
    }
    busy++;
    atomic_fetch_add(&n_calls[kind], 1);
    path = from_here(path);
    bool counts = (setup.kinds >> kind & 1) != 0 &&
                  (setup.under == NULL || kind < K_OPEN ||
                   (path != NULL && strncmp(path, setup.under, setup.n_under) == 0));
    if (counts) {
        action = choose(atomic_fetch_add(&n_selected, 1) + 1, kind, path, caller, error);
    }
    if (action == KILL_BEFORE || (action == KILL_MIDDLE && kind != K_WRITE)) {
        die();
    }
    busy--;
    return action;
}

const char *path_of(char *out, int fd)
{
    char link[64];
    ssize_t n;
    if (!setup.ready || busy > 0 || (setup.trace < 0 && (setup.under == NULL || setup.at == 0) &&
                                     setup.report < 0)) {
        return NULL;
    }
    busy++;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, out, PATH_MAX - 1);
    out[n < 0 ? 0 : n] = '\0';
    busy--;
    return n < 0 ? NULL : out;
}

void after(enum action action)
{
    if (action == KILL_AFTER) {
        die();
    }
}

bool fd_fails(enum kind kind, int fd, enum action *action, void *caller)
{
    char path[PATH_MAX];
    int error = 0;
    *action = strike(kind, path_of(path, fd), caller, &error);
    if (*action == FAIL) {
        errno = error;
        return true;
    }
    return false;
}

/* --- the beginning of main() --- */

typedef int main_function(int, char **, char **);
static main_function *real_main;

static int main_from_here(int argc, char **argv, char **environment)
{
    atomic_store(&armed, true);
    return real_main(argc, argv, environment);
}

EXPORT int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*end_linker)(void), void *stack_end)
{
    int (*start)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                 void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = main;
    return start(main_from_here, argc, argv, init, fini, end_linker, stack_end);
}
