/* Finding duplicates among many, against comparing with all of them. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/neighbours.h"

enum { N = 12000, ELEMENTS = 100 };

/* Example i has the elements of its ancestor, some of them replaced. */
static void make(graft_signature *out, graft_rng *rng, uint64_t ancestor, size_t replaced)
{
    uint64_t elements[ELEMENTS];
    for (size_t k = 0; k < ELEMENTS; k++) {
        elements[k] = ancestor * 1000 + k;
    }
    for (size_t k = 0; k < replaced; k++) {
        elements[graft_rng_below(rng, ELEMENTS)] = (uint64_t)graft_rng_u32(rng) << 32;
    }
    graft_minhash(out, elements, ELEMENTS);
}

static void exact_ones_are_found(void **state)
{
    (void)state;
    graft_neighbours *set;
    graft_neighbour found;
    assert_ok(graft_neighbours_new(&set, 0));
    assert_false(graft_neighbours_find(&found, set, 1, NULL));
    for (uint64_t i = 0; i < 50000; i++) {
        assert_ok(graft_neighbours_add(set, i * i, NULL, i + 7));
    }
    assert_ok(graft_neighbours_add(set, 9, NULL, 1)); /* the first one stays */
    for (uint64_t i = 0; i < 50000; i++) {
        assert_true(graft_neighbours_find(&found, set, i * i, NULL));
        assert_true(found.exact && found.tag == i + 7);
        assert_int_equal(graft_neighbours_find(&found, set, i * i + 2, NULL),
                         false); /* no square */
    }
    assert_int_equal(graft_neighbours_n(set), 50001);
    assert_true(graft_neighbours_bytes(set) / 50001 <= 43);
    graft_neighbours_free(set);
}

/* The best of all by comparing with every one; SIZE_MAX if none is near enough. */
static size_t best_of_all(const graft_signature *all, size_t n, const graft_signature *wanted,
                          double near)
{
    size_t best = SIZE_MAX;
    unsigned most = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned matches = graft_minhash_matches(&all[i], wanted);
        if (matches > most) {
            most = matches;
            best = i;
        }
    }
    return graft_minhash_similarity(most) >= near ? best : SIZE_MAX;
}

static void near_ones_are_found_as_by_comparing_with_all(void **state)
{
    (void)state;
    static const double thresholds[] = {0.5, 0.7, 0.8, 0.9, 0.97, 1};
    graft_signature *all;
    graft_rng rng;
    assert_ok(graft_alloc(&all, N, sizeof *all));
    for (size_t t = 0; t < sizeof thresholds / sizeof *thresholds; t++) {
        graft_neighbours *set;
        size_t expected = 0, missed = 0;
        assert_ok(graft_neighbours_new(&set, thresholds[t]));
        graft_rng_init(&rng, 3, GRAFT_RNG_TEST, (uint32_t)t);
        for (size_t i = 0; i < N; i++) {
            graft_neighbour found;
            size_t replaced = graft_rng_below(&rng, 3) ? (size_t)graft_rng_below(&rng, 20) : 0;
            make(&all[i], &rng, graft_rng_below(&rng, N / 3), replaced);
            if (i % 6 == 5) {
                size_t best = best_of_all(all, i, &all[i], thresholds[t]);
                bool is_found = graft_neighbours_find(&found, set, i, &all[i]);
                assert_false(is_found && best == SIZE_MAX); /* never what is not near */
                expected += best != SIZE_MAX;
                missed += best != SIZE_MAX && !is_found;
                assert_true(!is_found || (!found.exact && found.similarity >= thresholds[t]));
            }
            assert_ok(graft_neighbours_add(set, i, &all[i], i));
        }
        assert_true(expected > 20);
        assert_true(missed * 100 <= expected + 100);
        graft_neighbours_free(set);
    }
    graft_free(all);
}

static void memory_is_what_the_header_says(void **state)
{
    (void)state;
    graft_neighbours *set;
    graft_signature signature;
    graft_rng rng;
    graft_rng_init(&rng, 4, GRAFT_RNG_TEST, 0);
    assert_ok(graft_neighbours_new(&set, 0.9));
    for (size_t i = 0; i < 40000; i++) {
        make(&signature, &rng, i, 0);
        assert_ok(graft_neighbours_add(set, i, &signature, i));
    }
    assert_true(graft_neighbours_bytes(set) / 40000 <= 43 + 128 + 8 * 10 + 30);
    graft_neighbours_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_ones_are_found),
        cmocka_unit_test(near_ones_are_found_as_by_comparing_with_all),
        cmocka_unit_test(memory_is_what_the_header_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
