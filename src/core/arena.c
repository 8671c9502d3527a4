/* core/arena.c - chunks in a list; a piece is a step forward in the current one. */
#include "core/arena.h"

#include <stdbool.h>
#include <string.h>

#include "core/memory.h"

/* The pieces follow the header, which fills one alignment unit. */
struct graft_arena_chunk {
    graft_arena_chunk *next;
    size_t bytes;
};

_Static_assert(sizeof(graft_arena_chunk) <= GRAFT_ALIGN, "the chunk header has one unit");

void graft_arena_init(graft_arena *arena, size_t chunk_bytes)
{
    *arena = (graft_arena){.chunk_bytes = chunk_bytes != 0 ? chunk_bytes : (size_t)1 << 20};
}

void graft_arena_clear(graft_arena *arena)
{
    graft_arena_chunk *chunk = arena->first;
    while (chunk != NULL) {
        graft_arena_chunk *next = chunk->next;
        graft_free(chunk);
        chunk = next;
    }
    graft_arena_init(arena, arena->chunk_bytes);
}

static bool round_up(size_t bytes, size_t *out)
{
    if (!graft_size_add(bytes, GRAFT_ALIGN - 1, out)) {
        return false;
    }
    *out &= ~(size_t)(GRAFT_ALIGN - 1);
    return true;
}

/* Appends a chunk with room for `bytes` and makes it the current one. */
static graft_status add_chunk(graft_arena *arena, size_t bytes)
{
    size_t room = bytes > arena->chunk_bytes ? bytes : arena->chunk_bytes;
    size_t total;
    if (!graft_size_add(room, GRAFT_ALIGN, &total)) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: %zu bytes asked for", room);
    }
    graft_arena_chunk *chunk = NULL;
    graft_status status = graft_realloc(&chunk, total, 1);
    if (status != GRAFT_OK) {
        return status;
    }
    *chunk = (graft_arena_chunk){.bytes = room};
    graft_arena_chunk **link = arena->current != NULL ? &arena->current->next : &arena->first;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = chunk;
    arena->current = chunk;
    arena->used = 0;
    return GRAFT_OK;
}

graft_status graft_arena_alloc(graft_arena *arena, void *out, size_t n, size_t size)
{
    void *piece = NULL;
    memcpy(out, &piece, sizeof piece);
    size_t bytes;
    if (!graft_size_mul(n, size, &bytes) || !round_up(bytes != 0 ? bytes : 1, &bytes)) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: %zu x %zu bytes asked for", n, size);
    }
    if (arena->current == NULL) {
        arena->current = arena->first;
        arena->used = 0;
    }
    while (arena->current != NULL && bytes > arena->current->bytes - arena->used) {
        if (arena->current->next == NULL) {
            break;
        }
        arena->current = arena->current->next;
        arena->used = 0;
    }
    if (arena->current == NULL || bytes > arena->current->bytes - arena->used) {
        graft_status status = add_chunk(arena, bytes);
        if (status != GRAFT_OK) {
            return status;
        }
    }
    piece = (char *)arena->current + GRAFT_ALIGN + arena->used;
    memcpy(out, &piece, sizeof piece);
    arena->used += bytes;
    arena->in_use += bytes;
    if (arena->in_use > arena->peak) {
        arena->peak = arena->in_use;
    }
    return GRAFT_OK;
}

graft_status graft_arena_calloc(graft_arena *arena, void *out, size_t n, size_t size)
{
    graft_status status = graft_arena_alloc(arena, out, n, size);
    if (status == GRAFT_OK) {
        void *piece;
        memcpy(&piece, out, sizeof piece);
        memset(piece, 0, n * size);
    }
    return status;
}

graft_arena_mark graft_arena_save(const graft_arena *arena)
{
    return (graft_arena_mark){arena->current, arena->used, arena->in_use};
}

void graft_arena_release(graft_arena *arena, graft_arena_mark mark)
{
    arena->current = mark.chunk != NULL ? mark.chunk : arena->first;
    arena->used = mark.chunk != NULL ? mark.used : 0;
    arena->in_use = mark.in_use;
}

void graft_arena_reset(graft_arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
    arena->in_use = 0;
}

graft_status graft_arena_reserve(graft_arena *arena, size_t bytes)
{
    if (arena->in_use != 0) {
        return graft_fail(GRAFT_E_FAILED, "arena: reserved while %zu bytes are in use",
                          arena->in_use);
    }
    if (arena->first != NULL && arena->first->bytes >= bytes) {
        return GRAFT_OK;
    }
    size_t peak = arena->peak;
    graft_arena_clear(arena);
    arena->peak = peak;
    return add_chunk(arena, bytes);
}

graft_status graft_arena_consolidate(graft_arena *arena)
{
    if (arena->in_use != 0) {
        return graft_fail(GRAFT_E_FAILED, "arena: consolidated while %zu bytes are in use",
                          arena->in_use);
    }
    if (arena->first == NULL || arena->first->next == NULL) {
        return GRAFT_OK;
    }
    size_t peak = arena->peak;
    graft_arena_clear(arena);
    arena->peak = peak;
    return add_chunk(arena, peak);
}
