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
    graft_real *out, *stats, *dout, *delta, *dq, *dk, *dv, *scratch;
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

static void problem_memory(problem *p)
{
    p->a.ldq = p->width;
    p->a.ldk = p->a.ldv = p->kv_width;
    p->a.q = test_random(&rng, p->n_query * p->width);
    p->a.k = test_random(&rng, p->n_key * p->kv_width);
    p->a.v = test_random(&rng, p->n_key * p->kv_width);
    p->out = test_random(&rng, p->n_query * p->width);
    p->dout = test_random(&rng, p->n_query * p->width);
    p->stats = test_random(&rng, p->n_query * p->a.n_head);
    p->delta = test_random(&rng, p->n_query * p->a.n_head);
    p->dq = test_guarded(p->n_query * p->width, sizeof *p->dq);
    p->dk = test_guarded(p->n_key * p->kv_width, sizeof *p->dk);
    p->dv = test_guarded(p->n_key * p->kv_width, sizeof *p->dv);
    p->scratch = test_guarded(graft_attention_scratch(p->n_key, p->a.d_head), sizeof *p->scratch);
}

static void forward(const graft_kernels *kernels, problem *p, size_t rows)
{
    for (size_t s = 0; s < p->a.n_spans; s++) {
        size_t n = p->spans[s].n_query;
        for (size_t begin = 0; begin < n; begin += rows) {
            size_t end = begin + rows < n ? begin + rows : n;
            for (size_t h = 0; h < p->a.n_head; h++) {
                kernels->attention(&p->a, s, begin, end, h, p->out, p->width, p->stats,
                                   p->scratch);
            }
        }
    }
}

