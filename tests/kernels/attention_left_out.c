/* Attention that leaves keys out: capped scores beside windows, blocks that no window reaches, and gradients
 * without keys that are hardly looked at. */
#include "support/attention.h"

#include <math.h>
#include <string.h>

/* Capped scores, windows of any length and both, over forests and over chains of short spans. */
static void limited_at_level(const graft_kernels *kernels)
{
    static const size_t widths[] = {64, 256, 5, 80}, windows[] = {0, 1, 2, 17, 63, 64, 65, 150};
    enum { N_WINDOWS = sizeof windows / sizeof *windows };
    problem p;
    for (size_t i = 0; i < 2 * N_WINDOWS; i++) {
        problem_heads(&p, 2, 1, widths[i % 4]);
        p.a.window = windows[i / 2];
        p.a.softcap = i % 2 == 0 ? GRAFT_REAL(0.5) : i % 4 == 1 ? GRAFT_REAL(50.0) : 0;
        p.a.scale = GRAFT_REAL(0.2);
        problem_forest(&p, 2 + graft_rng_below(&problem_rng, 8), 60);
        problem_check(kernels, &p, true);
        problem_heads(&p, 1, 1, 16);
        p.a.window = windows[i / 2];
        p.a.softcap = i % 2 == 0 ? 0 : GRAFT_REAL(0.5);
        for (int s = 0; s < MAX_SPANS; s++) {
            problem_span(&p, s - 1, 0, 1 + (size_t)s % 7);
        }
        problem_check(kernels, &p, true);
    }
    problem_heads(&p, 1, 1, 32); /* a tree over a trunk much longer than the window */
    p.a.window = 200;
    problem_span(&p, -1, 0, 900);
    problem_span(&p, 0, 0, 130);
    problem_span(&p, 0, 0, 77);
    problem_span(&p, 1, 0, 150);
    problem_check(kernels, &p, true);
}

static void limited(void **state)
{
    (void)state;
    test_each_level(&problem_rng, limited_at_level);
}

/* Whole blocks of keys outside of all windows of a call are not even read. */
static void skipped_at_level(const graft_kernels *kernels)
{
    enum { N = 300, WINDOW = 70, SEEN = 192 - WINDOW + 1, D = 32 };
    problem p;
    problem_heads(&p, 1, 1, D);
    p.a.window = WINDOW;
    problem_span(&p, -1, 0, N);
    problem_memory(kernels, &p);
    for (size_t i = 0; i < (SEEN / 64) * 64 * D; i++) {
        p.k[i] = p.v[i] = (graft_real)NAN;
    }
    p.a.k = test_acts(kernels, p.k, N, D);
    p.a.v = test_acts(kernels, p.v, N, D);
    for (size_t begin = 192; begin < N; begin += GRAFT_ATTENTION_ROWS) {
        size_t end = begin + GRAFT_ATTENTION_ROWS < N ? begin + GRAFT_ATTENTION_ROWS : N;
        kernels->attention(&p.a, 0, begin, end, 0, 1, p.out, p.ldo, p.stats, p.scratch);
        kernels->attention_backward(&p.a, 0, begin, end, 0, p.out, p.dout_act, p.ldo, p.stats,
                                    p.dq, p.ldo, p.dk, D, p.dv, D, p.scratch);
    }
    graft_real *out = test_reals(kernels, p.out, N, D), *dq = test_reals(kernels, p.dq, N, D);
    for (size_t i = 192 * D; i < N * D; i++) {
        assert_true(isfinite(out[i]) && isfinite(dq[i]) && isfinite(p.dk[i]));
    }
    kernels->attention(&p.a, 0, 130, 131, 0, 1, p.out, p.ldo, p.stats, p.scratch);
    assert_true(isnan(test_reals(kernels, p.out, N, D)[130 * D])); /* the test can tell */
}

static void skipped(void **state)
{
    (void)state;
    test_each_level(&problem_rng, skipped_at_level);
}

/* Are sixteen keys from this position on hardly looked at? */
static bool is_faint(size_t position)
{
    return position / 16 % 3 == 0;
}

