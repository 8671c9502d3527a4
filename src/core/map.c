/* core/map.c - open addressing with linear probing, at most 5/8 full. */
#include "core/map.h"

#include <string.h>

#include "core/memory.h"

/* Both halves of the 128-bit product, folded: every input bit reaches every output bit. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t graft_hash_bytes(const void *bytes, size_t n)
{
    const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd1b54a32d192ed03u, k2 = 0x8cb92ba72f3d8dd7u;
    const unsigned char *p = bytes;
    uint64_t hash = k0 ^ (uint64_t)n;
    for (size_t left = n; left > 0;) {
        uint64_t word = 0;
        size_t take = left < 8 ? left : 8;
        memcpy(&word, p, take);
        hash = mix(hash ^ word ^ k1, k2);
        p += take;
        left -= take;
    }
    return mix(hash ^ k2, k1);
}

void graft_map_init(graft_map *map)
{
    *map = (graft_map){0};
}

void graft_map_clear(graft_map *map)
{
    graft_free(map->entries);
    graft_map_init(map);
}

/* The entry that holds the key, or the free one where it belongs. The table is never full. */
static graft_map_entry *slot_of(graft_map_entry *entries, size_t capacity, const char *key,
                                size_t key_len, uint64_t hash)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (entries[i].key != NULL) {
        if (entries[i].hash == hash && entries[i].key_len == key_len &&
            memcmp(entries[i].key, key, key_len) == 0) {
            break;
        }
        i = (i + 1) & (capacity - 1);
    }
    return &entries[i];
}

graft_status graft_map_reserve(graft_map *map, size_t n)
{
    size_t capacity = map->capacity != 0 ? map->capacity : 16;
    while (n > capacity / 8 * 5) {
        if (!graft_size_mul(capacity, 2, &capacity)) {
            return graft_fail(GRAFT_E_MEMORY, "out of memory: a map of %zu entries", n);
        }
    }
    if (capacity == map->capacity) {
        return GRAFT_OK;
    }
    graft_map_entry *entries;
    graft_status status = graft_alloc(&entries, capacity, sizeof *entries);
    if (status != GRAFT_OK) {
        return status;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        const graft_map_entry *old = &map->entries[i];
        if (old->key != NULL) {
            *slot_of(entries, capacity, old->key, old->key_len, old->hash) = *old;
        }
    }
    graft_free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return GRAFT_OK;
}

graft_status graft_map_set(graft_map *map, const char *key, size_t key_len, uint64_t value,
                           bool *was_present)
{
    graft_status status = graft_map_reserve(map, map->n + 1);
    if (status != GRAFT_OK) {
        return status;
    }
    if (key == NULL) {
        key = "";
    }
    uint64_t hash = graft_hash_bytes(key, key_len);
    graft_map_entry *entry = slot_of(map->entries, map->capacity, key, key_len, hash);
    bool present = entry->key != NULL;
    if (present) {
        entry->value = value;
    } else {
        *entry = (graft_map_entry){key, key_len, hash, value};
        map->n++;
    }
    if (was_present != NULL) {
        *was_present = present;
    }
    return GRAFT_OK;
}

bool graft_map_find(const graft_map *map, const char *key, size_t key_len, uint64_t *value)
{
    if (map->n == 0) {
        return false;
    }
    if (key == NULL) {
        key = "";
    }
    uint64_t hash = graft_hash_bytes(key, key_len);
    const graft_map_entry *entry = slot_of(map->entries, map->capacity, key, key_len, hash);
    if (entry->key == NULL) {
        return false;
    }
    if (value != NULL) {
        *value = entry->value;
    }
    return true;
}
