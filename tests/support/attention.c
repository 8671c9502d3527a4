#include "support/attention.h"

#include <math.h>
#include <string.h>

graft_rng problem_rng;

int problem_setup(void **state)
{
    (void)state;
    graft_rng_init(&problem_rng, 11, GRAFT_RNG_TEST, 0);
    return 0;
}

int problem_teardown(void **state)
{
    (void)state;
    test_guarded_release();
    return 0;
}

void problem_heads(problem *p, size_t n_head, size_t n_kv, size_t d_head)
{
    memset(p, 0, sizeof *p);
    p->a.spans = p->spans;
    p->a.n_head = n_head;
    p->a.n_kv = n_kv;
    p->a.d_head = p->a.kv_step = d_head;
    p->a.scale = GRAFT_REAL(1.0) / graft_sqrt((graft_real)d_head);
    p->width = n_head * d_head;
    p->kv_width = n_kv * d_head;
}

/* A span of n_query new rows behind `cached` rows that have no query. */
void problem_span(problem *p, int parent, size_t cached, size_t n_query)
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

void problem_memory(const graft_kernels *kernels, problem *p)
{
    size_t n_heads = p->a.n_head * p->n_key * p->a.d_head;
    p->act_bytes = kernels->act_bytes;
    p->ldo = p->a.ldq = graft_act_ld(kernels, p->width);
    p->a.ldk = p->a.ldv = graft_act_ld(kernels, p->kv_width);
    p->q = test_random(&problem_rng, p->n_query * p->width);
    p->k = test_random(&problem_rng, p->n_key * p->kv_width);
    p->v = test_random(&problem_rng, p->n_key * p->kv_width);
    p->dout = test_random(&problem_rng, p->n_query * p->width);
    p->a.q = test_acts(kernels, p->q, p->n_query, p->width);
    p->a.k = test_acts(kernels, p->k, p->n_key, p->kv_width);
    p->a.v = test_acts(kernels, p->v, p->n_key, p->kv_width);
    p->dout_act = test_acts(kernels, p->dout, p->n_query, p->width);
    p->out = test_acts(kernels, test_random(&problem_rng, p->n_query * p->width), p->n_query, p->width);
    p->dq = test_acts(kernels, test_random(&problem_rng, p->n_query * p->width), p->n_query, p->width);
    p->stats = test_random(&problem_rng, p->n_query * p->a.n_head);
    p->dk = test_guarded(n_heads, sizeof *p->dk);
    p->dv = test_guarded(n_heads, sizeof *p->dv);
    size_t n = graft_attention_scratch(p->a.d_head);
    p->scratch = test_guarded((n + 15) / 16 * 16, sizeof *p->scratch);
}

void problem_forward_heads(const graft_kernels *kernels, problem *p, size_t rows, size_t heads)
{
    size_t group = p->a.n_head / p->a.n_kv;
    for (size_t s = 0; s < p->a.n_spans; s++) {
        size_t n = p->spans[s].n_query;
        for (size_t begin = 0; begin < n; begin += rows) {
            size_t end = begin + rows < n ? begin + rows : n;
            for (size_t h = 0, n_heads; h < p->a.n_head; h += n_heads) {
                size_t left = group - h % group;
                n_heads = end - begin > 1 ? 1 : left < heads ? left : heads;
                kernels->attention(&p->a, s, begin, end, h, n_heads, p->out, p->ldo, p->stats,
                                   p->scratch);
            }
        }
    }
}

void problem_forward(const graft_kernels *kernels, problem *p, size_t rows)
{
    problem_forward_heads(kernels, p, rows, GRAFT_ATTENTION_ROWS);
}

void problem_backward(const graft_kernels *kernels, problem *p, size_t rows)
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
graft_real *problem_over_groups(const problem *p, const graft_real *heads)
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

expectation problem_expect(const problem *p)
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
void problem_check(const graft_kernels *kernels, problem *p, bool gradients)
{
    problem_memory(kernels, p);
    expectation e = problem_expect(p);
    size_t n_q = p->n_query * p->width, n_k = p->n_key * p->kv_width;
    double few = kernels->half ? 0x1p-7 : 4e-6, many = kernels->half ? 0x1p-5 : 4e-5;
    problem_forward(kernels, p, GRAFT_ATTENTION_ROWS);
    test_close("out", test_reals(kernels, p->out, p->n_query, p->width), e.out, e.ones, n_q,
               few / 2);
    test_close("stats", p->stats, e.stats, e.ones, p->n_query * p->a.n_head, 4e-6);
    if (gradients) {
        problem_backward(kernels, p, GRAFT_ATTENTION_ROWS);
        test_close("dq", test_reals(kernels, p->dq, p->n_query, p->width), e.dq, e.ones, n_q, few);
        test_close("dk", problem_over_groups(p, p->dk), e.dk, e.ones, n_k, many);
        test_close("dv", problem_over_groups(p, p->dv), e.dv, e.ones, n_k, many);
    }
    test_guarded_release();
}

/* Random parents, lengths from empty to longer than a block. */
void problem_forest(problem *p, size_t n_spans, size_t longest)
{
    for (size_t s = 0; s < n_spans; s++) {
        int parent = (int)graft_rng_below(&problem_rng, s + 1) - 1;
        problem_span(p, parent, 0, graft_rng_below(&problem_rng, longest + 1) + (parent < 0 ? 1 : 0));
    }
}
