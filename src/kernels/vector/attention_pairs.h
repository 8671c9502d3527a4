/* kernels/vector/attention_pairs.h - attention in blocks of queries times keys, softmax on the fly
 * (Milakov & Gimelshein 2018; Dao et al. 2022); operands in bfloat16, everything else in single
 * precision. Included once by the attention.c of a level that multiplies pairs.
 *
 * A block of scores stands with its keys as rows and its queries as lanes. Products walk pairs, so
 * each operand is read as it lies or zipped once: pairs along the width of a head for scores, of
 * neighbouring keys for what is summed over keys, of queries for what is summed over these. */
#include <math.h>
#include <string.h>

#include "kernels/avx512bf16/vec.h"
#include "kernels/portable/portable.h"
#include "kernels/vector/faint.h"
#include "kernels/vector/softmax.h"

enum { KEYS = GRAFT_KEY_BLOCK };

/* c[n_rows, n_cols] = a b, or c + a b, or keep[row] * c + a b. a: rows of pairs, b: rows of zipped
 * pairs, b_pair apart. */
typedef struct pair_product {
    const act *a;
    size_t a_row, a_pair;
    const act *b;
    size_t b_pair, n_pairs;
    float *c;
    size_t ldc;
    bool add;
    const float *keep; /* NULL: ones */
} pair_product;

/* Everything that the blocks of one job share. */
typedef struct attention_job {
    const graft_attention *a;
    size_t d_head, column; /* where the key/value head begins in k and v */
    size_t n, width;       /* rows of the job, and lanes: n rounded up */
    act *q_lanes, *g_lanes; /* [d_head / 2][LANES][2]: queries, gradients of the output */
    act *q_zip, *g_zip;     /* [LANES / 2][d_head][2] */
    act *key_zip;           /* [KEYS / 2][d_head][2] */
    act *weights, *other_weights; /* [KEYS][LANES] */
    act *zipped;            /* [KEYS / 2][LANES][2] */
    float *scores, *other;  /* [KEYS][LANES] */
    float *sums;            /* [LANES][d_head] */
    size_t state;           /* the level's own */
} attention_job;

/* What a level defines; n_cols is a multiple of VEC_N. */
static void multiply_block(attention_job *job, const pair_product *p, size_t n_rows, size_t n_cols);
/* The block in job->zipped as the left side of a product, its rows the lanes. */
static void weights_by_lane(attention_job *job, size_t n_keys, pair_product *p);
static void job_end(attention_job *job);

