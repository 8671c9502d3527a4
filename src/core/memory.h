/* core/memory.h - the door to malloc: every heap block of graft comes from here.
 *
 * Blocks are aligned to 64 bytes. The number of allocations is counted, so that a test can show
 * that a training step makes none, and the n-th one can be made to fail. */
#ifndef GRAFT_CORE_MEMORY_H
#define GRAFT_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

#define GRAFT_ALIGN 64

/* Sets *out to a new block of n * size bytes, zeroed. n or size 0 gives a valid block.
 * GRAFT_E_MEMORY on overflow or exhaustion; *out is then NULL. */
graft_status graft_alloc(void *out, size_t n, size_t size);

/* Grows or shrinks *block (may hold NULL) to n * size bytes; the new part is not zeroed.
 * On failure *block is unchanged and still owned. */
graft_status graft_realloc(void *block, size_t n, size_t size);

/* Grows *block (elements of `size` bytes, capacity *capacity) so that it holds at least `need`
 * elements, doubling. */
graft_status graft_reserve(void *block, size_t *capacity, size_t need, size_t size);

/* Copies n bytes and appends a zero byte. */
graft_status graft_strndup(char **out, const char *text, size_t n);
graft_status graft_strdup(char **out, const char *text);

void graft_free(void *block); /* accepts NULL */

/* GRAFT_E_MEMORY unless so many bytes could be had now. For libraries that do not survive a failed
 * allocation: asked before they are called. */
graft_status graft_memory_ask(size_t bytes);

/* Overflow-checked arithmetic: false on overflow. */
static inline bool graft_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool graft_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* How many blocks were requested so far in this process (alloc, realloc and dup). */
uint64_t graft_alloc_count(void);

/* Test hook: the n-th allocation from now (1-based) fails, once. 0 switches it off. */
void graft_alloc_fail_at(uint64_t n);

#endif
