/* calls_memory.c - memory and threads. Blocks of the program itself carry a tag behind their last byte, so
 * that it is known which are never freed, whoever frees them. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TAG = sizeof(uint64_t) };

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *block);

static _Atomic int64_t live, own_live; /* blocks */

void count_blocks(int64_t *all, int64_t *own)
{
    *all = atomic_load(&live);
    *own = atomic_load(&own_live);
}

static char *tag_place(void *block)
{
    return (char *)block + malloc_usable_size(block) - TAG;
}

static uint64_t tag_of(const void *block)
{
    return (uint64_t)(uintptr_t)block ^ 0x9e3779b97f4a7c15u;
}

static bool has_tag(void *block)
{
    uint64_t found;
    memcpy(&found, tag_place(block), TAG);
    return found == tag_of(block);
}

static void write_tag(void *block, uint64_t tag)
{
    memcpy(tag_place(block), &tag, TAG);
}

static void *born(void *block, void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    if (block != NULL) {
        bool own = at >= setup.own_begin && at < setup.own_end;
        atomic_fetch_add(&live, 1);
        atomic_fetch_add(&own_live, own);
        write_tag(block, own ? tag_of(block) : 0);
    }
    return block;
}

static void gone(void *block)
{
    if (block != NULL) {
        atomic_fetch_sub(&live, 1);
        atomic_fetch_sub(&own_live, has_tag(block));
        write_tag(block, 0);
    }
}

static size_t with_tag(size_t n)
{
    return n > PTRDIFF_MAX - TAG ? PTRDIFF_MAX : n + TAG;
}

static void *resize(void *old, size_t n, void *caller)
{
    bool own = old != NULL && has_tag(old);
    if (old == NULL) {
        return born(__libc_malloc(with_tag(n)), caller);
    }
    void *block = __libc_realloc(old, with_tag(n));
    if (block != NULL) {
        write_tag(block, own ? tag_of(block) : 0);
    }
    return block;
}

static bool refused(enum kind kind, void *caller)
{
    int error = 0;
    if (strike(kind, NULL, caller, &error) == FAIL) {
        errno = error;
        return true;
    }
    return false;
}

EXPORT void *malloc(size_t n)
{
    void *block = refused(K_MALLOC, CALLER) ? NULL : __libc_malloc(with_tag(n));
    return born(block, CALLER);
}

EXPORT void *calloc(size_t n, size_t size)
{
    size_t bytes;
    void *block = __builtin_mul_overflow(n, size, &bytes) || refused(K_CALLOC, CALLER)
                      ? NULL : __libc_calloc(1, with_tag(bytes));
    return born(block, CALLER);
}

EXPORT void *realloc(void *old, size_t n)
{
    if (refused(K_REALLOC, CALLER)) {
        return NULL;
    }
    return resize(old, n, CALLER);
}

EXPORT void *reallocarray(void *old, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || refused(K_REALLOC, CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return resize(old, bytes, CALLER);
}

EXPORT void *memalign(size_t alignment, size_t n)
{
    void *block = refused(K_MEMALIGN, CALLER) ? NULL : __libc_memalign(alignment, with_tag(n));
    return born(block, CALLER);
}

EXPORT void *aligned_alloc(size_t alignment, size_t n)
{
    void *block = refused(K_MEMALIGN, CALLER) ? NULL : __libc_memalign(alignment, with_tag(n));
    return born(block, CALLER);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t n)
{
    int saved = errno;
    void *block = refused(K_MEMALIGN, CALLER) ? NULL : __libc_memalign(alignment, with_tag(n));
    born(block, CALLER);
    errno = saved;
    if (block == NULL) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

EXPORT void free(void *block)
{
    gone(block);
    __libc_free(block);
}

EXPORT void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    int error = 0;
    if (strike(K_MMAP, NULL, CALLER, &error) == FAIL) {
        errno = error;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

EXPORT void *mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, n, protection, flags, fd, offset);
}

EXPORT int pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int error = 0;
    if (strike(K_THREAD, NULL, CALLER, &error) == FAIL) {
        return error;
    }
    if (real == NULL) {
        busy++;
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
        busy--;
    }
    return real(out, attributes, run, argument);
}
