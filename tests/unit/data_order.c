/* The order of an epoch: every unit once, a function of its arguments, and neighbours that share. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/order.h"

enum { MAX_UNITS = 240, MAX_TOKENS = 48 };

typedef struct corpus {
    graft_example examples[MAX_UNITS];
    const graft_example *firsts[MAX_UNITS];
    int32_t ids[MAX_UNITS][MAX_TOKENS];
    float weights[MAX_UNITS][MAX_TOKENS];
    size_t n;
} corpus;

static void set_length(corpus *c, size_t i, size_t n)
{
    c->examples[i] = (graft_example){.ids = c->ids[i], .weights = c->weights[i], .n = (uint32_t)n};
    c->weights[i][n - 1] = 1;
    c->firsts[i] = &c->examples[i];
}

/* Few different tokens and short units: many are alike, or begin another one. */
static void random_corpus(corpus *c, size_t n, uint32_t stream)
{
    graft_rng rng;
    graft_rng_init(&rng, 4, GRAFT_RNG_TEST, stream);
    memset(c, 0, sizeof *c);
    c->n = n;
    for (size_t i = 0; i < n; i++) {
        size_t length = 1 + (size_t)graft_rng_below(&rng, 7);
        for (size_t k = 0; k < length; k++) {
            c->ids[i][k] = (int32_t)graft_rng_below(&rng, 3);
        }
        set_length(c, i, length);
    }
}

static int32_t family_of(size_t unit, size_t n_families)
{
    return (int32_t)(unit % n_families);
}

/* Unit i begins with the 40 tokens of family i mod n_families; its other 8 are its own. */
static void families(corpus *c, size_t n, size_t n_families)
{
    graft_rng rng;
    graft_rng_init(&rng, 5, GRAFT_RNG_TEST, 0);
    memset(c, 0, sizeof *c);
    c->n = n;
    for (size_t i = 0; i < n; i++) {
        for (int32_t k = 0; k < MAX_TOKENS; k++) {
            c->ids[i][k] = k < 40 ? 1000 + family_of(i, n_families)
                                  : (int32_t)graft_rng_below(&rng, 1000);
        }
        set_length(c, i, MAX_TOKENS);
    }
}

static size_t common(const graft_example *a, const graft_example *b)
{
    size_t n = 0;
    while (n < a->n && n < b->n && a->ids[n] == b->ids[n]) {
        n++;
    }
    return n;
}

static void check_permutation(const uint32_t *order, size_t n)
{
    bool seen[MAX_UNITS] = {false};
    for (size_t i = 0; i < n; i++) {
        assert_true(order[i] < n);
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
    }
}

static void every_unit_comes_once(void **state)
{
    static corpus c;
    uint32_t order[MAX_UNITS];
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        size_t n = i % 5 == 0 ? i % 4 : 1 + i;
        random_corpus(&c, n, i);
        graft_epoch_order_grouped(order, c.firsts, n, 1 + i % 9, i, i / 3, i % 2 == 0);
        check_permutation(order, n);
        graft_epoch_order(order, n, i, i / 3, i % 2 == 0);
        check_permutation(order, n);
    }
}

static void it_is_a_function_of_its_arguments(void **state)
{
    static corpus c;
    uint32_t one[MAX_UNITS], again[MAX_UNITS];
    uint64_t allocations = graft_alloc_count();
    (void)state;
    families(&c, MAX_UNITS, 12);
    memset(again, 0xee, sizeof again);
    graft_epoch_order_grouped(one, c.firsts, c.n, 8, 42, 3, true);
    graft_epoch_order_grouped(again, c.firsts, c.n, 8, 42, 3, true);
    assert_memory_equal(one, again, sizeof one);
    graft_epoch_order_grouped(again, c.firsts, c.n, 8, 42, 4, true);
    assert_memory_not_equal(one, again, sizeof one);
    graft_epoch_order_grouped(again, c.firsts, c.n, 8, 43, 3, true);
    assert_memory_not_equal(one, again, sizeof one);
    graft_epoch_order_grouped(one, c.firsts, c.n, 8, 42, 3, false);
    graft_epoch_order_grouped(again, c.firsts, c.n, 8, 42, 4, false);
    assert_memory_equal(one, again, sizeof one);
    assert_int_equal(graft_alloc_count(), allocations);
}

/* In one group of all units: whoever stands between two others shares at least as much with each
 * of them as they with each other. */
