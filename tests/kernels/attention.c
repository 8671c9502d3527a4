/* Attention at every level over random forests of spans, against the formula in double; the bits
 * of the forward pass over every way to lay out and to group the same rows. */
#include "support/kernels.h"

#include <math.h>
#include <string.h>

static graft_rng rng;

static int setup(void **state)
{
    (void)state;
    graft_rng_init(&rng, 11, GRAFT_RNG_TEST, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_guarded_release();
    return 0;
}

enum { MAX_SPANS = 40 };

/* A pass with everything that attention reads and writes. */
typedef struct problem {
    graft_attention a;
    graft_span spans[MAX_SPANS];
    size_t n_query, n_key, width, kv_width; /* rows and row lengths */
    size_t ldo, act_bytes;
    graft_real *q, *k, *v, *dout; /* what the activations hold */
    graft_act *out, *dout_act, *dq;
    graft_real *stats, *dk, *dv, *scratch; /* dk and dv per query head: [n_head][n_key, d_head] */
} problem;

static void problem_heads(problem *p, size_t n_head, size_t n_kv, size_t d_head)
{
    memset(p, 0, sizeof *p);
    p->a.spans = p->spans;
    p->a.n_head = n_head;
    p->a.n_kv = n_kv;
    p->a.d_head = d_head;
    p->a.scale = GRAFT_REAL(1.0) / graft_sqrt((graft_real)d_head);
    p->width = n_head * d_head;
    p->kv_width = n_kv * d_head;
}

/* A span of n_query new rows behind `cached` rows that have no query. */
static void problem_span(problem *p, int parent, size_t cached, size_t n_query)
{
    graft_span *s = &p->spans[p->a.n_spans++];
    assert_true(p->a.n_spans <= MAX_SPANS);
    s->query_begin = (uint32_t)p->n_query;
    s->n_query = (uint32_t)n_query;
    s->key_begin = (uint32_t)p->n_key;
    s->n_key = (uint32_t)(cached + n_query);
    s->parent = parent;
    s->depth = parent < 0 ? 0 : p->spans[parent].depth + p->spans[parent].n_key;
    p->n_query += n_query;
    p->n_key += cached + n_query;
}

static void problem_memory(const graft_kernels *kernels, problem *p)
{
    size_t n_heads = p->a.n_head * p->n_key * p->a.d_head;
    p->act_bytes = kernels->act_bytes;
    p->ldo = p->a.ldq = graft_act_ld(kernels, p->width);
    p->a.ldk = p->a.ldv = graft_act_ld(kernels, p->kv_width);
    p->q = test_random(&rng, p->n_query * p->width);
    p->k = test_random(&rng, p->n_key * p->kv_width);
    p->v = test_random(&rng, p->n_key * p->kv_width);
    p->dout = test_random(&rng, p->n_query * p->width);
    p->a.q = test_acts(kernels, p->q, p->n_query, p->width);
    p->a.k = test_acts(kernels, p->k, p->n_key, p->kv_width);
    p->a.v = test_acts(kernels, p->v, p->n_key, p->kv_width);
    p->dout_act = test_acts(kernels, p->dout, p->n_query, p->width);
    p->out = test_acts(kernels, test_random(&rng, p->n_query * p->width), p->n_query, p->width);
    p->dq = test_acts(kernels, test_random(&rng, p->n_query * p->width), p->n_query, p->width);
    p->stats = test_random(&rng, p->n_query * p->a.n_head);
    p->dk = test_guarded(n_heads, sizeof *p->dk);
    p->dv = test_guarded(n_heads, sizeof *p->dv);
    size_t n = graft_attention_scratch(p->a.d_head);
    p->scratch = test_guarded((n + 15) / 16 * 16, sizeof *p->scratch);
}

static void forward(const graft_kernels *kernels, problem *p, size_t rows)
{
    for (size_t s = 0; s < p->a.n_spans; s++) {
        size_t n = p->spans[s].n_query;
        for (size_t begin = 0; begin < n; begin += rows) {
            size_t end = begin + rows < n ? begin + rows : n;
            for (size_t h = 0; h < p->a.n_head; h++) {
                kernels->attention(&p->a, s, begin, end, h, p->out, p->ldo, p->stats, p->scratch);
            }
        }
    }
}

static void backward(const graft_kernels *kernels, problem *p, size_t rows)
{
    size_t d = p->a.d_head;
    for (size_t s = 0; s < p->a.n_spans; s++) {
        size_t n = p->spans[s].n_query;
        for (size_t begin = 0; begin < n; begin += rows) {
            size_t end = begin + rows < n ? begin + rows : n;
            for (size_t h = 0; h < p->a.n_head; h++) {
                kernels->attention_backward(&p->a, s, begin, end, h, p->out, p->dout_act, p->ldo,
                                            p->stats, p->dq, p->ldo, p->dk + h * p->n_key * d, d,
                                            p->dv + h * p->n_key * d, d, p->scratch);
            }
        }
    }
}

/* dk or dv of the key/value heads: sums over their groups. */
static graft_real *over_groups(const problem *p, const graft_real *heads)
{
    size_t d = p->a.d_head, group = p->a.n_head / p->a.n_kv;
    graft_real *sum = test_guarded(p->n_key * p->kv_width, sizeof *sum);
    for (size_t h = 0; h < p->a.n_head; h++) {
        for (size_t i = 0; i < p->n_key * d; i++) {
            sum[i / d * p->kv_width + h / group * d + i % d] += heads[h * p->n_key * d + i];
        }
    }
    return sum;
}

static double *doubles(size_t n)
{
    return test_guarded(n, sizeof(double));
}

static double dot(const graft_real *a, const graft_real *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* The key rows that a query sees, from the definition: its own span's, then the parents'; those at
 * positions in its window. */
static size_t seen_keys(const problem *p, size_t span, size_t query, size_t *keys)
{
    const graft_span *s = &p->spans[span];
    size_t n = 0, own = s->n_key - s->n_query + query + 1, window = p->a.window;
    size_t position = s->depth + own - 1;
    for (size_t j = 0; j < own; j++) {
        if (window == 0 || s->depth + j + window > position) {
            keys[n++] = s->key_begin + j;
        }
    }
    for (int i = s->parent; i >= 0; i = p->spans[i].parent) {
        for (size_t j = 0; j < p->spans[i].n_key; j++) {
            if (window == 0 || p->spans[i].depth + j + window > position) {
                keys[n++] = p->spans[i].key_begin + j;
            }
        }
    }
    return n;
}

typedef struct expectation {
    double *out, *stats, *dq, *dk, *dv, *ones, *slopes;
} expectation;

static void expect_query(const problem *p, size_t span, size_t query, size_t head, expectation *e,
                         size_t *keys, double *prob)
{
    size_t d = p->a.d_head, row = p->spans[span].query_begin + query;
    size_t at = row * p->width + head * d, column = head / (p->a.n_head / p->a.n_kv) * d;
    size_t n = seen_keys(p, span, query, keys);
    double sum = 0, inner = 0;
    for (size_t j = 0; j < n; j++) {
        double score = (double)p->a.scale *
                       dot(p->q + at, p->k + keys[j] * p->kv_width + column, d);
        double cap = (double)p->a.softcap, t = cap > 0 ? tanh(score / cap) : 0;
        prob[j] = exp(cap > 0 ? cap * t : score);
        e->slopes[j] = 1 - t * t;
        sum += prob[j];
    }
    e->stats[row * p->a.n_head + head] = log(sum);
    for (size_t j = 0; j < n; j++) {
        const graft_real *v = p->v + keys[j] * p->kv_width + column;
        prob[j] /= sum;
        inner += prob[j] * dot(p->dout + at, v, d);
        for (size_t i = 0; i < d; i++) {
            e->out[at + i] += prob[j] * (double)v[i];
            e->dv[keys[j] * p->kv_width + column + i] += prob[j] * (double)p->dout[at + i];
        }
    }
    for (size_t j = 0; j < n; j++) {
        size_t key = keys[j] * p->kv_width + column;
        double ds = prob[j] * (dot(p->dout + at, p->v + key, d) - inner) * (double)p->a.scale *
                    e->slopes[j];
        for (size_t i = 0; i < d; i++) {
            e->dq[at + i] += ds * (double)p->k[key + i];
            e->dk[key + i] += ds * (double)p->q[at + i];
        }
    }
}

static expectation expect(const problem *p)
{
    size_t widest = p->n_key * (p->width > p->kv_width ? p->width : p->kv_width);
    expectation e = {doubles(p->n_query * p->width), doubles(p->n_query * p->a.n_head),
                     doubles(p->n_query * p->width), doubles(p->n_key * p->kv_width),
                     doubles(p->n_key * p->kv_width), doubles(widest), doubles(p->n_key)};
    size_t *keys = test_guarded(p->n_key, sizeof *keys);
    double *prob = doubles(p->n_key);
    for (size_t i = 0; i < widest; i++) {
        e.ones[i] = 1.0;
    }
    for (size_t s = 0; s < p->a.n_spans; s++) {
        for (size_t i = 0; i < p->spans[s].n_query; i++) {
            for (size_t h = 0; h < p->a.n_head; h++) {
                expect_query(p, s, i, h, &e, keys, prob);
            }
        }
    }
    return e;
}

/* Weights and their gradients are rounded as well where activations are: errors grow with the sum
 * over the rows that share a key. */
static void check(const graft_kernels *kernels, problem *p, bool gradients)
{
    problem_memory(kernels, p);
    expectation e = expect(p);
    size_t n_q = p->n_query * p->width, n_k = p->n_key * p->kv_width;
    double few = kernels->half ? 0x1p-7 : 4e-6, many = kernels->half ? 0x1p-5 : 4e-5;
    forward(kernels, p, GRAFT_ATTENTION_ROWS);
    test_close("out", test_reals(kernels, p->out, p->n_query, p->width), e.out, e.ones, n_q,
               few / 2);
    test_close("stats", p->stats, e.stats, e.ones, p->n_query * p->a.n_head, 4e-6);
    if (gradients) {
        backward(kernels, p, GRAFT_ATTENTION_ROWS);
        test_close("dq", test_reals(kernels, p->dq, p->n_query, p->width), e.dq, e.ones, n_q, few);
        test_close("dk", over_groups(p, p->dk), e.dk, e.ones, n_k, many);
        test_close("dv", over_groups(p, p->dv), e.dv, e.ones, n_k, many);
    }
    test_guarded_release();
}

/* Random parents, lengths from empty to longer than a block. */
static void random_forest(problem *p, size_t n_spans, size_t longest)
{
    for (size_t s = 0; s < n_spans; s++) {
        int parent = (int)graft_rng_below(&rng, s + 1) - 1;
        problem_span(p, parent, 0, graft_rng_below(&rng, longest + 1) + (parent < 0 ? 1 : 0));
    }
}

static void forests_at_level(const graft_kernels *kernels)
{
    static const size_t heads[][3] = {{2, 2, 16}, {6, 2, 64}, {3, 1, 48}, {2, 1, 5}, {1, 1, 128},
                                     {2, 1, 80}, {2, 2, 96}, {1, 1, 100}, {2, 1, 256}};
    problem p;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        problem_heads(&p, heads[i][0], heads[i][1], heads[i][2]);
        random_forest(&p, 2 + graft_rng_below(&rng, 12), 50);
        check(kernels, &p, true);
    }
    problem_heads(&p, 1, 1, GRAFT_MAX_D_HEAD);
    random_forest(&p, 3, 20);
    check(kernels, &p, true);
    problem_heads(&p, 2, 1, 32); /* one long span, nothing shared */
    problem_span(&p, -1, 0, 203);
    check(kernels, &p, true);
    problem_heads(&p, 2, 1, 32); /* a chain of very short ones */
    for (int s = 0; s < MAX_SPANS; s++) {
        problem_span(&p, s - 1, 0, 1 + (size_t)s % 4);
    }
    check(kernels, &p, true);
    problem_heads(&p, 4, 4, 8); /* packed examples without parents, one of one token */
    problem_span(&p, -1, 0, 70);
    problem_span(&p, -1, 0, 1);
    problem_span(&p, -1, 0, 33);
    check(kernels, &p, true);
}

/* Long contexts, whole and as a tree over a long trunk. */
static void long_at_level(const graft_kernels *kernels)
{
    problem p;
    problem_heads(&p, 1, 1, 32);
    problem_span(&p, -1, 0, 1500);
    check(kernels, &p, true);
    problem_heads(&p, 1, 1, 32);
    problem_span(&p, -1, 0, 1100);
    problem_span(&p, 0, 0, 300);
    problem_span(&p, 0, 0, 77);
    problem_span(&p, 1, 0, 150);
    check(kernels, &p, true);
}

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
        random_forest(&p, 2 + graft_rng_below(&rng, 8), 60);
        check(kernels, &p, true);
        problem_heads(&p, 1, 1, 16);
        p.a.window = windows[i / 2];
        p.a.softcap = i % 2 == 0 ? 0 : GRAFT_REAL(0.5);
        for (int s = 0; s < MAX_SPANS; s++) {
            problem_span(&p, s - 1, 0, 1 + (size_t)s % 7);
        }
        check(kernels, &p, true);
    }
    problem_heads(&p, 1, 1, 32); /* a tree over a trunk much longer than the window */
    p.a.window = 200;
    problem_span(&p, -1, 0, 900);
    problem_span(&p, 0, 0, 130);
    problem_span(&p, 0, 0, 77);
    problem_span(&p, 1, 0, 150);
    check(kernels, &p, true);
}

