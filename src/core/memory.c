/* core/memory.c - the only caller of malloc, calloc and free. */
#include "core/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From this size on zeroed blocks come from calloc, whose fresh pages cost nothing until they are
 * touched; below it posix_memalign ends the block exactly where it was asked to end, which lets
 * the address sanitiser see every overrun. */
#define LAZY_BYTES ((size_t)1 << 20)

/* Blocks of several huge pages ask for them: a training pass walks gigabytes, and with pages of 4 KiB
 * it waits for page tables, twice as long on a virtual machine. */
enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

/* Lies in the GRAFT_ALIGN bytes before every block. */
typedef struct block_header {
    void *raw;
    size_t bytes;
} block_header;

static _Atomic uint64_t n_allocations;
static _Atomic uint64_t fail_countdown;

uint64_t graft_alloc_count(void)
{
    return atomic_load(&n_allocations);
}

void graft_alloc_fail_at(uint64_t n)
{
    atomic_store(&fail_countdown, n);
}

/* Counts one request; true if the test hook wants it to fail. */
static bool must_fail(void)
{
    atomic_fetch_add(&n_allocations, 1);
    uint64_t left = atomic_load(&fail_countdown);
    while (left != 0) {
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) {
            return left == 1;
        }
    }
    return false;
}

/* A wish: without huge pages everything works, only slower. */
static void ask_for_huge_pages(void *raw, size_t bytes)
{
    if (bytes >= (size_t)2 * HUGE_PAGE) {
        uintptr_t begin = ((uintptr_t)raw + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
        uintptr_t end = ((uintptr_t)raw + bytes) & ~(uintptr_t)(PAGE - 1);
        (void)madvise((char *)raw + (begin - (uintptr_t)raw), end - begin, MADV_HUGEPAGE);
    }
}

static void *new_block(size_t bytes, bool zeroed)
{
    size_t total;
    if (bytes > PTRDIFF_MAX || !graft_size_add(bytes, (size_t)2 * GRAFT_ALIGN, &total) ||
        must_fail()) {
        return NULL;
    }
    void *raw;
    char *block;
    if (zeroed && bytes >= LAZY_BYTES) {
        raw = calloc(1, total);
        if (raw == NULL) {
            return NULL;
        }
        ask_for_huge_pages(raw, total);
        uintptr_t start = (uintptr_t)raw + sizeof(block_header);
        uintptr_t aligned = (start + GRAFT_ALIGN - 1) & ~(uintptr_t)(GRAFT_ALIGN - 1);
        block = (char *)raw + (aligned - (uintptr_t)raw);
    } else {
        if (posix_memalign(&raw, GRAFT_ALIGN, GRAFT_ALIGN + bytes) != 0) {
            return NULL;
        }
        block = (char *)raw + GRAFT_ALIGN;
        if (zeroed) {
            memset(block, 0, bytes);
        }
    }
    block_header header = {raw, bytes};
    memcpy(block - sizeof header, &header, sizeof header);
    return block;
}

static block_header header_of(const void *block)
{
    block_header header;
    memcpy(&header, (const char *)block - sizeof header, sizeof header);
    return header;
}

static graft_status out_of_memory(size_t n, size_t size)
{
    return graft_fail(GRAFT_E_MEMORY, "out of memory: %zu x %zu bytes asked for", n, size);
}

graft_status graft_alloc(void *out, size_t n, size_t size)
{
    size_t bytes;
    void *block = graft_size_mul(n, size, &bytes) ? new_block(bytes, true) : NULL;
    memcpy(out, &block, sizeof block);
    return block != NULL ? GRAFT_OK : out_of_memory(n, size);
}

graft_status graft_realloc(void *block, size_t n, size_t size)
{
    void *old;
    memcpy(&old, block, sizeof old);
    size_t bytes;
    void *moved = graft_size_mul(n, size, &bytes) ? new_block(bytes, false) : NULL;
    if (moved == NULL) {
        return out_of_memory(n, size);
    }
    if (old != NULL) {
        size_t kept = header_of(old).bytes;
        memcpy(moved, old, kept < bytes ? kept : bytes);
        graft_free(old);
    }
    memcpy(block, &moved, sizeof moved);
    return GRAFT_OK;
}

graft_status graft_reserve(void *block, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) {
        return GRAFT_OK;
    }
    size_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < need) {
        if (!graft_size_mul(grown, 2, &grown)) {
            return out_of_memory(need, size);
        }
    }
    graft_status status = graft_realloc(block, grown, size);
    if (status == GRAFT_OK) {
        *capacity = grown;
    }
    return status;
}

graft_status graft_strndup(char **out, const char *text, size_t n)
{
    *out = NULL;
    size_t bytes;
    char *copy = graft_size_add(n, 1, &bytes) ? new_block(bytes, false) : NULL;
    if (copy == NULL) {
        return out_of_memory(n, 1);
    }
    if (n > 0) {
        memcpy(copy, text, n);
    }
    copy[n] = '\0';
    *out = copy;
    return GRAFT_OK;
}

graft_status graft_strdup(char **out, const char *text)
{
    return graft_strndup(out, text, strlen(text));
}

void graft_free(void *block)
{
    if (block != NULL) {
        free(header_of(block).raw);
    }
}

/* Both sources are asked: the system for the bulk, of which nothing is touched, and malloc for a little. A
 * large block freed to malloc would raise the size from which it maps blocks, and what grows afterwards
 * would leave its old places behind in the heap. */
graft_status graft_memory_ask(size_t bytes)
{
    void *little = new_block(PAGE, false);
    void *bulk = little == NULL ? MAP_FAILED
                                : mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool had = bulk != MAP_FAILED;
    if (had) {
        (void)munmap(bulk, bytes);
    }
    graft_free(little);
    return had ? GRAFT_OK : out_of_memory(bytes, 1);
}
