/* kernels/avx512bf16/attention.c - attention in blocks of queries times keys, softmax on the fly
 * (Milakov & Gimelshein 2018; Dao et al. 2022); operands in bfloat16, everything else in single
 * precision.
 *
 * A block of scores stands with its keys as rows and its queries as lanes. Products walk pairs, so
 * each operand is read as it lies or zipped once: pairs along the width of a head for scores, of
 * neighbouring keys for what is summed over keys, of queries for what is summed over these. */
#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/vec.h"
#include "kernels/portable/portable.h"
#include "kernels/vector/softmax.h"

enum { ROWS = 6, TILE_MAX = 24, KEYS = GRAFT_KEY_BLOCK };

/* c[n_rows, n_cols] = keep[row] * c + a b, keep NULL: = scale * a b. a: pairs to be broadcast,
 * b: rows of zipped pairs, b_pair apart. */
typedef struct pair_product {
    const act *a;
    size_t a_row, a_pair;
    const act *b;
    size_t b_pair, n_pairs;
    float *c;
    size_t ldc;
    const float *keep;
    float scale;
} pair_product;

VEC_INLINE void run_product(int n_rows, int n_vec, const pair_product *p, size_t row, size_t col)
{
    vec acc[TILE_MAX];
    float *c = p->c + row * p->ldc + col;
    for (int i = 0; i < n_rows; i++) {
        for (int j = 0; j < n_vec; j++) {
            acc[i * n_vec + j] =
                p->keep == NULL ? vec_zero()
                                : vec_mul(vec_set(p->keep[row + (size_t)i]),
                                          vec_load(c + (size_t)i * p->ldc + (size_t)j * VEC_N));
        }
    }
    pair_sum(acc, n_rows, n_vec, p->n_pairs, p->a + row * p->a_row, p->a_row, p->a_pair,
             p->b + 2 * col, p->b_pair);
    for (int i = 0; i < n_rows; i++) {
        for (int j = 0; j < n_vec; j++) {
            vec sum = acc[i * n_vec + j];
            sum = p->keep == NULL ? vec_mul(sum, vec_set(p->scale)) : sum;
            vec_store(c + (size_t)i * p->ldc + (size_t)j * VEC_N, sum);
        }
    }
}

#define PRODUCT_KERNEL(name, n_rows, n_vec)                              \
    static void name(const pair_product *p, size_t row, size_t col)      \
    {                                                                    \
        run_product(n_rows, n_vec, p, row, col);                         \
    }