static void limited(void **state)
{
    (void)state;
    test_each_level(limited_at_level);
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
        kernels->attention(&p.a, 0, begin, end, 0, p.out, p.ldo, p.stats, p.scratch);
        kernels->attention_backward(&p.a, 0, begin, end, 0, p.out, p.dout_act, p.ldo, p.stats,
                                    p.dq, p.ldo, p.dk, D, p.dv, D, p.scratch);
    }
    graft_real *out = test_reals(kernels, p.out, N, D), *dq = test_reals(kernels, p.dq, N, D);
    for (size_t i = 192 * D; i < N * D; i++) {
        assert_true(isfinite(out[i]) && isfinite(dq[i]) && isfinite(p.dk[i]));
    }
    kernels->attention(&p.a, 0, 130, 131, 0, p.out, p.ldo, p.stats, p.scratch);
    assert_true(isnan(test_reals(kernels, p.out, N, D)[130 * D])); /* the test can tell */
}

static void skipped(void **state)
{
    (void)state;
    test_each_level(skipped_at_level);
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
                p->k[(p->spans[s].key_begin + j) * p->kv_width + i] = is_faint(p->spans[s].depth + j) ? -8 : 0;
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
    expectation e = expect(p);
    size_t n_q = p->n_query * p->width, n_k = p->n_key * p->kv_width;
    double few = kernels->half ? 0x1p-5 : 4e-5, many = kernels->half ? 0x1p-4 : 4e-4; /* of 8 times larger numbers */
    forward(kernels, p, GRAFT_ATTENTION_ROWS);
    backward(kernels, p, GRAFT_ATTENTION_ROWS);
    test_close("dq", test_reals(kernels, p->dq, p->n_query, p->width), e.dq, e.ones, n_q, few);
    test_close("dk", over_groups(p, p->dk), e.dk, e.ones, n_k, many);
    test_close("dv", over_groups(p, p->dv), e.dv, e.ones, n_k, many);
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
    forward(kernels, &p, GRAFT_ATTENTION_ROWS);
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
    if (kernels->half && kernels->level >= GRAFT_CPU_AVX512BF16) { /* others keep all */
        faint_values(kernels);
    }
}

