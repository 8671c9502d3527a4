/* What weights of datasets and the share of replay mean in units. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "train/mixing.h"

enum { N_A = 20, N_B = 30, N_REPLAY = 50, N = N_A + N_B + N_REPLAY };

static graft_example examples[N];
static graft_unit units[N];

/* Units of 10 tokens in a, 20 in b, 40 in replay. */
static void make_units(void)
{
    for (size_t i = 0; i < N; i++) {
        size_t part = i < N_A ? 0 : i < N_A + N_B ? 1 : 2;
        examples[i] = (graft_example){.n = 10u << part};
        units[i] = (graft_unit){&examples[i], 1, part};
    }
}

static graft_mix mix_of(const char *dataset, const char *replay, size_t n_units)
{
    graft_config *config = NULL;
    graft_mix mix;
    make_units();
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_set(config, "dataset", dataset));
    if (replay) {
        assert_ok(graft_config_set(config, "replay", replay));
    }
    assert_ok(graft_config_check(config));
    assert_ok(graft_mixing_init(&mix, config, units, n_units));
    graft_config_free(config);
    return mix;
}

static void weights_multiply_sizes(void **state)
{
    (void)state;
    graft_mix mix = mix_of("[\"a\", {\"path\": \"b\", \"weight\": 0.25}]", NULL, N_A + N_B);
    assert_int_equal(mix.n_parts, 2);
    assert_int_equal(mix.parts[0].per_epoch, N_A);
    assert_int_equal(mix.parts[1].per_epoch, 8); /* 7.5 */
    assert_int_equal(mix.n_slots, N_A + 8);
    assert_false(graft_mixing_is_plain(&mix));
    assert_true(fabs(graft_mixing_share(&mix, units, 1) - 160.0 / 360.0) < 1e-12);
    graft_mix_clear(&mix);
    mix = mix_of("[{\"path\": \"a\", \"weight\": 0.001}, {\"path\": \"b\", \"weight\": 2}]", NULL,
                 N_A + N_B);
    assert_int_equal(mix.parts[0].per_epoch, 1);
    assert_int_equal(mix.parts[1].per_epoch, 2 * N_B);
    graft_mix_clear(&mix);
    mix = mix_of("[\"a\", {\"path\": \"b\", \"weight\": 1}]", NULL, N_A + N_B);
    assert_true(graft_mixing_is_plain(&mix));
    graft_mix_clear(&mix);
    mix = mix_of("[\"a\", \"none\", \"none\"]", NULL, N_A); /* all of an entry may be left out */
    assert_int_equal(mix.n_slots, N_A);
    graft_mix_clear(&mix);
}

static void replay_has_its_share_of_the_tokens(void **state)
{
    static const double shares[] = {0.01, 0.1, 0.25, 0.5, 0.9};
    (void)state;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        char replay[64];
        snprintf(replay, sizeof replay, "{\"path\": \"g\", \"share\": %g}", shares[i]);
        graft_mix mix = mix_of("[\"a\", \"b\"]", replay, N);
        double others = N_A * 10 + N_B * 20, own = 40.0 * (double)mix.parts[2].per_epoch;
        /* within half a unit, but one at least */
        assert_true(fabs(own - others * shares[i] / (1 - shares[i])) <= 20.0 ||
                    mix.parts[2].per_epoch == 1);
        assert_true(fabs(graft_mixing_share(&mix, units, 2) - own / (own + others)) < 1e-12);
        assert_true(mix.spread);
        graft_mix_clear(&mix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_multiply_sizes),
        cmocka_unit_test(replay_has_its_share_of_the_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