#define PRODUCT_KERNELS(name, n_vec)    \
    PRODUCT_KERNEL(name##_1, 1, n_vec)  \
    PRODUCT_KERNEL(name##_2, 2, n_vec)  \
    PRODUCT_KERNEL(name##_3, 3, n_vec)  \
    PRODUCT_KERNEL(name##_4, 4, n_vec)  \
    PRODUCT_KERNEL(name##_5, 5, n_vec)  \
    PRODUCT_KERNEL(name##_6, 6, n_vec)
PRODUCT_KERNELS(one, 1)
PRODUCT_KERNELS(two, 2)
PRODUCT_KERNELS(four, 4)
PRODUCT_KERNEL(one_12, 12, 1)
PRODUCT_KERNEL(two_12, 12, 2)

static void multiply_block(const pair_product *p, size_t n_rows, size_t n_cols)
{
    static void (*const kernels[3][ROWS])(const pair_product *, size_t, size_t) = {
        {one_1, one_2, one_3, one_4, one_5, one_6},
        {two_1, two_2, two_3, two_4, two_5, two_6},
        {four_1, four_2, four_3, four_4, four_5, four_6},
    };
    for (size_t col = 0, cols; col < n_cols; col += cols) {
        size_t left_cols = n_cols - col, kind = left_cols >= 64 ? 2 : left_cols >= 32 ? 1 : 0;
        cols = (size_t)16 << kind;
        for (size_t row = 0, rows; row < n_rows; row += rows) {
            size_t left = n_rows - row;
            if (kind < 2 && left >= 2 * ROWS) {
                rows = 2 * ROWS;
                (kind == 0 ? one_12 : two_12)(p, row, col);
                continue;
            }
            /* the last seven to ten rows in two halves: two rows alone leave the units waiting */
            rows = left > 6 && left <= 10 ? (left + 1) / 2 : left < ROWS ? left : ROWS;
            kernels[kind][rows - 1](p, row, col);
        }
    }
}

/* Everything that the blocks of one job share. */
typedef struct attention_job {
    const graft_attention *a;
    size_t d_head, column; /* of the key/value head, in rows of k and v */
    size_t n, width;       /* rows of the job, and lanes: n rounded up */
    act *q_lanes, *g_lanes; /* [d_head / 2][LANES][2]: queries, gradients of the output */
    act *q_zip, *g_zip;     /* [LANES / 2][d_head][2] */
    act *key_zip;           /* [KEYS / 2][d_head][2] */
    act *weights, *other_weights; /* [KEYS][LANES], or zipped [KEYS / 2][LANES][2] */
    act *zipped;
    float *scores, *other;  /* [KEYS][LANES] */
    float *sums;            /* [LANES][d_head] */
} attention_job;

static attention_job job_begin(const graft_attention *a, size_t n, size_t kv_head, float *scratch)
{
    size_t d = a->d_head;
    attention_job job = {.a = a, .d_head = d, .column = kv_head * d, .n = n,
                         .width = (n + VEC_N - 1) / VEC_N * VEC_N};
    act *at = (act *)scratch;
    job.q_lanes = at;
    job.g_lanes = at += d * LANES;
    job.q_zip = at += d * LANES;
    job.g_zip = at += d * LANES;
    job.key_zip = at += d * LANES;
    job.weights = at += d * KEYS;
    job.other_weights = at += KEYS * LANES;
    job.zipped = at += KEYS * LANES;
    job.scores = (float *)(void *)(at + KEYS * LANES);
    job.other = job.scores + KEYS * LANES;
    job.sums = job.other + KEYS * LANES;
    return job;
}

/* out[d / 2][lane][2] = x[lane][d]; lanes without a row are zero. */
static void to_lanes(act *out, const act *x, size_t ldx, size_t n_rows, size_t d_head)
{
    memset(out, 0, d_head * LANES * sizeof *out);
    for (size_t i = 0; i < n_rows; i++, x += ldx, out += 2) {
        for (size_t d = 0; d < d_head; d += 2) {
            memcpy(out + d * LANES, x + d, 2 * sizeof *out);
        }
    }
}

/* Two rows of n numbers (n a multiple of 16), b NULL: zeros, as pairs. */
VEC_INLINE void zip_two(act *out, const act *a, const act *b, size_t n)
{
    for (size_t i = 0; i < n; i += 32) {
        __m512i low = act_load32(a + i, n - i), high = _mm512_setzero_si512();
        if (b != NULL) {
            high = act_load32(b + i, n - i);
        }
        _mm512_storeu_si512(out + 2 * i, vec_zip_low(low, high));
        if (n - i > 16) {
            _mm512_storeu_si512(out + 2 * i + 32, vec_zip_high(low, high));
        }
    }
}

static void zip_queries(act *out, const act *x, size_t ldx, size_t n_rows, size_t d_head)
{
    for (size_t i = 0; i < n_rows; i += 2, x += 2 * ldx, out += 2 * d_head) {
        zip_two(out, x, i + 1 < n_rows ? x + ldx : NULL, d_head);
    }
}

/* Neighbouring keys of a block, wherever their rows lie. */
static void zip_keys(const attention_job *job, const act *rows, size_t ld,
                     const graft_key_run *runs, size_t n_runs)
{
    const act *first = NULL;
    act *out = job->key_zip;
    for (size_t r = 0; r < n_runs; r++) {
        const act *x = rows + runs[r].begin * ld + job->column;
        for (uint32_t i = 0; i < runs[r].n; i++, x += ld) {
            if (first == NULL) {
                first = x;
                continue;
            }
            zip_two(out, first, x, job->d_head);
            out += 2 * job->d_head;
            first = NULL;
        }
    }
    if (first != NULL) {
        zip_two(out, first, NULL, job->d_head);
    }
}

/* out[key][lane] = scale * rows of k or v at these runs times lanes. */
static void score_runs(const attention_job *job, const act *rows, size_t ld,
                       const graft_key_run *runs, size_t n_runs, const act *lanes, float scale,
                       float *out)
{
    for (size_t r = 0; r < n_runs; r++) {
        pair_product p = {rows + runs[r].begin * ld + job->column, ld, 2, lanes, 2 * LANES,
                          job->d_head / 2, out, LANES, NULL, scale};
        multiply_block(&p, runs[r].n, job->width);
        out += runs[r].n * LANES;
    }
}

/* Pairs of neighbouring keys of a block of weights. */
static void zip_weights(const attention_job *job, const float *weights, size_t n_keys)
{
    for (size_t k = 0; k < n_keys; k += 2) {
        for (size_t lane = 0; lane < job->width; lane += VEC_N) {
            vec a = vec_load(weights + k * LANES + lane), b = vec_zero();
            if (k + 1 < n_keys) {
                b = vec_load(weights + (k + 1) * LANES + lane);
            }
            _mm512_storeu_si512(job->zipped + (k * LANES + 2 * lane), vec_zip(a, b));
        }
    }
}

/* sums[lane, d] = keep * sums + sum over keys of the zipped weights and the zipped rows. */
static void add_keys(const attention_job *job, size_t n_keys, const float *keep)
{
    pair_product p = {job->zipped, 2, 2 * LANES, job->key_zip, 2 * job->d_head, (n_keys + 1) / 2,
                      job->sums, job->d_head, keep, 1.0f};
    multiply_block(&p, job->n, job->d_head);
}

static void attention(const graft_attention *a, size_t span, size_t begin, size_t end, size_t head,
                      graft_act *out, size_t ldo, float *stats, float *scratch)
{
    if (a->d_head % VEC_N != 0) {
        graft_portable_attention_half(a, span, begin, end, head, out, ldo, stats, scratch);
        return;
    }
    const graft_span *s = &a->spans[span];
    attention_job job = job_begin(a, end - begin, head / (a->n_head / a->n_kv), scratch);
    size_t row = s->query_begin + begin, at = head * a->d_head;
    size_t seen = graft_keys_seen(s, begin), last = graft_keys_seen(s, end - 1);
    float max[LANES], sum[LANES] = {0}, keep[LANES];
    graft_key_run runs[KEYS];
    to_lanes(job.q_lanes, (const act *)a->q + row * a->ldq + at, a->ldq, job.n, a->d_head);
    memset(job.sums, 0, job.n * a->d_head * sizeof *job.sums);
    for (size_t i = 0; i < LANES; i++) {
        max[i] = -INFINITY;
    }
    for (size_t key = 0; key < last; key += KEYS) {
        size_t n = last - key < KEYS ? last - key : KEYS;
        size_t n_runs = graft_key_runs(a, span, key, key + n, runs);
        score_runs(&job, a->k, a->ldk, runs, n_runs, job.q_lanes, a->scale, job.scores);
        for (size_t lane = 0; lane < job.width; lane += VEC_N) {
            softmax_lanes(job.scores + lane, n, key, seen, lane, max + lane, sum + lane,
                          keep + lane);
        }
        zip_weights(&job, job.scores, n);
        zip_keys(&job, a->v, a->ldv, runs, n_runs);
        add_keys(&job, n, keep);
    }
    act *to = (act *)out + row * ldo + at;
    for (size_t i = 0; i < job.n; i++) {
        for (size_t d = 0; d < a->d_head; d += VEC_N) {
            vec value = vec_div(vec_load(job.sums + i * a->d_head + d), vec_set(sum[i]));
            act_store(to + i * ldo + d, value);
        }
        stats[(row + i) * a->n_head + head] = max[i] + logf(sum[i]);
    }
}

/* dot(out, dout) of each row. */
static void row_dots(float *delta, const act *out, const act *dout, size_t ldo, size_t n_rows,
                     size_t d_head)
{
    for (size_t i = 0; i < n_rows; i++, out += ldo, dout += ldo) {
        vec_wide sum = vec_wide_zero();
        for (size_t d = 0; d < d_head; d += VEC_N) {
            sum = vec_wide_fma(sum, act_load(out + d), act_load(dout + d));
        }
        delta[i] = (float)vec_wide_sum(sum);
    }
}

static const float ones[KEYS] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

/* to[key] += sum over the zipped queries of weights[key][lane]. */
static void scatter_runs(const attention_job *job, float *to, size_t ldt,
                         const graft_key_run *runs, size_t n_runs, const act *weights,
                         const act *queries)
{
    for (size_t r = 0; r < n_runs; r++) {
        pair_product p = {weights, LANES, 2, queries, 2 * job->d_head, (job->n + 1) / 2,
                          to + runs[r].begin * ldt, ldt, ones, 1.0f};
        multiply_block(&p, runs[r].n, job->d_head);
        weights += runs[r].n * LANES;
    }
}

static void attention_backward(const graft_attention *a, size_t span, size_t begin, size_t end,
                               size_t head, const graft_act *out, const graft_act *dout_act,
                               size_t ldo, const float *stats, graft_act *dq_act, size_t lddq,
                               float *dk, size_t lddk, float *dv, size_t lddv, float *scratch)
{
    if (a->d_head % VEC_N != 0) {
        graft_portable_attention_backward_half(a, span, begin, end, head, out, dout_act, ldo,
                                               stats, dq_act, lddq, dk, lddk, dv, lddv, scratch);
        return;
    }
    const graft_span *s = &a->spans[span];
    attention_job job = job_begin(a, end - begin, head / (a->n_head / a->n_kv), scratch);
    size_t row = s->query_begin + begin, at = head * a->d_head, d_head = a->d_head;
    size_t seen = graft_keys_seen(s, begin), last = graft_keys_seen(s, end - 1);
    const act *q = (const act *)a->q + row * a->ldq + at;
    const act *dout = (const act *)dout_act + row * ldo + at;
    float lse[LANES] = {0}, delta[LANES] = {0};
    graft_key_run runs[KEYS];
    to_lanes(job.q_lanes, q, a->ldq, job.n, d_head);
    to_lanes(job.g_lanes, dout, ldo, job.n, d_head);
    zip_queries(job.q_zip, q, a->ldq, job.n, d_head);
    zip_queries(job.g_zip, dout, ldo, job.n, d_head);
    row_dots(delta, (const act *)out + row * ldo + at, dout, ldo, job.n, d_head);
    for (size_t i = 0; i < job.n; i++) {
        lse[i] = stats[(row + i) * a->n_head + head];
    }
    memset(job.sums, 0, job.n * d_head * sizeof *job.sums);
    for (size_t key = 0; key < last; key += KEYS) {
        size_t n = last - key < KEYS ? last - key : KEYS;
        size_t n_runs = graft_key_runs(a, span, key, key + n, runs);
        score_runs(&job, a->k, a->ldk, runs, n_runs, job.q_lanes, a->scale, job.scores);
        score_runs(&job, a->v, a->ldv, runs, n_runs, job.g_lanes, 1.0f, job.other);
        for (size_t lane = 0; lane < job.width; lane += VEC_N) {
            vec shift = vec_load(lse + lane), d = vec_load(delta + lane);
            for (size_t k = 0; k < n; k++) {
                float *score = job.scores + k * LANES + lane, *other = job.other + k * LANES + lane;
                vec p = vec_exp_weight(vec_sub(vec_load(score), shift));
                size_t hidden = hidden_lanes(key + k, seen, lane);
                p = hidden > 0 ? vec_first(vec_zero(), p, hidden) : p;
                score_gradients(score, other, p, d, vec_set(a->scale));
                act_store(job.weights + k * LANES + lane, vec_load(score));
                act_store(job.other_weights + k * LANES + lane, vec_load(other));
            }
        }
        zip_weights(&job, job.other, n);
        zip_keys(&job, a->k, a->ldk, runs, n_runs);
        add_keys(&job, n, ones);
        scatter_runs(&job, dk, lddk, runs, n_runs, job.other_weights, job.q_zip);
        scatter_runs(&job, dv, lddv, runs, n_runs, job.weights, job.g_zip);
    }
    act *dq = (act *)dq_act + row * lddq + at;
    for (size_t i = 0; i < job.n; i++) {
        for (size_t d = 0; d < d_head; d += VEC_N) {
            act_store(dq + i * lddq + d, vec_load(job.sums + i * d_head + d));
        }
    }
}

void graft_avx512bf16_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward = attention_backward;
}