static void faint_keys(void **state)
{
    (void)state;
    test_each_level(faint_at_level);
}

static void long_contexts(void **state)
{
    (void)state;
    test_each_level(long_at_level);
}

static void forests(void **state)
{
    (void)state;
    test_each_level(forests_at_level);
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
    check(kernels, &p, false);
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
    test_each_level(cached_at_level);
}

/* The same 170 tokens as one span, as a chain of spans, in calls of any size and one query at a
 * time behind cached keys: the same bits. */
static void layouts_with(const graft_kernels *kernels, size_t window, double softcap)
{
    enum { N = 170 };
    static const size_t cuts[] = {1, 62, 2, 64, 41};
    problem whole, chain, step;
    problem_heads(&whole, 4, 2, 64);
    whole.a.window = window;
    whole.a.softcap = (graft_real)softcap;
    problem_span(&whole, -1, 0, N);
    problem_memory(kernels, &whole);
    forward(kernels, &whole, GRAFT_ATTENTION_ROWS);

    problem_heads(&chain, 4, 2, 64);
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
        forward(kernels, &chain, rows);
        assert_memory_equal(chain.out, whole.out, ((N - 1) * whole.ldo + whole.width) * whole.act_bytes);
        test_same("chain stats", chain.stats, whole.stats, N * whole.a.n_head);
    }

    for (size_t i = 0; i < N; i += 13) {
        problem_heads(&step, 4, 2, 64);
        problem_span(&step, -1, i, 1);
        problem_memory(kernels, &step);
        size_t row = i * whole.ldo * whole.act_bytes;
        memcpy((void *)step.a.q, (const char *)whole.a.q + row, whole.width * whole.act_bytes);
        step.a.window = window;
        step.a.softcap = whole.a.softcap;
        step.a.k = whole.a.k;
        step.a.v = whole.a.v;
        forward(kernels, &step, 1);
        assert_memory_equal(step.out, (const char *)whole.out + row, whole.width * whole.act_bytes);
    }
    test_guarded_release();
}

