/* Attention at every level over random forests of spans, against the formula in double; the bits
 * of the forward pass over every way to lay out and to group the same rows. */
#include "support/attention.h"

#include <math.h>
#include <string.h>

static void forests_at_level(const graft_kernels *kernels)
{
    static const size_t heads[][3] = {{2, 2, 16}, {6, 2, 64}, {3, 1, 48}, {2, 1, 5}, {1, 1, 128},
                                     {2, 1, 80}, {2, 2, 96}, {1, 1, 100}, {2, 1, 256}};
    problem p;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        problem_heads(&p, heads[i][0], heads[i][1], heads[i][2]);
        problem_forest(&p, 2 + graft_rng_below(&problem_rng, 12), 50);
        problem_check(kernels, &p, true);
    }
    problem_heads(&p, 1, 1, GRAFT_MAX_D_HEAD);
    problem_forest(&p, 3, 20);
    problem_check(kernels, &p, true);
    problem_heads(&p, 2, 1, 32); /* one long span, nothing shared */
    problem_span(&p, -1, 0, 203);
    problem_check(kernels, &p, true);
    problem_heads(&p, 2, 1, 32); /* a chain of very short ones */
    for (int s = 0; s < MAX_SPANS; s++) {
        problem_span(&p, s - 1, 0, 1 + (size_t)s % 4);
    }
    problem_check(kernels, &p, true);
    problem_heads(&p, 4, 4, 8); /* packed examples without parents, one of one token */
    problem_span(&p, -1, 0, 70);
    problem_span(&p, -1, 0, 1);
    problem_span(&p, -1, 0, 33);
    problem_check(kernels, &p, true);
}

/* Long contexts, whole and as a tree over a long trunk. */
static void long_at_level(const graft_kernels *kernels)
{
    problem p;
    problem_heads(&p, 1, 1, 32);
    problem_span(&p, -1, 0, 1500);
    problem_check(kernels, &p, true);
    problem_heads(&p, 1, 1, 32);
    problem_span(&p, -1, 0, 1100);
    problem_span(&p, 0, 0, 300);
    problem_span(&p, 0, 0, 77);
    problem_span(&p, 1, 0, 150);
    problem_check(kernels, &p, true);
}

static void long_contexts(void **state)
{
    (void)state;
    test_each_level(&problem_rng, long_at_level);
}

static void forests(void **state)
{
    (void)state;
    test_each_level(&problem_rng, forests_at_level);
}

static void cached_with(const graft_kernels *kernels, size_t window, double softcap)
{
    problem p;
    problem_heads(&p, 6, 3, 64);
    p.a.window = window;
    p.a.softcap = (graft_real)softcap;
    problem_span(&p, -1, 150, 0); /* a shared prefix, all of it cached */
    problem_span(&p, 0, 20, 1);   /* two replies that grow by a token, one by several */
    problem_span(&p, 0, 0, 1);
    problem_span(&p, 0, 3, 9);
    problem_span(&p, -1, 64, 1); /* and one of another conversation */
    problem_check(kernels, &p, false);
}

static void cached_at_level(const graft_kernels *kernels)
{
    cached_with(kernels, 0, 0);
    cached_with(kernels, 30, 0);
    cached_with(kernels, 100, 0.6);
}

static void cached_keys(void **state)
{
    (void)state;
    test_each_level(&problem_rng, cached_at_level);
}

/* The same 170 tokens as one span, as a chain of spans, in calls of any size and one query at a
 * time behind cached keys, its heads alone or in calls of several: the same bits. */