/* Every query looks away from the keys of some positions. */
static void look_away(const graft_kernels *kernels, problem *p)
{
    size_t d = p->a.d_head;
    for (size_t i = 0; i < p->n_query * p->width; i += d) {
        p->q[i] = 8;
    }
    for (size_t s = 0; s < p->a.n_spans; s++) {
        for (size_t j = 0; j < p->spans[s].n_key; j++) {
            for (size_t i = 0; i < p->kv_width; i += d) {
                p->k[(p->spans[s].key_begin + j) * p->kv_width + i] = is_faint(p->spans[s].depth + j) ? -32 : 0;
            }
        }
    }
    p->a.q = test_acts(kernels, p->q, p->n_query, p->width);
    p->a.k = test_acts(kernels, p->k, p->n_key, p->kv_width);
}

/* Gradients without keys that hardly count are what they are with them. */
static void faint_keys_with(const graft_kernels *kernels, problem *p)
{
    problem_memory(kernels, p);
    look_away(kernels, p);
    p->a.faint = GRAFT_REAL(0.5);
    expectation e = problem_expect(p);
    size_t n_q = p->n_query * p->width, n_k = p->n_key * p->kv_width;
    double few = kernels->half ? 0x1p-5 : 4e-5, many = kernels->half ? 0x1p-4 : 4e-4; /* of 8 times larger numbers */
    problem_forward(kernels, p, GRAFT_ATTENTION_ROWS);
    problem_backward(kernels, p, GRAFT_ATTENTION_ROWS);
    test_close("dq", test_reals(kernels, p->dq, p->n_query, p->width), e.dq, e.ones, n_q, few);
    test_close("dk", problem_over_groups(p, p->dk), e.dk, e.ones, n_k, many);
    test_close("dv", problem_over_groups(p, p->dv), e.dv, e.ones, n_k, many);
    test_guarded_release();
}

/* Values of what is left out are not read, and all others are. */
static void faint_values(const graft_kernels *kernels)
{
    enum { N = 300, FROM = 256, D = 32 };
    problem p;
    problem_heads(&p, 1, 1, D);
    problem_span(&p, -1, 0, N);
    problem_memory(kernels, &p);
    look_away(kernels, &p);
    problem_forward(kernels, &p, GRAFT_ATTENTION_ROWS);
    for (size_t i = 0; i < FROM * D; i++) {
        p.v[i] = is_faint(i / D) ? (graft_real)NAN : p.v[i];
    }
    p.a.v = test_acts(kernels, p.v, N, D);
    for (int keeps = 0; keeps < 2; keeps++) {
        p.a.faint = keeps == 0 ? GRAFT_REAL(0.5) : 0;
        kernels->attention_backward(&p.a, 0, FROM, N, 0, p.out, p.dout_act, p.ldo, p.stats, p.dq, p.ldo,
                                    p.dk, D, p.dv, D, p.scratch);
        graft_real *dq = test_reals(kernels, p.dq, N, D);
        for (size_t i = FROM * D; i < N * D; i++) {
            assert_true(isnan(dq[i]) == (keeps == 1));
        }
    }
    test_guarded_release();
}

static void faint_at_level(const graft_kernels *kernels)
{
    problem p;
    problem_heads(&p, 2, 1, 32);
    problem_span(&p, -1, 0, 333);
    faint_keys_with(kernels, &p);
    problem_heads(&p, 1, 1, 16); /* runs end within the sixteen */
    for (int s = 0; s < MAX_SPANS; s++) {
        problem_span(&p, s - 1, 0, 1 + (size_t)(s * s) % 23);
    }
    faint_keys_with(kernels, &p);
    problem_heads(&p, 2, 2, 64);
    p.a.window = 150;
    p.a.softcap = GRAFT_REAL(20.0);
    problem_span(&p, -1, 0, 290);
    problem_span(&p, 0, 0, 130);
    problem_span(&p, 0, 0, 77);
    faint_keys_with(kernels, &p);
    if (kernels->level >= GRAFT_CPU_AVX2) { /* others keep all */
        faint_values(kernels);
    }
}

static void faint_keys(void **state)
{
    (void)state;
    test_each_level(&problem_rng, faint_at_level);
}