static attention_job job_begin(const graft_attention *a, size_t n, size_t kv_head, float *scratch)
{
    size_t d = a->d_head;
    attention_job job = {.a = a, .d_head = d, .column = kv_head * a->kv_step, .n = n,
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
    for (size_t lane = 0; lane < LANES; lane += VEC_N) {
        for (size_t d = 0; d < d_head; d += 32) {
            __m512i rows[VEC_N];
            size_t n = d_head - d < 32 ? d_head - d : 32;
            for (size_t i = 0; i < VEC_N; i++) {
                rows[i] = _mm512_setzero_si512();
                if (lane + i < n_rows) {
                    rows[i] = act_load32(x + (lane + i) * ldx + d, n);
                }
            }
            transpose16(rows);
            for (size_t i = 0; i < n / 2; i++) {
                _mm512_storeu_si512(out + (d + 2 * i) * LANES + 2 * lane, rows[i]);
            }
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

/* out[key][lane] = rows of k or v at these runs times lanes. */
static void score_runs(attention_job *job, const act *rows, size_t ld, const graft_key_run *runs,
                       size_t n_runs, const act *lanes, float *out)
{
    for (size_t r = 0; r < n_runs; r++) {
        pair_product p = {rows + runs[r].begin * ld + job->column, ld, 2, lanes, 2 * LANES,
                          job->d_head / 2, out, LANES, false, NULL};
        multiply_block(job, &p, runs[r].n, job->width);
        out += runs[r].n * LANES;
    }
}

/* sums[lane, d] = keep * sums + sum over keys of the zipped weights and the zipped rows. */
static void add_keys(attention_job *job, size_t n_keys, const float *keep)
{
    pair_product p = {.b = job->key_zip, .b_pair = 2 * job->d_head, .n_pairs = (n_keys + 1) / 2,
                      .c = job->sums, .ldc = job->d_head, .add = true, .keep = keep};
    weights_by_lane(job, n_keys, &p);
    multiply_block(job, &p, job->n, job->d_head);
}

/* to[key] += sum over the zipped queries of weights[key][lane]. */
static void scatter_runs(attention_job *job, float *to, size_t ldt, const graft_key_run *runs,
                         size_t n_runs, const act *weights, const act *queries)
{
    for (size_t r = 0; r < n_runs; r++) {
        pair_product p = {weights, LANES, 2, queries, 2 * job->d_head, (job->n + 1) / 2,
                          to + runs[r].begin * ldt, ldt, true, NULL};
        multiply_block(job, &p, runs[r].n, job->d_head);
        weights += runs[r].n * LANES;
    }
}

/* 2^x for weights, which are rounded to bfloat16: relative error below 3e-6, x at most a little above
 * 0, below -125 as if it were that; 2^0 is 1 and NaN stays NaN. The integer part stands in the low
 * bits of what was rounded by adding 1.5 * 2^23. */
VEC_INLINE vec exp2_weight(vec x)
{
    const vec magic = vec_set(0x1.8p23f);
    x = vec_max(vec_set(-125.0f), x);
    vec rounded = vec_add(x, magic), f = vec_sub(x, vec_sub(rounded, magic));
    vec p = vec_fma(vec_set(0x1.3a02d0p-7f), f, vec_set(0x1.c9fc4ap-5f));
    p = vec_fma(p, f, vec_set(0x1.ec0378p-3f));
    p = vec_fma(p, f, vec_set(0x1.62e12cp-1f));
    p = vec_fma(p, f, vec_set(1.0f));
    __m512i power = _mm512_slli_epi32(_mm512_castps_si512(rounded), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), power));
}

/* Weights of a block of scores: 2^(score * factor - shift), nothing for keys that are hidden. Scores
 * that have been capped are scaled already. */
typedef struct weigher {
    lane_view view;
    size_t position; /* of the first key */
    vec factor;
    hidden_keys hides;
} weigher;

static weigher weigher_for(const attention_job *job, size_t position, size_t n,
                           const lane_view *view)
{
    float scale = job->a->softcap > 0 ? 1.0f : job->a->scale;
    return (weigher){*view, position, vec_set(scale * LOG2_E), hidden_of(view, position, n)};
}

VEC_INLINE vec weight_at(const weigher *w, hidden_keys hides, const float *scores, size_t k,
                         size_t lane, vec shift)
{
    vec weight = exp2_weight(vec_fms(vec_load(scores + k * LANES + lane), w->factor, shift));
    return where_seen(&w->view, hides, w->position + k, lane, weight, vec_zero());
}

/* Scores to zipped weights; keep: what the results so far are to be multiplied by. max counts in
 * powers of two. */
VEC_INLINE void softmax_lane(const attention_job *job, const weigher *w, hidden_keys hides,
                             size_t n, size_t lane, float *max, float *sum, float *keep)
{
    vec old = vec_load(max + lane), new = vec_set(-INFINITY), total = vec_zero();
    for (size_t k = 0; k < n; k++) {
        vec s = vec_load(job->scores + k * LANES + lane);
        s = where_seen(&w->view, hides, w->position + k, lane, s, vec_set(-INFINITY));
        new = vec_max(s, new);
    }
    new = vec_max(vec_mul(new, w->factor), old);
    for (size_t k = 0; k < n; k += 2) {
        vec a = weight_at(w, hides, job->scores, k, lane, new), b = vec_zero();
        if (k + 1 < n) {
            b = weight_at(w, hides, job->scores, k + 1, lane, new);
        }
        total = vec_add(vec_add(total, a), b);
        _mm512_storeu_si512(job->zipped + k * LANES + 2 * lane, vec_zip(a, b));
    }
    vec shrink = vec_exp(vec_mul(vec_sub(old, new), vec_set(0x1.62e430p-1f)));
    vec_store(keep + lane, shrink);
    vec_store(sum + lane, vec_fma(vec_load(sum + lane), shrink, total));
    vec_store(max + lane, new);
}

static void softmax_block(const attention_job *job, size_t n, size_t position,
                          const lane_view *view, float *max, float *sum, float *keep)
{
    weigher w = weigher_for(job, position, n, view);
    for (size_t lane = 0; lane < job->width; lane += VEC_N) {
        if (w.hides == HIDDEN_NONE) {
            softmax_lane(job, &w, HIDDEN_NONE, n, lane, max, sum, keep);
        } else if (w.hides == HIDDEN_LATER) {
            softmax_lane(job, &w, HIDDEN_LATER, n, lane, max, sum, keep);
        } else {
            softmax_lane(job, &w, HIDDEN_BOTH, n, lane, max, sum, keep);
        }
    }
}

static void cap_block(const attention_job *job, size_t n)
{
    float cap = job->a->softcap;
    if (cap > 0) {
        cap_scores(job->scores, n, job->width, job->a->scale / cap, cap);
    }
}

static void attention(const graft_attention *a, size_t span, size_t begin, size_t end, size_t head,
                      size_t n_heads, graft_act *out, size_t ldo, float *stats, float *scratch)
{
    if (a->d_head % VEC_N != 0) {
        graft_portable_attention_half(a, span, begin, end, head, n_heads, out, ldo, stats, scratch);
        return;
    }
    const graft_span *s = &a->spans[span];
    const lane_rows rows = rows_of(a, s, begin, end, head, n_heads, ldo);
    attention_job job = job_begin(a, rows.n, head / (a->n_head / a->n_kv), scratch);
    lane_view view = view_of(a, s, begin, end);
    size_t first = graft_keys_first(a, view.seen) / KEYS * KEYS, last = view.last;
    float max[LANES], sum[LANES] = {0}, keep[LANES];
    graft_key_run runs[KEYS];
    to_lanes(job.q_lanes, (const act *)a->q + rows.q, rows.ldq, job.n, a->d_head);
    memset(job.sums, 0, job.n * a->d_head * sizeof *job.sums);
    for (size_t i = 0; i < LANES; i++) {
        max[i] = lowest_score(a);
    }
    for (size_t key = first; key < last; key += KEYS) {
        size_t n = last - key < KEYS ? last - key : KEYS;
        size_t n_runs = graft_key_runs(a, span, key, key + n, runs);
        score_runs(&job, a->k, a->ldk, runs, n_runs, job.q_lanes, job.scores);
        cap_block(&job, n);
        softmax_block(&job, n, key, &view, max, sum, keep);
        zip_keys(&job, a->v, a->ldv, runs, n_runs);
        add_keys(&job, n, keep);
    }
    job_end(&job);
    act *to = (act *)out + rows.out;
    for (size_t i = 0; i < job.n; i++) {
        for (size_t d = 0; d < a->d_head; d += VEC_N) {
            vec value = vec_div(vec_load(job.sums + i * a->d_head + d), vec_set(sum[i]));
            act_store(to + i * rows.ldo + d, value);
        }
        stats[rows.stats + i * rows.lds] = max[i] * 0x1.62e430p-1f + logf(sum[i]);
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

/* From scores and gradients of weights: weights, and gradients of scores by key and zipped. */
VEC_INLINE void gradients_lane(const attention_job *job, const weigher *w, hidden_keys hides,
                               bool capped, size_t n, size_t lane, vec shift, vec delta)
{
    vec scale = vec_set(job->a->scale), inverse_cap = vec_set(1.0f / job->a->softcap);
    for (size_t k = 0; k < n; k += 2) {
        vec gradient[2] = {vec_zero(), vec_zero()};
        for (size_t i = 0; i < 2 && k + i < n; i++) {
            size_t at = (k + i) * LANES + lane;
            vec weight = weight_at(w, hides, job->scores, k + i, lane, shift);
            gradient[i] = vec_mul(vec_mul(weight, scale),
                                  vec_sub(vec_load(job->other + at), delta));
            if (capped) {
                gradient[i] = through_cap(gradient[i], vec_load(job->scores + at), inverse_cap);
            }
            act_store(job->weights + at, weight);
            act_store(job->other_weights + at, gradient[i]);
        }
        _mm512_storeu_si512(job->zipped + k * LANES + 2 * lane,
                            vec_zip(gradient[0], gradient[1]));
    }
}

static void gradients_block(const attention_job *job, size_t n, size_t position,
                            const lane_view *view, const float *lse, const float *delta)
{
    weigher w = weigher_for(job, position, n, view);
    bool capped = job->a->softcap > 0;
    for (size_t lane = 0; lane < job->width; lane += VEC_N) {
        vec shift = vec_mul(vec_load(lse + lane), vec_set(LOG2_E)), d = vec_load(delta + lane);
        if (capped) {
            gradients_lane(job, &w, HIDDEN_BOTH, true, n, lane, shift, d);
        } else if (w.hides == HIDDEN_NONE) {
            gradients_lane(job, &w, HIDDEN_NONE, false, n, lane, shift, d);
        } else if (w.hides == HIDDEN_LATER) {
            gradients_lane(job, &w, HIDDEN_LATER, false, n, lane, shift, d);
        } else {
            gradients_lane(job, &w, HIDDEN_BOTH, false, n, lane, shift, d);
        }
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
    lane_view view = gradient_view_of(a, s, begin, end);
    size_t first = graft_keys_first(a, view.seen) / KEYS * KEYS, last = view.last;
    const act *q = (const act *)a->q + row * a->ldq + at;
    const act *dout = (const act *)dout_act + row * ldo + at;
    float lse[LANES] = {0}, delta[LANES] = {0};
    float limits[LANES];
    key_runs runs;
    to_lanes(job.q_lanes, q, a->ldq, job.n, d_head);
    to_lanes(job.g_lanes, dout, ldo, job.n, d_head);
    zip_queries(job.q_zip, q, a->ldq, job.n, d_head);
    zip_queries(job.g_zip, dout, ldo, job.n, d_head);
    row_dots(delta, (const act *)out + row * ldo + at, dout, ldo, job.n, d_head);
    for (size_t i = 0; i < job.n; i++) {
        lse[i] = stats[(row + i) * a->n_head + head];
    }
    faint_limits(a, job.n, last - first, lse, limits);
    memset(job.sums, 0, job.n * d_head * sizeof *job.sums);
    for (size_t key = first; key < last; key += KEYS) {
        size_t n = last - key < KEYS ? last - key : KEYS;
        runs.n = graft_key_runs(a, span, key, key + n, runs.items);
        score_runs(&job, a->k, a->ldk, runs.items, runs.n, job.q_lanes, job.scores);
        cap_block(&job, n);
        if (a->faint > 0 && hidden_of(&view, key, n) == HIDDEN_NONE) {
            score_block block = {job.scores, n, job.width, a->softcap > 0 ? 1.0f : a->scale};
            n = drop_faint(&block, &runs, limits);
        }
        if (n == 0) {
            continue;
        }
        score_runs(&job, a->v, a->ldv, runs.items, runs.n, job.g_lanes, job.other);
        gradients_block(&job, n, key, &view, lse, delta);
        zip_keys(&job, a->k, a->ldk, runs.items, runs.n);
        add_keys(&job, n, NULL);
        scatter_runs(&job, dk, lddk, runs.items, runs.n, job.other_weights, job.q_zip);
        scatter_runs(&job, dv, lddv, runs.items, runs.n, job.weights, job.g_zip);
    }
    job_end(&job);
    act *dq = (act *)dq_act + row * lddq + at;
    for (size_t i = 0; i < job.n; i++) {
        for (size_t d = 0; d < d_head; d += VEC_N) {
            act_store(dq + i * lddq + d, vec_load(job.sums + i * d_head + d));
        }
    }
}
