/* core/arena.h: alignment, marks, reuse without allocation, consolidation, failure. */
#include "support/test.h"

#include <string.h>

#include "core/arena.h"
#include "core/memory.h"

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    graft_arena arena;
    graft_arena_init(&arena, 1000);
    unsigned char *pieces[60];
    for (size_t i = 0; i < 60; i++) { /* sizes below, at and above a chunk */
        assert_ok(graft_arena_alloc(&arena, &pieces[i], i * 37, 1));
        assert_int_equal((uintptr_t)pieces[i] % GRAFT_ALIGN, 0);
        memset(pieces[i], (int)i, i * 37);
    }
    for (size_t i = 0; i < 60; i++) {
        for (size_t j = 0; j < i * 37; j++) {
            assert_int_equal(pieces[i][j], i);
        }
    }
    graft_arena_clear(&arena);
    assert_int_equal(arena.in_use, 0);
}

static void calloc_zeroes_reused_memory(void **state)
{
    (void)state;
    graft_arena arena;
    graft_arena_init(&arena, 0);
    unsigned char *piece;
    assert_ok(graft_arena_alloc(&arena, &piece, 500, 1));
    memset(piece, 0xff, 500);
    graft_arena_reset(&arena);
    unsigned char *again;
    assert_ok(graft_arena_calloc(&arena, &again, 50, 10));
    assert_ptr_equal(again, piece);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(again[i], 0);
    }
    graft_arena_clear(&arena);
}

static void release_returns_to_the_mark(void **state)
{
    (void)state;
    graft_arena arena;
    graft_arena_init(&arena, 256);
    graft_arena_mark empty = graft_arena_save(&arena);
    char *first, *second, *big, *again;
    assert_ok(graft_arena_alloc(&arena, &first, 100, 1));
    graft_arena_mark mark = graft_arena_save(&arena);
    size_t in_use = arena.in_use;
    assert_ok(graft_arena_alloc(&arena, &second, 64, 1));
    assert_ok(graft_arena_alloc(&arena, &big, 5000, 1));
    graft_arena_release(&arena, mark);
    assert_int_equal(arena.in_use, in_use);
    assert_true(arena.peak >= 100 + 64 + 5000);
    uint64_t allocations = graft_alloc_count();
    assert_ok(graft_arena_alloc(&arena, &again, 64, 1));
    assert_ptr_equal(again, second);
    assert_ok(graft_arena_alloc(&arena, &again, 5000, 1));
    assert_ptr_equal(again, big);
    graft_arena_release(&arena, empty);
    assert_int_equal(arena.in_use, 0);
    assert_ok(graft_arena_alloc(&arena, &again, 100, 1));
    assert_ptr_equal(again, first);
    assert_int_equal(graft_alloc_count(), allocations);
    graft_arena_clear(&arena);
}

static void repeated_pattern_allocates_nothing(void **state)
{
    (void)state;
    graft_arena arena;
    graft_arena_init(&arena, 1 << 10);
    char *piece, *first = NULL;
    uint64_t allocations = 0;
    for (int pass = 0; pass < 5; pass++) {
        for (size_t n = 1; n < 20; n++) {
            assert_ok(graft_arena_alloc(&arena, &piece, n * 211, 1));
            if (pass >= 1 && n == 1) {
                assert_true(first == NULL || first == piece);
                first = piece;
            }
        }
        graft_arena_reset(&arena);
        assert_ok(graft_arena_consolidate(&arena));
        if (pass == 0) {
            allocations = graft_alloc_count();
        }
    }
    assert_int_equal(graft_alloc_count(), allocations);
    graft_arena_clear(&arena);
}

static void consolidate_refuses_while_in_use(void **state)
{
    (void)state;
    graft_arena arena;
    graft_arena_init(&arena, 0);
    char *piece;
    assert_ok(graft_arena_consolidate(&arena));
    assert_ok(graft_arena_alloc(&arena, &piece, 1, 1));
    assert_fails(graft_arena_consolidate(&arena), GRAFT_E_FAILED, "in use");
    graft_arena_clear(&arena);
}

static void failure_leaves_the_arena_usable(void **state)
{
    (void)state;
    graft_arena arena;
    graft_arena_init(&arena, 256);
    char *piece;
    assert_fails(graft_arena_alloc(&arena, &piece, SIZE_MAX / 2, 4), GRAFT_E_MEMORY, "out of");
    assert_null(piece);
    assert_fails(graft_arena_alloc(&arena, &piece, SIZE_MAX - 10, 1), GRAFT_E_MEMORY, "out of");
    assert_fails(graft_arena_calloc(&arena, &piece, SIZE_MAX / 2, 1), GRAFT_E_MEMORY, "out of");
    graft_alloc_fail_at(1);
    assert_fails(graft_arena_alloc(&arena, &piece, 10, 1), GRAFT_E_MEMORY, "out of memory");
    assert_ok(graft_arena_alloc(&arena, &piece, 10, 1));
    assert_ok(graft_arena_alloc(&arena, &piece, 1000, 1));
    graft_arena_reset(&arena);
    graft_alloc_fail_at(1);
    assert_fails(graft_arena_consolidate(&arena), GRAFT_E_MEMORY, "out of memory");
    assert_ok(graft_arena_alloc(&arena, &piece, 1000, 1));
    graft_arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(calloc_zeroes_reused_memory),
        cmocka_unit_test(release_returns_to_the_mark),
        cmocka_unit_test(repeated_pattern_allocates_nothing),
        cmocka_unit_test(consolidate_refuses_while_in_use),
        cmocka_unit_test(failure_leaves_the_arena_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
