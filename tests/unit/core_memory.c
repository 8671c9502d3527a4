/* core/memory.h: alignment, zeroing, growth, overflow, the failure hook, the count. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"

static void blocks_are_aligned_and_zeroed(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100000, (1 << 20) - 1, 1 << 20, 5000001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *block;
        assert_ok(graft_alloc(&block, sizes[i], 1));
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % GRAFT_ALIGN, 0);
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(block[j], 0);
        }
        memset(block, 0xff, sizes[i]); /* so that a reused block would show */
        graft_free(block);
    }
    graft_free(NULL);
}

static void realloc_keeps_the_contents(void **state)
{
    (void)state;
    uint32_t *values = NULL;
    assert_ok(graft_realloc(&values, 10, sizeof *values));
    for (uint32_t i = 0; i < 10; i++) {
        values[i] = i * i;
    }
    assert_ok(graft_realloc(&values, 1000000, sizeof *values));
    assert_int_equal((uintptr_t)values % GRAFT_ALIGN, 0);
    assert_ok(graft_realloc(&values, 5, sizeof *values));
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(values[i], i * i);
    }
    graft_free(values);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    void *block = state;
    assert_fails(graft_alloc(&block, SIZE_MAX / 2, 3), GRAFT_E_MEMORY, "out of memory");
    assert_null(block);
    assert_fails(graft_alloc(&block, SIZE_MAX, 1), GRAFT_E_MEMORY, "out of memory");
    assert_fails(graft_alloc(&block, (size_t)PTRDIFF_MAX - 64, 1), GRAFT_E_MEMORY, "out of");
    char *text;
    assert_ok(graft_strdup(&text, "kept"));
    assert_fails(graft_realloc(&text, SIZE_MAX / 4, 8), GRAFT_E_MEMORY, "out of memory");
    assert_string_equal(text, "kept");
    size_t capacity = 5;
    assert_fails(graft_reserve(&text, &capacity, SIZE_MAX, 1), GRAFT_E_MEMORY, "out of memory");
    assert_int_equal(capacity, 5);
    assert_string_equal(text, "kept");
    graft_free(text);
}

static void reserve_doubles(void **state)
{
    (void)state;
    double *values = NULL;
    size_t capacity = 0;
    uint64_t before = graft_alloc_count();
    for (size_t n = 0; n < 1000; n++) {
        assert_ok(graft_reserve(&values, &capacity, n + 1, sizeof *values));
        values[n] = (double)n;
    }
    assert_int_equal(graft_alloc_count() - before, 8); /* 8, 16, ..., 1024 */
    assert_int_equal(capacity, 1024);
    assert_true(values[0] == 0.0 && values[999] == 999.0);
    graft_free(values);
}

static void copies_end_in_a_zero(void **state)
{
    (void)state;
    char *text;
    assert_ok(graft_strndup(&text, "abc\0def", 7));
    assert_memory_equal(text, "abc\0def", 8);
    graft_free(text);
    assert_ok(graft_strndup(&text, NULL, 0));
    assert_string_equal(text, "");
    graft_free(text);
}

static void nth_allocation_fails_once(void **state)
{
    (void)state;
    void *blocks[4] = {0};
    graft_alloc_fail_at(3);
    assert_ok(graft_alloc(&blocks[0], 8, 1));
    assert_ok(graft_realloc(&blocks[1], 8, 1));
    char *copy;
    assert_fails(graft_strdup(&copy, "x"), GRAFT_E_MEMORY, "out of memory");
    assert_null(copy);
    assert_ok(graft_alloc(&blocks[2], 8, 1));
    graft_alloc_fail_at(1);
    graft_alloc_fail_at(0);
    assert_ok(graft_alloc(&blocks[3], 8, 1));
    for (int i = 0; i < 4; i++) {
        graft_free(blocks[i]);
    }
}

static void checked_arithmetic_sees_overflow(void **state)
{
    (void)state;
    size_t out = 0;
    assert_true(graft_size_mul((size_t)1 << 31, (size_t)1 << 32, &out));
    assert_true(out == (size_t)1 << 63);
    assert_false(graft_size_mul((size_t)1 << 32, (size_t)1 << 32, &out));
    assert_true(graft_size_add(SIZE_MAX, 0, &out));
    assert_false(graft_size_add(SIZE_MAX, 1, &out));
    assert_true(graft_size_mul(0, SIZE_MAX, &out) && out == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_zeroed),
        cmocka_unit_test(realloc_keeps_the_contents),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(reserve_doubles),
        cmocka_unit_test(copies_end_in_a_zero),
        cmocka_unit_test(nth_allocation_fails_once),
        cmocka_unit_test(checked_arithmetic_sees_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
