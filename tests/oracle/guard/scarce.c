/* tests/oracle/guard/scarce.c - a library to be preloaded: within the library whose name begins with SCARCE_IN
 * ("libhdf5") the SCARCE_AT-th allocation fails, and all that it asks for behind it; with SCARCE_STOPS the process
 * stops at that one instead, until it is continued. test_faults.py uses it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t n);

static atomic_long n_asked;
static __thread bool busy;

static bool fails(const void *caller)
{
    Dl_info info = {0};
    const char *in = getenv("SCARCE_IN"), *at = getenv("SCARCE_AT");
    if (busy || in == NULL || at == NULL) {
        return false;
    }
    busy = true;
    bool known = dladdr(caller, &info) != 0 && info.dli_fname != NULL;
    busy = false;
    const char *slash = known ? strrchr(info.dli_fname, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : known ? info.dli_fname : "";
    if (strncmp(name, in, strlen(in)) != 0) {
        return false;
    }
    long n = atomic_fetch_add(&n_asked, 1) + 1;
    if (getenv("SCARCE_STOPS") != NULL) {
        if (n == atol(at)) {
            raise(SIGSTOP);
        }
        return false;
    }
    return n >= atol(at);
}

void *malloc(size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, n);
}
