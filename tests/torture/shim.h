/* shim.h - what the parts of the shim share (shim.c says what it does).
 *
 * calls_*.c stand in for functions of the C library. Each asks graft_shim_strike what is to happen,
 * then does what the system does, through system calls or the C library's own names. */
#ifndef TORTURE_SHIM_H
#define TORTURE_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

enum kind {
    K_MALLOC, K_CALLOC, K_REALLOC, K_MEMALIGN, K_MMAP, K_THREAD, K_OPEN, K_CREATE, K_READ, K_WRITE,
    K_FSYNC, K_CLOSE, K_RENAME, K_UNLINK, K_TRUNCATE, K_MKDIR, K_STAT, K_LIST, K_LOCK, N_KINDS
};
extern const char *const kind_names[N_KINDS];

enum action { GO_ON, FAIL, SHORT, KILL_BEFORE, KILL_MIDDLE, KILL_AFTER };

/* What the environment asks for. */
struct setup {
    bool ready, reported;
    unsigned kinds;      /* that count, a bit each */
    const char *under;   /* NULL: all files */
    size_t n_under;
    char cwd[4096];
    size_t n_cwd;
    uint64_t at, times, every;
    enum action action;
    int error;
    int report, trace, data, fork_in, fork_out; /* descriptors; -1: none */
    const char *copy;
    uintptr_t own_begin, own_end; /* code of the program itself */
};
extern struct setup setup;

/* What the shim calls itself does not count. */
extern __thread int busy __attribute__((tls_model("initial-exec")));

bool is_armed(void); /* main() was entered */

/* Counts a call on `path` (NULL: none) and says what is to be done with it; *error if it is to fail. */
enum action strike(enum kind kind, const char *path, void *caller, int *error);
/* The same for a call on a descriptor: true if it is to fail, with errno set. */
bool fd_fails(enum kind kind, int fd, enum action *action, void *caller);
/* The path of a descriptor in out[4096]; NULL if nothing asks for it. */
const char *path_of(char *out, int fd);
/* As seen from the working folder, if it is below it. */
const char *from_here(const char *path);
void after(enum action action); /* a call that was made */
void die(void);                 /* at once, by SIGKILL */

/* Forks at a call; true in the child, which is struck. */
bool fork_child(uint64_t n, enum kind kind, void *caller);
void now_child(uint64_t n); /* it strikes from call n on and forks no more */

void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void describe_place(char *out, size_t size, void *caller);
int open_apart(const char *path); /* for writing, where no program expects a descriptor; -1 */
uint64_t number(const char *name, uint64_t otherwise); /* of the environment */

/* Lines of the trace; errno stays. */
void trace_path(const char *what, const char *path, long value);
void trace_rename(const char *what, const char *from, const char *to);
void trace_write(const char *path, const void *bytes, size_t n, off_t offset);

/* Blocks that were not freed: of all, of the program itself. */
void count_blocks(int64_t *all, int64_t *own);

#endif
