/* core/map.h - byte-string keys to numbers (open addressing, insertion only). */
#ifndef GRAFT_CORE_MAP_H
#define GRAFT_CORE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct graft_map_entry {
    const char *key; /* borrowed: must outlive the map */
    size_t key_len;
    uint64_t hash;
    uint64_t value;
} graft_map_entry;

typedef struct graft_map {
    graft_map_entry *entries;
    size_t n, capacity; /* capacity: 0 or a power of two */
} graft_map;

void graft_map_init(graft_map *map);
void graft_map_clear(graft_map *map);
/* Makes room for n entries in all. */
graft_status graft_map_reserve(graft_map *map, size_t n);
/* Inserts or replaces. If was_present is not NULL it tells which. */
graft_status graft_map_set(graft_map *map, const char *key, size_t key_len, uint64_t value,
                           bool *was_present);
/* false if absent; value may be NULL. */
bool graft_map_find(const graft_map *map, const char *key, size_t key_len, uint64_t *value);
/* The 64-bit hash the map uses (wyhash-like, not for security or files). */
uint64_t graft_hash_bytes(const void *bytes, size_t n);

#endif
