/* core/rng.h: the known answers of Random123 (kat_vectors, philox4x32-10), and distributions. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "core/rng.h"

static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } answers[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t out[4];
        graft_philox(answers[i].key, answers[i].counter, out);
        assert_memory_equal(out, answers[i].expected, sizeof out);
    }
}

static void sequence_is_philox_of_seed_site_stream(void **state)
{
    (void)state;
    graft_rng rng;
    graft_rng_init(&rng, 0x1122334455667788u, GRAFT_RNG_SHUFFLE, 9);
    const uint32_t key[2] = {0x55667788, 0x11223344};
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t counter[4] = {block, 0, GRAFT_RNG_SHUFFLE, 9};
        uint32_t out[4];
        graft_philox(key, counter, out);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(graft_rng_u32(&rng), out[i]);
        }
    }
}

static void below_is_uniform(void **state)
{
    (void)state;
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    unsigned counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = graft_rng_below(&rng, 7);
        assert_in_range(x, 0, 6);
        counts[x]++;
    }
    double chi2 = 0;
    for (int i = 0; i < 7; i++) {
        chi2 += (counts[i] - 1e4) * (counts[i] - 1e4) / 1e4;
    }
    assert_true(chi2 < 22.5); /* 6 degrees of freedom, p = 0.001 */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(graft_rng_below(&rng, 1), 0);
        assert_true(graft_rng_below(&rng, UINT64_MAX) < UINT64_MAX);
    }
}

static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    graft_rng rng;
    graft_rng_init(&rng, 2, GRAFT_RNG_TEST, 1);
    double sum = 0, square = 0, fourth = 0, uniform = 0;
    for (int i = 0; i < N; i++) {
        double u = graft_rng_uniform(&rng);
        assert_true(u >= 0.0 && u < 1.0);
        uniform += u / N;
        double x = graft_rng_normal(&rng);
        assert_true(isfinite(x));
        sum += x / N;
        square += x * x / N;
        fourth += x * x * x * x / N;
    }
    /* five standard errors each */
    assert_true(fabs(uniform - 0.5) < 5 * 0.2887 / sqrt(N));
    assert_true(fabs(sum) < 5 / sqrt(N));
    assert_true(fabs(square - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(fourth - 3) < 5 * sqrt(96.0 / N));
}

static void shuffle_is_a_fair_permutation(void **state)
{
    (void)state;
    unsigned first[5] = {0};
    for (uint32_t stream = 0; stream < 5000; stream++) {
        graft_rng rng;
        graft_rng_init(&rng, 3, GRAFT_RNG_SHUFFLE, stream);
        uint32_t values[5] = {0, 1, 2, 3, 4};
        graft_rng_shuffle(&rng, values, 5);
        unsigned seen = 0;
        for (int i = 0; i < 5; i++) {
            seen |= 1u << values[i];
        }
        assert_int_equal(seen, 31);
        first[values[0]]++;
    }
    for (int i = 0; i < 5; i++) { /* mean 1000, deviation 28 */
        assert_in_range(first[i], 860, 1140);
    }
    graft_rng rng;
    graft_rng_init(&rng, 3, GRAFT_RNG_SHUFFLE, 0);
    graft_rng_shuffle(&rng, NULL, 0);
}

static void streams_differ(void **state)
{
    (void)state;
    graft_rng a, b;
    graft_rng_init(&a, 5, GRAFT_RNG_INIT, 0);
    graft_rng_init(&b, 5, GRAFT_RNG_INIT, 1);
    assert_true(graft_rng_u32(&a) != graft_rng_u32(&b));
    graft_rng_init(&a, 5, GRAFT_RNG_INIT, 0);
    graft_rng_init(&b, 5, GRAFT_RNG_DROPOUT, 0);
    assert_true(graft_rng_u32(&a) != graft_rng_u32(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(sequence_is_philox_of_seed_site_stream),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(shuffle_is_a_fair_permutation),
        cmocka_unit_test(streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