/* Some queries, of some spans none, get a gradient. Returns which: their rows. */
static size_t pick_queries(problem *p, uint32_t *rows, size_t every)
{
    size_t n = 0;
    for (size_t s = 0; s < p->a.n_spans; s++) {
        bool none = p->a.n_spans > 1 && graft_rng_below(&problem_rng, 4) == 0;
        for (size_t i = 0; i < p->spans[s].n_query; i++) {
            size_t row = p->spans[s].query_begin + i;
            if (!none && graft_rng_below(&problem_rng, (uint32_t)every) == 0) {
                rows[n++] = (uint32_t)row;
            } else {
                memset(p->dout + row * p->width, 0, p->width * sizeof *p->dout);
            }
        }
    }
    return n;
}

/* Rows of n_bytes, row_bytes apart. */
static void gather(void *data, size_t n_bytes, size_t row_bytes, const uint32_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memmove((char *)data + i * row_bytes, (char *)data + rows[i] * row_bytes, n_bytes);
    }
}

/* Leaves these rows of queries. seen: how many keys each sees. */
static void close_ranks(problem *p, const uint32_t *rows, size_t n, uint32_t *seen)
{
    size_t bytes = p->width * p->act_bytes, stats = p->a.n_head * sizeof *p->stats;
    gather((void *)p->a.q, bytes, p->a.ldq * p->act_bytes, rows, n);
    gather(p->out, bytes, p->ldo * p->act_bytes, rows, n);
    gather(p->dout_act, bytes, p->ldo * p->act_bytes, rows, n);
    gather(p->stats, stats, stats, rows, n);
    uint32_t at = 0;
    for (size_t s = 0; s < p->a.n_spans; s++) {
        graft_span *span = &p->spans[s];
        uint32_t begin = span->query_begin, end = begin + span->n_query;
        span->query_begin = at;
        for (; at < n && rows[at] < end; at++) {
            seen[at] = span->depth + span->n_key - span->n_query + (rows[at] - begin) + 1;
        }
        span->n_query = at - span->query_begin;
    }
    p->a.seen = seen;
}

/* Gradients of the queries that get one are those of all when the others get none. */
static void missing_with(const graft_kernels *kernels, problem *p, size_t every, size_t call)
{
    problem_memory(kernels, p);
    uint32_t *rows = test_guarded(p->n_query, sizeof *rows);
    size_t n = pick_queries(p, rows, every), n_k = p->n_key * p->kv_width;
    uint32_t *seen = test_guarded(n, sizeof *seen);
    p->dout_act = test_acts(kernels, p->dout, p->n_query, p->width);
    expectation e = problem_expect(p);
    double few = kernels->half ? 0x1p-6 : 1e-5, many = kernels->half ? 0x1p-5 : 1e-4;
    problem_forward(kernels, p, GRAFT_ATTENTION_ROWS);
    close_ranks(p, rows, n, seen);
    problem_backward(kernels, p, call);
    for (size_t i = 0; i < n; i++) {
        memmove(e.dq + i * p->width, e.dq + rows[i] * p->width, p->width * sizeof *e.dq);
    }
    test_close("dq", test_reals(kernels, p->dq, p->n_query, p->width), e.dq, e.ones, n * p->width, few);
    test_close("dk", problem_over_groups(p, p->dk), e.dk, e.ones, n_k, many);
    test_close("dv", problem_over_groups(p, p->dv), e.dv, e.ones, n_k, many);
    test_guarded_release();
}

static void missing_at_level(const graft_kernels *kernels)
{
    static const size_t widths[] = {64, 16, 5, 80};
    problem p;
    for (size_t i = 0; i < 12; i++) {
        problem_heads(&p, 2, 1, widths[i % 4]);
        p.a.window = i % 3 == 0 ? 0 : i % 3 == 1 ? 40 : 100;
        p.a.softcap = i % 2 == 0 ? 0 : GRAFT_REAL(5.0);
        problem_forest(&p, 1 + graft_rng_below(&problem_rng, 6), 150);
        missing_with(kernels, &p, 2 + i % 3, GRAFT_ATTENTION_ROWS);
    }
    problem_heads(&p, 1, 1, 32); /* far apart, and a call at a time */
    problem_span(&p, -1, 0, 700);
    missing_with(kernels, &p, 9, 7);
}

static void missing_queries(void **state)
{
    (void)state;
    test_each_level(&problem_rng, missing_at_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(limited, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(skipped, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(faint_keys, problem_setup, problem_teardown),
        cmocka_unit_test_setup_teardown(missing_queries, problem_setup, problem_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