static void units_stand_as_in_a_prefix_tree(void **state)
{
    static corpus c;
    uint32_t order[MAX_UNITS];
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        random_corpus(&c, 60, seed);
        graft_epoch_order_grouped(order, c.firsts, c.n, c.n, seed, 0, true);
        for (size_t i = 0; i < c.n; i++) {
            for (size_t k = i + 2; k < c.n; k++) {
                const graft_example *a = c.firsts[order[i]], *b = c.firsts[order[k]];
                const graft_example *between = c.firsts[order[(i + k) / 2]];
                assert_true(common(a, between) >= common(a, b));
                assert_true(common(between, b) >= common(a, b));
            }
        }
    }
}

static void a_group_is_a_family(void **state)
{
    static corpus c;
    uint32_t order[MAX_UNITS];
    (void)state;
    families(&c, 96, 12); /* of 8 */
    for (uint32_t epoch = 0; epoch < 6; epoch++) {
        graft_epoch_order_grouped(order, c.firsts, c.n, 8, 1, epoch, epoch % 2 == 0);
        for (size_t i = 0; i < c.n; i++) {
            assert_int_equal(family_of(order[i], 12), family_of(order[i - i % 8], 12));
        }
    }
}

static void without_shuffle_groups_come_by_their_earliest_unit(void **state)
{
    static corpus c;
    uint32_t order[MAX_UNITS];
    (void)state;
    families(&c, 96, 12);
    graft_epoch_order_grouped(order, c.firsts, c.n, 8, 1, 0, false);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(order[8 * i], i);
    }
}

/* A family of two groups is divided in another way each time. */
static void units_meet_others_in_the_next_epoch(void **state)
{
    static corpus c;
    uint32_t order[MAX_UNITS];
    uint32_t partners[10] = {0}, n_different = 0;
    (void)state;
    families(&c, 16, 1);
    for (uint32_t epoch = 0; epoch < 10; epoch++) {
        size_t at = 0;
        graft_epoch_order_grouped(order, c.firsts, c.n, 8, 1, epoch, true);
        while (order[at] != 0) {
            at++;
        }
        for (size_t i = at - at % 8; i < at - at % 8 + 8; i++) {
            partners[epoch] |= 1u << order[i];
        }
        n_different += partners[epoch] != partners[0];
    }
    assert_true(n_different >= 8);
}

/* Tokens that prefix sharing saves in an epoch of steps in this order. */
static size_t saved(const corpus *c, const uint32_t *order, size_t batch_size)
{
    graft_step_layout *layout = NULL;
    graft_layout_options options = {256, true, true, 0};
    const graft_example *batch[MAX_UNITS];
    size_t sum = 0;
    assert_ok(graft_step_layout_new(&layout));
    for (size_t begin = 0; begin < c->n; begin += batch_size) {
        size_t n = c->n - begin < batch_size ? c->n - begin : batch_size;
        for (size_t i = 0; i < n; i++) {
            batch[i] = c->firsts[order[begin + i]];
        }
        assert_ok(graft_step_layout_build(layout, batch, n, &options));
        sum += graft_step_layout_saved(layout);
    }
    graft_step_layout_free(layout);
    return sum;
}

static void grouping_saves_more_than_chance(void **state)
{
    static corpus c;
    uint32_t order[MAX_UNITS];
    (void)state;
    families(&c, 230, 25);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        graft_epoch_order(order, c.n, 1, epoch, true);
        size_t plain = saved(&c, order, 8);
        graft_epoch_order_grouped(order, c.firsts, c.n, 8, 1, epoch, true);
        size_t grouped = saved(&c, order, 8);
        assert_true(grouped > 2 * plain);
        /* 25 families cut at most once each: at most 2 of 9 units pay for their beginning. */
        assert_true(grouped >= (230 - 2 * 25 - 4) * 40);
    }
}

static void a_curriculum_goes_from_short_to_long(void **state)
{
    static const uint32_t lengths[] = {5, 1, 9, 5, 1, 7};
    static const uint32_t expected[] = {4, 1, 1, 3, 0, 5, 2};
    uint32_t order[] = {4, 1, 2, 3, 1, 0, 5};
    uint64_t keys[7];
    (void)state;
    graft_order_by_length(order, 7, lengths, keys);
    assert_memory_equal(order, expected, sizeof order);
    graft_order_by_length(order, 0, lengths, keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_comes_once),
        cmocka_unit_test(it_is_a_function_of_its_arguments),
        cmocka_unit_test(units_stand_as_in_a_prefix_tree),
        cmocka_unit_test(a_group_is_a_family),
        cmocka_unit_test(without_shuffle_groups_come_by_their_earliest_unit),
        cmocka_unit_test(units_meet_others_in_the_next_epoch),
        cmocka_unit_test(grouping_saves_more_than_chance),
        cmocka_unit_test(a_curriculum_goes_from_short_to_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
