/* core/arena.h - memory that is given back all at once.
 *
 * An arena hands out 64-byte aligned pieces from chunks it keeps. `reset` and `release` make the
 * pieces reusable without returning anything to the system, so a training step that repeats the
 * pattern of the one before it allocates nothing. Pieces never move. */
#ifndef GRAFT_CORE_ARENA_H
#define GRAFT_CORE_ARENA_H

#include <stddef.h>

#include "core/status.h"

typedef struct graft_arena_chunk graft_arena_chunk;

typedef struct graft_arena {
    graft_arena_chunk *first;   /* all chunks, in order of creation */
    graft_arena_chunk *current; /* where the next piece comes from */
    size_t used;                /* bytes used in `current` */
    size_t in_use;              /* bytes handed out in all */
    size_t peak;                /* largest in_use since init */
    size_t chunk_bytes;         /* smallest size of a new chunk */
} graft_arena;

typedef struct graft_arena_mark {
    graft_arena_chunk *chunk;
    size_t used, in_use;
} graft_arena_mark;

/* chunk_bytes 0 takes 1 MiB. */
void graft_arena_init(graft_arena *arena, size_t chunk_bytes);
void graft_arena_clear(graft_arena *arena); /* gives everything back to the system */

/* Sets *out to n * size bytes, NOT zeroed. GRAFT_E_MEMORY on overflow or exhaustion. */
graft_status graft_arena_alloc(graft_arena *arena, void *out, size_t n, size_t size);
graft_status graft_arena_calloc(graft_arena *arena, void *out, size_t n, size_t size);

/* Everything allocated after `mark` becomes reusable. */
graft_arena_mark graft_arena_save(const graft_arena *arena);
void graft_arena_release(graft_arena *arena, graft_arena_mark mark);
void graft_arena_reset(graft_arena *arena);

/* On an empty arena: makes room for `bytes` in one piece. What is not used is never touched, so it
 * costs address space only. Pieces of one chunk leave no gaps, those of many do. */
graft_status graft_arena_reserve(graft_arena *arena, size_t bytes);

/* After a reset: if more than one chunk is in use, replaces them by one chunk that holds the
 * peak, so that later passes touch the same pages in the same order. */
graft_status graft_arena_consolidate(graft_arena *arena);

#endif