static void layouts_with(const graft_kernels *kernels, size_t n_head, size_t n_kv, size_t window,
                         double softcap)
{
    enum { N = 170 };
    static const size_t cuts[] = {1, 62, 2, 64, 41};
    problem whole, chain, step;
    problem_heads(&whole, n_head, n_kv, 64);
    whole.a.window = window;
    whole.a.softcap = (graft_real)softcap;
    problem_span(&whole, -1, 0, N);
    problem_memory(kernels, &whole);
    problem_forward(kernels, &whole, GRAFT_ATTENTION_ROWS);

    problem_heads(&chain, n_head, n_kv, 64);
    for (int s = 0; s < 5; s++) {
        problem_span(&chain, s - 1, 0, cuts[s]);
    }
    problem_memory(kernels, &chain);
    chain.a.window = window;
    chain.a.softcap = whole.a.softcap;
    chain.a.q = whole.a.q;
    chain.a.k = whole.a.k;
    chain.a.v = whole.a.v;
    for (size_t rows = 1; rows <= GRAFT_ATTENTION_ROWS; rows += 6) {
        problem_forward(kernels, &chain, rows);
        assert_memory_equal(chain.out, whole.out, ((N - 1) * whole.ldo + whole.width) * whole.act_bytes);
        test_same("chain stats", chain.stats, whole.stats, N * whole.a.n_head);
    }

    for (size_t i = 0; i < N; i += 13) {
        problem_heads(&step, n_head, n_kv, 64);
        problem_span(&step, -1, i, 1);
        problem_memory(kernels, &step);
        size_t row = i * whole.ldo * whole.act_bytes;
        memcpy((void *)step.a.q, (const char *)whole.a.q + row, whole.width * whole.act_bytes);
        step.a.window = window;
        step.a.softcap = whole.a.softcap;
        step.a.k = whole.a.k;
        step.a.v = whole.a.v;
        for (size_t heads = 1; heads <= n_head / n_kv; heads++) {
            problem_forward_heads(kernels, &step, 1, heads);
            assert_memory_equal(step.out, (const char *)whole.out + row,
                                whole.width * whole.act_bytes);
            test_same("step stats", step.stats, whole.stats + i * n_head, n_head);
        }
    }
    test_guarded_release();
}

static void layouts_at_level(const graft_kernels *kernels)
{
    layouts_with(kernels, 4, 2, 0, 0);
    layouts_with(kernels, 3, 1, 0, 0.5);
    layouts_with(kernels, 4, 1, 1, 0);
    layouts_with(kernels, 5, 1, 40, 0);
    layouts_with(kernels, 18, 1, 90, 0.5);
}

static void layout_changes_no_bit(void **state)
{
    (void)state;
    test_each_level(&problem_rng, layouts_at_level);
}

static void extremes_at_level(const graft_kernels *kernels)
{
    enum { N = 80, D = 16 };
    problem p;
    problem_heads(&p, 1, 1, D);
    problem_span(&p, -1, 0, N);
    problem_memory(kernels, &p);
    for (size_t i = 0; i < N * D; i++) { /* scores of +-1e4: one key takes all */
        p.q[i] *= GRAFT_REAL(100.0);
        p.k[i] *= GRAFT_REAL(1000.0);
    }
    p.a.q = test_acts(kernels, p.q, N, D);
    p.a.k = test_acts(kernels, p.k, N, D);
    problem_forward(kernels, &p, GRAFT_ATTENTION_ROWS);
    graft_real *out = test_reals(kernels, p.out, N, D);
    for (size_t i = 0; i < N * D; i++) {
        assert_true(fabs((double)out[i]) <= (kernels->half ? 1.01 : 1.00001));
    }
    p.v[70 * D + 3] = (graft_real)NAN; /* seen from there on; a block of rows shares its keys */
    p.a.v = test_acts(kernels, p.v, N, D);
    problem_forward(kernels, &p, 1);
    out = test_reals(kernels, p.out, N, D);
    for (size_t i = 0; i < N * D; i++) {
        assert_int_equal(isnan(out[i]) != 0, i / D >= 70 && i % D == 3);
    }
}

static void extremes(void **state)
{
    (void)state;
    test_each_level(&problem_rng, extremes_at_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forests, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(long_contexts, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(cached_keys, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(layout_changes_no_bit, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(extremes, problem_setup, problem_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
