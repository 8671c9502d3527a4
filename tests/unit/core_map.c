/* core/map.h against a plain list. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"

static void many_keys_are_found_again(void **state)
{
    (void)state;
    enum { N = 20000 };
    static char keys[N][12];
    graft_map map;
    graft_map_init(&map);
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "key%d", i * 7);
        bool present = true;
        assert_ok(graft_map_set(&map, keys[i], strlen(keys[i]), (uint64_t)i, &present));
        assert_false(present);
    }
    assert_int_equal(map.n, N);
    for (int i = 0; i < N; i++) {
        uint64_t value = 0;
        assert_true(graft_map_find(&map, keys[i], strlen(keys[i]), &value));
        assert_int_equal(value, i);
    }
    assert_false(graft_map_find(&map, "key1", 4, NULL));
    graft_map_clear(&map);
    assert_false(graft_map_find(&map, keys[0], strlen(keys[0]), NULL));
}

static void set_replaces(void **state)
{
    (void)state;
    graft_map map;
    graft_map_init(&map);
    bool present = true;
    uint64_t value = 0;
    assert_false(graft_map_find(&map, "a", 1, NULL));
    assert_ok(graft_map_set(&map, "a", 1, 1, &present));
    assert_false(present);
    assert_ok(graft_map_set(&map, "a", 1, 2, &present));
    assert_true(present);
    assert_true(graft_map_find(&map, "a", 1, &value));
    assert_int_equal(value, 2);
    assert_int_equal(map.n, 1);
    graft_map_clear(&map);
}

static void keys_are_bytes(void **state)
{
    (void)state;
    graft_map map;
    graft_map_init(&map);
    assert_ok(graft_map_set(&map, "a\0b", 3, 1, NULL));
    assert_ok(graft_map_set(&map, "a\0c", 3, 2, NULL));
    assert_ok(graft_map_set(&map, "a", 1, 3, NULL));
    assert_ok(graft_map_set(&map, NULL, 0, 4, NULL));
    uint64_t value = 0;
    assert_true(graft_map_find(&map, "a\0b", 3, &value) && value == 1);
    assert_true(graft_map_find(&map, "a\0c", 3, &value) && value == 2);
    assert_true(graft_map_find(&map, "a", 1, &value) && value == 3);
    assert_true(graft_map_find(&map, "", 0, &value) && value == 4);
    assert_int_equal(map.n, 4);
    graft_map_clear(&map);
}

static void reserved_map_does_not_allocate(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    graft_map map;
    graft_map_init(&map);
    assert_ok(graft_map_reserve(&map, 26));
    uint64_t before = graft_alloc_count();
    for (size_t i = 0; i < 26; i++) {
        assert_ok(graft_map_set(&map, letters + i, 1, i, NULL));
    }
    assert_int_equal(graft_alloc_count(), before);
    graft_map_clear(&map);
}

static void failed_growth_keeps_the_entries(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    graft_map map;
    graft_map_init(&map);
    assert_fails(graft_map_reserve(&map, SIZE_MAX / 2), GRAFT_E_MEMORY, "out of memory");
    size_t n = 0;
    graft_alloc_fail_at(2);
    while (n < 26 && graft_map_set(&map, letters + n, 1, n, NULL) == GRAFT_OK) {
        n++;
    }
    assert_in_range(n, 1, 25);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 99;
        assert_true(graft_map_find(&map, letters + i, 1, &value));
        assert_int_equal(value, i);
    }
    assert_ok(graft_map_set(&map, letters + n, 1, n, NULL));
    graft_map_clear(&map);
}

static void hash_spreads_short_keys(void **state)
{
    (void)state;
    unsigned buckets[256] = {0};
    for (uint32_t i = 0; i < 256 * 64; i++) {
        buckets[graft_hash_bytes(&i, sizeof i) & 255]++;
    }
    for (int b = 0; b < 256; b++) { /* mean 64, deviation 8 */
        assert_in_range(buckets[b], 20, 120);
    }
    assert_true(graft_hash_bytes("a", 1) != graft_hash_bytes("a\0", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_keys_are_found_again),
        cmocka_unit_test(set_replaces),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(reserved_map_does_not_allocate),
        cmocka_unit_test(failed_growth_keeps_the_entries),
        cmocka_unit_test(hash_spreads_short_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