static void layouts_at_level(const graft_kernels *kernels)
{
    layouts_with(kernels, 0, 0);
    layouts_with(kernels, 0, 0.5);
    layouts_with(kernels, 1, 0);
    layouts_with(kernels, 40, 0);
    layouts_with(kernels, 90, 0.5);
}

static void layout_changes_no_bit(void **state)
{
    (void)state;
    test_each_level(layouts_at_level);
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
    forward(kernels, &p, GRAFT_ATTENTION_ROWS);
    graft_real *out = test_reals(kernels, p.out, N, D);
    for (size_t i = 0; i < N * D; i++) {
        assert_true(fabs((double)out[i]) <= (kernels->half ? 1.01 : 1.00001));
    }
    p.v[70 * D + 3] = (graft_real)NAN; /* seen from there on; a block of rows shares its keys */
    p.a.v = test_acts(kernels, p.v, N, D);
    forward(kernels, &p, 1);
    out = test_reals(kernels, p.out, N, D);
    for (size_t i = 0; i < N * D; i++) {
        assert_int_equal(isnan(out[i]) != 0, i / D >= 70 && i % D == 3);
    }
}

static void extremes(void **state)
{
    (void)state;
    test_each_level(extremes_at_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forests, setup, teardown),
        cmocka_unit_test_setup_teardown(long_contexts, setup, teardown),
        cmocka_unit_test_setup_teardown(limited, setup, teardown),
        cmocka_unit_test_setup_teardown(skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(faint_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(cached_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(layout_changes_no_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(extremes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
