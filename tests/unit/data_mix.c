/* How often an epoch has each unit of a mixture. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "data/mix.h"

enum { MAX_SLOTS = 4000, MAX_UNITS = 400 };

static void draw(const graft_mix *mix, uint32_t epoch, uint32_t *slots, size_t counts[MAX_UNITS])
{
    assert_true(mix->n_slots <= MAX_SLOTS && mix->n_units <= MAX_UNITS);
    graft_mix_draw(mix, slots, epoch);
    memset(counts, 0, MAX_UNITS * sizeof *counts);
    for (size_t i = 0; i < mix->n_slots; i++) {
        assert_true(slots[i] < mix->n_units);
        counts[slots[i]]++;
    }
}

static void everything_once_is_the_order_of_the_files(void **state)
{
    static const graft_mix_part parts[] = {{7, 7}, {0, 0}, {5, 5}};
    graft_mix mix;
    uint32_t slots[MAX_SLOTS];
    (void)state;
    assert_ok(graft_mix_init(&mix, parts, 3, false, 1));
    assert_int_equal(mix.n_slots, 12);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        graft_mix_draw(&mix, slots, epoch);
        for (uint32_t i = 0; i < 12; i++) {
            assert_int_equal(slots[i], i);
        }
    }
    graft_mix_clear(&mix);
}

/* After any number of epochs no unit of a part is more than one draw ahead of another. */
static void no_unit_is_drawn_much_more_often(void **state)
{
    static const graft_mix_part parts[] = {{100, 37}, {10, 25}, {1, 3}, {200, 200}, {50, 1}};
    graft_mix mix;
    uint32_t slots[MAX_SLOTS];
    size_t counts[MAX_UNITS], sums[MAX_UNITS] = {0};
    (void)state;
    assert_ok(graft_mix_init(&mix, parts, 5, false, 7));
    for (uint32_t epoch = 0; epoch < 120; epoch++) {
        size_t at = 0;
        draw(&mix, epoch, slots, counts);
        for (size_t p = 0; p < 5; p++) {
            size_t drawn = 0, least = SIZE_MAX, most = 0;
            for (size_t i = 0; i < parts[p].n; i++, at++) {
                drawn += counts[at];
                sums[at] += counts[at];
                least = sums[at] < least ? sums[at] : least;
                most = sums[at] > most ? sums[at] : most;
            }
            assert_int_equal(drawn, parts[p].per_epoch);
            assert_true(most - least <= 1);
        }
        for (size_t i = 1; i < mix.n_slots; i++) {
            assert_true(slots[i - 1] <= slots[i]);
        }
    }
    graft_mix_clear(&mix);
}

static void it_is_a_function_of_seed_and_epoch(void **state)
{
    static const graft_mix_part parts[] = {{100, 37}, {60, 10}};
    graft_mix mix, again, other;
    uint32_t a[47], b[47];
    (void)state;
    assert_ok(graft_mix_init(&mix, parts, 2, true, 7));
    assert_ok(graft_mix_init(&again, parts, 2, true, 7));
    assert_ok(graft_mix_init(&other, parts, 2, true, 8));
    uint64_t allocations = graft_alloc_count();
    graft_mix_draw(&again, b, 3); /* what was drawn before does not matter */
    graft_mix_draw(&mix, a, 5);
    graft_mix_draw(&again, b, 5);
    assert_memory_equal(a, b, sizeof a);
    graft_mix_draw(&other, b, 5);
    assert_memory_not_equal(a, b, sizeof a);
    graft_mix_draw(&mix, b, 6);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(graft_alloc_count(), allocations);
    graft_mix_clear(&mix);
    graft_mix_clear(&again);
    graft_mix_clear(&other);
}

/* In every run of slots the last part has its share, within one. */
static void the_last_part_is_spread(void **state)
{
    static const graft_mix_part parts[] = {{100, 100}, {50, 50}, {30, 17}};
    graft_mix mix;
    uint32_t slots[MAX_SLOTS];
    size_t seen = 0;
    (void)state;
    assert_ok(graft_mix_init(&mix, parts, 3, true, 7));
    graft_mix_draw(&mix, slots, 2);
    for (size_t i = 0; i < mix.n_slots; i++) {
        double share = 17.0 * (double)(i + 1) / 167.0;
        seen += slots[i] >= 150;
        assert_true((double)seen <= share && (double)seen > share - 1);
    }
    assert_int_equal(seen, 17);
    graft_mix_clear(&mix);
}

static void mixtures_of_nothing_are_refused(void **state)
{
    static const graft_mix_part empty[] = {{5, 0}, {0, 4}}, many[] = {{2, UINT32_MAX}, {2, 1}};
    graft_mix mix;
    (void)state;
    assert_fails(graft_mix_init(&mix, empty, 2, false, 1), GRAFT_E_CONFIG, "has no examples");
    assert_fails(graft_mix_init(&mix, many, 2, false, 1), GRAFT_E_CONFIG, "an epoch of more than");
    graft_alloc_fail_at(2);
    graft_status status = graft_mix_init(&mix, (graft_mix_part[]){{3, 3}}, 1, false, 1);
    graft_alloc_fail_at(0);
    assert_int_equal(status, GRAFT_E_MEMORY);
    assert_null(mix.parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_once_is_the_order_of_the_files),
        cmocka_unit_test(no_unit_is_drawn_much_more_often),
        cmocka_unit_test(it_is_a_function_of_seed_and_epoch),
        cmocka_unit_test(the_last_part_is_spread),
        cmocka_unit_test(mixtures_of_nothing_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