static void backward(const graft_kernels *kernels, problem *p, size_t rows)
{
    for (size_t s = 0; s < p->a.n_spans; s++) {
        size_t n = p->spans[s].n_query;
        for (size_t begin = 0; begin < n; begin += rows) {
            size_t end = begin + rows < n ? begin + rows : n;
            for (size_t h = 0; h < p->a.n_head; h++) {
                kernels->attention_backward_q(&p->a, s, begin, end, h, p->dout, p->width, p->stats,
                                              p->delta, p->dq, p->width, p->scratch);
            }
            for (size_t h = 0; h < p->a.n_kv; h++) {
                kernels->attention_backward_kv(&p->a, s, begin, end, h, p->dout, p->width,
                                               p->stats, p->delta, p->dk, p->kv_width, p->dv,
                                               p->kv_width, p->scratch);
            }
        }
    }
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

/* The key rows that a query sees, from the definition: its own span's, then the parents'. */
static size_t seen_keys(const problem *p, size_t span, size_t query, size_t *keys)
{
    const graft_span *s = &p->spans[span];
    size_t n = 0;
    for (size_t j = 0; j < s->n_key - s->n_query + query + 1; j++) {
        keys[n++] = s->key_begin + j;
    }
    for (int i = s->parent; i >= 0; i = p->spans[i].parent) {
        for (size_t j = 0; j < p->spans[i].n_key; j++) {
            keys[n++] = p->spans[i].key_begin + j;
        }
    }
    return n;
}

typedef struct expectation {
    double *out, *stats, *dq, *dk, *dv, *ones;
} expectation;

static void expect_query(const problem *p, size_t span, size_t query, size_t head, expectation *e,
                         size_t *keys, double *prob)
{
    size_t d = p->a.d_head, row = p->spans[span].query_begin + query;
    size_t at = row * p->width + head * d, column = head / (p->a.n_head / p->a.n_kv) * d;
    size_t n = seen_keys(p, span, query, keys);
    double sum = 0, inner = 0;
    for (size_t j = 0; j < n; j++) {
        prob[j] = exp((double)p->a.scale *
                      dot(p->a.q + at, p->a.k + keys[j] * p->kv_width + column, d));
        sum += prob[j];
    }
    e->stats[row * p->a.n_head + head] = log(sum);
    for (size_t j = 0; j < n; j++) {
        const graft_real *v = p->a.v + keys[j] * p->kv_width + column;
        prob[j] /= sum;
        inner += prob[j] * dot(p->dout + at, v, d);
        for (size_t i = 0; i < d; i++) {
            e->out[at + i] += prob[j] * (double)v[i];
            e->dv[keys[j] * p->kv_width + column + i] += prob[j] * (double)p->dout[at + i];
        }
    }
    for (size_t j = 0; j < n; j++) {
        size_t key = keys[j] * p->kv_width + column;
        double ds = prob[j] * (dot(p->dout + at, p->a.v + key, d) - inner) * (double)p->a.scale;
        for (size_t i = 0; i < d; i++) {
            e->dq[at + i] += ds * (double)p->a.k[key + i];
            e->dk[key + i] += ds * (double)p->a.q[at + i];
        }
    }
}

static expectation expect(const problem *p)
{
    size_t widest = p->n_key * (p->width > p->kv_width ? p->width : p->kv_width);
    expectation e = {doubles(p->n_query * p->width), doubles(p->n_query * p->a.n_head),
                     doubles(p->n_query * p->width), doubles(p->n_key * p->kv_width),
                     doubles(p->n_key * p->kv_width), doubles(widest)};
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

/* delta as its definition: dot(dout, out) of a row and head. */
static void fill_delta(problem *p)
{
    for (size_t i = 0; i < p->n_query * p->a.n_head; i++) {
        p->delta[i] = (graft_real)dot(p->dout + i * p->a.d_head, p->out + i * p->a.d_head,
                                      p->a.d_head);
    }
}

static void check(const graft_kernels *kernels, problem *p, bool gradients)
{
    problem_memory(p);
    expectation e = expect(p);
    forward(kernels, p, GRAFT_ATTENTION_ROWS);
    test_close("out", p->out, e.out, e.ones, p->n_query * p->width, 2e-6);
    test_close("stats", p->stats, e.stats, e.ones, p->n_query * p->a.n_head, 4e-6);
    if (gradients) {
        fill_delta(p);
        backward(kernels, p, GRAFT_ATTENTION_ROWS);
        test_close("dq", p->dq, e.dq, e.ones, p->n_query * p->width, 4e-6);
        test_close("dk", p->dk, e.dk, e.ones, p->n_key * p->kv_width, 4e-5);
        test_close("dv", p->dv, e.dv, e.ones, p->n_key * p->kv_width, 4e-5);
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
    static const size_t heads[][3] = {{2, 2, 16}, {6, 2, 64}, {3, 1, 48}, {2, 1, 5}, {1, 1, 128}};
    problem p;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        problem_heads(&p, heads[i][0], heads[i][1], heads[i][2]);
        random_forest(&p, 2 + graft_rng_below(&rng, 12), 50);
        check(kernels, &p, true);
    }
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

static void forests(void **state)
{
    (void)state;
    test_each_level(forests_at_level);
}

static void cached_at_level(const graft_kernels *kernels)
{
    problem p;
    problem_heads(&p, 6, 3, 64);
    problem_span(&p, -1, 150, 0); /* a shared prefix, all of it cached */
    problem_span(&p, 0, 20, 1);   /* two replies that grow by a token, one by several */
    problem_span(&p, 0, 0, 1);
    problem_span(&p, 0, 3, 9);
    problem_span(&p, -1, 64, 1); /* and one of another conversation */
    check(kernels, &p, false);
}

static void cached_keys(void **state)
{
    (void)state;
    test_each_level(cached_at_level);
}

/* Takes rows of another problem, in the order given. */
static void take_rows(graft_real *to, const graft_real *from, size_t width, size_t row)
{
    memcpy(to, from + row * width, width * sizeof *to);
}

/* The same 170 tokens as one span, as a chain of spans, in calls of any size and one query at a
 * time behind cached keys: the same bits. */
static void layouts_at_level(const graft_kernels *kernels)
{
    enum { N = 170 };
    static const size_t cuts[] = {1, 62, 2, 64, 41};
    problem whole, chain, step;
    problem_heads(&whole, 4, 2, 64);
    problem_span(&whole, -1, 0, N);
    problem_memory(&whole);
    forward(kernels, &whole, GRAFT_ATTENTION_ROWS);

    problem_heads(&chain, 4, 2, 64);
    for (int s = 0; s < 5; s++) {
        problem_span(&chain, s - 1, 0, cuts[s]);
    }
    problem_memory(&chain);
    chain.a.q = whole.a.q;
    chain.a.k = whole.a.k;
    chain.a.v = whole.a.v;
    for (size_t rows = 1; rows <= GRAFT_ATTENTION_ROWS; rows += 6) {
        forward(kernels, &chain, rows);
        test_same("chain", chain.out, whole.out, N * whole.width);
        test_same("chain stats", chain.stats, whole.stats, N * whole.a.n_head);
    }

    for (size_t i = 0; i < N; i += 13) {
        problem_heads(&step, 4, 2, 64);
        problem_span(&step, -1, i, 1);
        problem_memory(&step);
        take_rows((graft_real *)step.a.q, whole.a.q, whole.width, i);
        step.a.k = whole.a.k;
        step.a.v = whole.a.v;
        forward(kernels, &step, 1);
        test_same("step", step.out, whole.out + i * whole.width, whole.width);
    }
}

static void layout_changes_no_bit(void **state)
{
    (void)state;
    test_each_level(layouts_at_level);
}

static void extremes_at_level(const graft_kernels *kernels)
{
    problem p;
    problem_heads(&p, 1, 1, 16);
    problem_span(&p, -1, 0, 80);
    problem_memory(&p);
    graft_real *q = (graft_real *)p.a.q, *k = (graft_real *)p.a.k, *v = (graft_real *)p.a.v;
    for (size_t i = 0; i < 80 * 16; i++) { /* scores of +-1e4: one key takes all */
        q[i] *= GRAFT_REAL(100.0);
        k[i] *= GRAFT_REAL(1000.0);
    }
    forward(kernels, &p, GRAFT_ATTENTION_ROWS);
    for (size_t i = 0; i < 80 * 16; i++) {
        assert_true(fabs((double)p.out[i]) <= 1.00001);
    }
    v[70 * 16 + 3] = (graft_real)NAN; /* seen from there on; a block of rows shares its keys */
    forward(kernels, &p, 1);
    for (size_t i = 0; i < 80 * 16; i++) {
        assert_int_equal(isnan(p.out[i]) != 0, i / 16 >= 70 && i % 16 == 3);
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
        cmocka_unit_test_setup_teardown(cached_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(layout_changes_no_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(extremes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
