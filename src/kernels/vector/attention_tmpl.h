/* kernels/vector/attention_tmpl.h - attention in blocks of queries times keys, softmax on the fly
 * (Milakov & Gimelshein 2018; Dao et al. 2022). Included once by a level's attention.c.
 *
 * A block of scores stands with its keys as rows and its queries as lanes, so that maxima, sums and exponentials go down the rows
 * and nothing is ever reduced across lanes. The side that stands in the lanes is transposed once
 * per job; the other side, and the values, are read where they lie. */

#include <math.h>
#include <string.h>

#include "kernels/portable/portable.h"
#include "kernels/spans.h"
#include "kernels/vector/faint.h"
#include "kernels/vector/softmax.h"
#include "kernels/vector/tile.h"

/* c[n_rows, n_vec * VEC_N] = keep[row] * c + a b, keep NULL: = a b. a and b as in tile_sum. */
typedef struct tile_product {
    const float *a;
    size_t a_row, a_k;
    const float *b;
    size_t b_k, n_k;
    float *c;
    size_t ldc;
    const float *keep;
} tile_product;

VEC_INLINE void run_product(int n_rows, int n_vec, const tile_product *p, size_t row, size_t col)
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
    tile_sum(acc, n_rows, 1, n_vec, p->n_k, p->a + row * p->a_row, p->a_row, p->a_k, p->b + col, 0,
             p->b_k);
    for (int i = 0; i < n_rows; i++) {
        for (int j = 0; j < n_vec; j++) {
            vec_store(c + (size_t)i * p->ldc + (size_t)j * VEC_N, acc[i * n_vec + j]);
        }
    }
}

#define PRODUCT_KERNEL(name, n_rows, n_vec)                              \
    static void name(const tile_product *p, size_t row, size_t col)      \
    {                                                                    \
        run_product(n_rows, n_vec, p, row, col);                         \
    }
PRODUCT_KERNEL(product_1x1, 1, 1)
PRODUCT_KERNEL(product_2x1, 2, 1)
PRODUCT_KERNEL(product_3x1, 3, 1)
PRODUCT_KERNEL(product_4x1, 4, 1)
PRODUCT_KERNEL(product_5x1, 5, 1)
PRODUCT_KERNEL(product_6x1, 6, 1)
PRODUCT_KERNEL(product_1x2, 1, 2)
PRODUCT_KERNEL(product_2x2, 2, 2)
PRODUCT_KERNEL(product_3x2, 3, 2)
PRODUCT_KERNEL(product_4x2, 4, 2)
PRODUCT_KERNEL(product_5x2, 5, 2)
PRODUCT_KERNEL(product_6x2, 6, 2)
PRODUCT_KERNEL(product_1x8, 1, 8)

static void multiply_block(const tile_product *p, size_t n_rows, size_t n_cols)
{
    static void (*const kernels[2][GEMM_ROWS])(const tile_product *, size_t, size_t) = {
        {product_1x1, product_2x1, product_3x1, product_4x1, product_5x1, product_6x1},
        {product_1x2, product_2x2, product_3x2, product_4x2, product_5x2, product_6x2},
    };
    for (size_t row = 0, rows; row < n_rows; row += rows) {
        size_t left = n_rows - row, col = 0;
        /* the last seven to ten rows in two halves: two rows alone leave the units waiting */
        rows = left > 6 && left <= 10 ? (left + 1) / 2 : left < GEMM_ROWS ? left : GEMM_ROWS;
        for (; rows == 1 && col + 8 * VEC_N <= n_cols; col += 8 * VEC_N) {
            product_1x8(p, row, col);
        }
        for (; col + 2 * VEC_N <= n_cols; col += 2 * VEC_N) {
            kernels[1][rows - 1](p, row, col);
        }
        if (col < n_cols) {
            kernels[0][rows - 1](p, row, col);
        }
    }
}

/* out[d][LANES] = scale * x[lane][d]; lanes without a row are zero. */
static void to_lanes(float *out, const act *x, size_t ldx, size_t n_rows, size_t d_head,
                     float scale)
{
    memset(out, 0, d_head * LANES * sizeof *out);
    for (size_t i = 0; i < n_rows; i++, x += ldx) {
        for (size_t d = 0; d < d_head; d++) {
            out[d * LANES + i] = scale * act_one(x + d);
        }
    }
}

static const float ones[GRAFT_KEY_BLOCK] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

/* Everything that the blocks of one job share. */
typedef struct attention_job {
    const graft_attention *a;
    size_t d_head, column; /* where the key/value head begins in k and v */
    size_t n, width;       /* rows of the job, and lanes: n rounded up */
    float *first, *second; /* transposed operands, [d_head][LANES] */
    float *scores, *other; /* [GRAFT_KEY_BLOCK][LANES] */
    float *room;           /* for narrow activations as floats: those of a run of keys */
    float *rooms[3];       /* [LANES][d_head]: of the job's rows */
} attention_job;

static attention_job job_begin(const graft_attention *a, size_t n, size_t kv_head, float *scratch)
{
    attention_job job = {a, a->d_head, kv_head * a->kv_step, n, (n + VEC_N - 1) / VEC_N * VEC_N,
                         NULL, NULL, NULL, NULL, NULL, {NULL}};
    job.first = scratch;
    job.second = job.first + a->d_head * LANES;
    job.scores = job.second + a->d_head * LANES;
    job.other = job.scores + GRAFT_KEY_BLOCK * LANES;
    job.room = job.other + GRAFT_KEY_BLOCK * LANES;
    for (size_t i = 0; i < 3; i++) {
        job.rooms[i] = job.room + (GRAFT_KEY_BLOCK + i * LANES) * a->d_head;
    }
    return job;
}

/* Decoding has few queries, the heads that share keys, which would leave most lanes idle: keys stand in the lanes then,
 * VEC_N of them in a group. Of several groups side by side the sums of one do not wait for those of another. */
enum { FEW_SUMS = 8, AHEAD = 32 /* keys that are asked for while others are read: too little is done with each to wait */ };

/* Scores of n_groups times VEC_N keys for n_queries queries, which stand in the first lanes; zeros behind them. */
VEC_INLINE void score_groups(const float *rows, size_t ld, int n_groups, int n_queries, size_t d_head,
                             const float *queries, float *out)
{
    vec sums[FEW_SUMS], t[VEC_N];
    for (int i = 0; i < n_groups * n_queries; i++) {
        sums[i] = vec_zero();
    }
    for (size_t d = 0; d < d_head; d += VEC_N) {
        for (int g = 0; g < n_groups; g++) {
            for (size_t i = 0; i < VEC_N; i++) {
                const float *row = rows + ((size_t)g * VEC_N + i) * ld + d;
                t[i] = vec_load(row);
                if (d % 16 == 0) { /* once a cache line */
                    __builtin_prefetch(row + AHEAD * ld);
                }
            }
            vec_transpose(t);
            for (size_t i = 0; i < VEC_N; i++) {
                for (int q = 0; q < n_queries; q++) {
                    vec *sum = &sums[g * n_queries + q];
                    *sum = vec_fma(t[i], vec_set(queries[(d + i) * LANES + (size_t)q]), *sum);
                }
            }
        }
    }
    for (int g = 0; g < n_groups; g++) {
        for (int i = 0; i < VEC_N; i++) {
            t[i] = i < n_queries ? sums[g * n_queries + i] : vec_zero();
        }
        vec_transpose(t);
        for (size_t i = 0; i < VEC_N; i++, out += LANES) {
            vec_store(out, t[i]);
        }
    }
}

/* Sums run over d in the same order as in a block of queries: the bits are the same. Returns how many keys were
 * scored: as many as are whole groups. */
VEC_INLINE size_t score_queries(const float *rows, size_t ld, size_t n, int n_queries, size_t d_head,
                                const float *queries, float *out)
{
    const int n_groups = n_queries == 1 ? 4 : 2;
    size_t key = 0, step = (size_t)n_groups * VEC_N;
    for (; key + step <= n; key += step) {
        score_groups(rows + key * ld, ld, n_groups, n_queries, d_head, queries, out + key * LANES);
    }
    for (; key + VEC_N <= n; key += VEC_N) {
        score_groups(rows + key * ld, ld, 1, n_queries, d_head, queries, out + key * LANES);
    }
    return key;
}

static size_t score_few(const float *rows, size_t ld, size_t n, size_t n_queries, size_t d_head,
                        const float *queries, float *out)
{
    switch (n_queries) {
    case 1: return score_queries(rows, ld, n, 1, d_head, queries, out);
    case 2: return score_queries(rows, ld, n, 2, d_head, queries, out);
    case 3: return score_queries(rows, ld, n, 3, d_head, queries, out);
    case 4: return score_queries(rows, ld, n, 4, d_head, queries, out);
    default: return 0;
    }
}

/* The keys or values of a run as floats. */
VEC_INLINE const float *run_rows(const attention_job *job, const graft_act *rows, size_t ldr,
                                 const graft_key_run *run, size_t *ld)
{
    return act_rows(job->room, (const act *)rows + run->begin * ldr + job->column, ldr, run->n,
                    job->d_head, ld);
}

/* out[key][lane] = rows of k or v at these runs times a transposed operand. */
static void score_runs(const attention_job *job, const graft_act *rows, size_t ldr,
                       const graft_key_run *runs, size_t n_runs, const float *lanes, float *out)
{
    for (size_t r = 0; r < n_runs; r++) {
        size_t ld;
        const float *keys = run_rows(job, rows, ldr, &runs[r], &ld);
        size_t n = score_few(keys, ld, runs[r].n, job->n, job->d_head, lanes, out);
        tile_product p = {keys + n * ld, ld, 1, lanes, LANES, job->d_head, out + n * LANES, LANES, NULL};
        multiply_block(&p, runs[r].n - n, job->width);
        out += runs[r].n * LANES;
    }
}

/* to[lane, d] = keep * to + sum over the keys of these runs of weights[key][lane] rows[key][d]. */
static void add_runs(const attention_job *job, const graft_act *rows, size_t ldr,
                     const graft_key_run *runs, size_t n_runs, const float *weights, float *to,
                     size_t ldt, const float *keep)
{
    for (size_t r = 0; r < n_runs; r++, keep = ones) {
        size_t ld;
        const float *values = run_rows(job, rows, ldr, &runs[r], &ld);
        tile_product p = {weights, 1, LANES, values, ld, runs[r].n, to, ldt, keep};
        multiply_block(&p, job->n, job->d_head);
        weights += runs[r].n * LANES;
    }
}

/* Scores to exp(score - maximum); keep: what the results so far are to be multiplied by. */
VEC_INLINE void softmax_lanes(float *scores, size_t n_keys, size_t position, const lane_view *view,
                              hidden_keys hides, size_t lane, float *max, float *sum, float *keep)
{
    vec old = vec_load(max), new = old, total = vec_zero();
    for (size_t k = 0; k < n_keys; k++) {
        vec s = vec_load(scores + k * LANES);
        s = where_seen(view, hides, position + k, lane, s, vec_set(-INFINITY));
        new = vec_max(s, new);
    }
    for (size_t k = 0; k < n_keys; k++) {
        vec p = vec_exp_weight(vec_sub(vec_load(scores + k * LANES), new));
        p = where_seen(view, hides, position + k, lane, p, vec_zero());
        total = vec_add(total, p);
        vec_store(scores + k * LANES, p);
    }
    vec shrink = vec_exp(vec_sub(old, new));
    vec_store(keep, shrink);
    vec_store(sum, vec_fma(vec_load(sum), shrink, total));
    vec_store(max, new);
}

static void softmax_block(const attention_job *job, size_t n, size_t position,
                          const lane_view *view, float *max, float *sum, float *keep)
{
    hidden_keys hides = hidden_of(view, position, n);
    for (size_t lane = 0; lane < job->width; lane += VEC_N) {
        float *scores = job->scores + lane;
        if (hides == HIDDEN_NONE) {
            softmax_lanes(scores, n, position, view, HIDDEN_NONE, lane, max + lane, sum + lane,
                          keep + lane);
        } else if (hides == HIDDEN_LATER) {
            softmax_lanes(scores, n, position, view, HIDDEN_LATER, lane, max + lane, sum + lane,
                          keep + lane);
        } else {
            softmax_lanes(scores, n, position, view, HIDDEN_BOTH, lane, max + lane, sum + lane,
                          keep + lane);
        }
    }
}

static void attention(const graft_attention *a, size_t span, size_t begin, size_t end, size_t head,
                      size_t n_heads, graft_act *out_act, size_t ldo, float *stats, float *scratch)
{
    if (a->d_head % VEC_N != 0) {
        PORTABLE(attention)(a, span, begin, end, head, n_heads, out_act, ldo, stats, scratch);
        return;
    }
    const graft_span *s = &a->spans[span];
    const lane_rows rows = rows_of(a, s, begin, end, head, n_heads, ldo);
    attention_job job = job_begin(a, rows.n, head / (a->n_head / a->n_kv), scratch);
    act *y = (act *)out_act + rows.out;
    size_t ld_sums;
    float *out = act_sums(job.rooms[0], y, rows.ldo, a->d_head, &ld_sums);
    lane_view view = view_of(a, s, begin, end);
    size_t first = graft_keys_first(a, view.seen) / GRAFT_KEY_BLOCK * GRAFT_KEY_BLOCK, last = view.last;
    float max[LANES], sum[LANES] = {0}, keep[LANES];
    graft_key_run runs[GRAFT_KEY_BLOCK];
    to_lanes(job.first, (const act *)a->q + rows.q, rows.ldq, job.n, a->d_head, a->scale);
    for (size_t i = 0; i < LANES; i++) {
        max[i] = lowest_score(a);
    }
    for (size_t i = 0; i < job.n; i++) {
        memset(out + i * ld_sums, 0, a->d_head * sizeof *out);
    }
    for (size_t key = first; key < last; key += GRAFT_KEY_BLOCK) {
        size_t n = last - key < GRAFT_KEY_BLOCK ? last - key : GRAFT_KEY_BLOCK;
        size_t n_runs = graft_key_runs(a, span, key, key + n, runs);
        score_runs(&job, a->k, a->ldk, runs, n_runs, job.first, job.scores);
        if (a->softcap > 0) {
            cap_scores(job.scores, n, job.width, 1.0f / a->softcap, a->softcap);
        }
        softmax_block(&job, n, key, &view, max, sum, keep);
        add_runs(&job, a->v, a->ldv, runs, n_runs, job.scores, out, ld_sums, keep);
    }
    for (size_t i = 0; i < job.n; i++) {
        float *to = out + i * ld_sums;
        for (size_t d = 0; d < a->d_head; d += VEC_N) {
            vec_store(to + d, vec_div(vec_load(to + d), vec_set(sum[i])));
        }
        stats[rows.stats + i * rows.lds] = max[i] + logf(sum[i]);
    }
    act_put_sums(y, rows.ldo, out, ld_sums, job.n, a->d_head);
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

/* to[key] += sum over lanes of weights[key][lane] rows[lane], for the keys of these runs. */
static void scatter_runs(const attention_job *job, float *to, size_t ldt,
                         const graft_key_run *runs, size_t n_runs, const float *weights,
                         const float *rows, size_t ld)
{
    for (size_t r = 0; r < n_runs; r++) {
        tile_product p = {weights, LANES, 1, rows, ld, job->n, to + runs[r].begin * ldt, ldt,
                          ones};
        multiply_block(&p, runs[r].n, job->d_head);
        weights += runs[r].n * LANES;
    }
}

/* Scores to probabilities, and gradients of these to gradients of scaled scores. */
VEC_INLINE void gradients_lane(const attention_job *job, size_t n, size_t position,
                               const lane_view *view, hidden_keys hides, bool capped, size_t lane,
                               vec shift, vec delta)
{
    vec scale = vec_set(job->a->scale), inverse_cap = vec_set(1.0f / job->a->softcap);
    for (size_t k = 0; k < n; k++) {
        size_t at = k * LANES + lane;
        vec s = vec_load(job->scores + at), p = vec_exp_weight(vec_sub(s, shift));
        p = where_seen(view, hides, position + k, lane, p, vec_zero());
        vec d = vec_mul(vec_mul(p, scale), vec_sub(vec_load(job->other + at), delta));
        vec_store(job->scores + at, p);
        vec_store(job->other + at, capped ? through_cap(d, s, inverse_cap) : d);
    }
}

static void gradients_block(const attention_job *job, size_t n, size_t position,
                            const lane_view *view, const float *lse, const float *delta)
{
    hidden_keys hides = hidden_of(view, position, n);
    bool capped = job->a->softcap > 0;
    for (size_t lane = 0; lane < job->width; lane += VEC_N) {
        vec shift = vec_load(lse + lane), d = vec_load(delta + lane);
        if (capped) {
            gradients_lane(job, n, position, view, HIDDEN_BOTH, true, lane, shift, d);
        } else if (hides == HIDDEN_NONE) {
            gradients_lane(job, n, position, view, HIDDEN_NONE, false, lane, shift, d);
        } else if (hides == HIDDEN_LATER) {
            gradients_lane(job, n, position, view, HIDDEN_LATER, false, lane, shift, d);
        } else {
            gradients_lane(job, n, position, view, HIDDEN_BOTH, false, lane, shift, d);
        }
    }
}

static void attention_backward(const graft_attention *a, size_t span, size_t begin, size_t end,
                               size_t head, const graft_act *out_act, const graft_act *dout_act,
                               size_t ldo, const float *stats, graft_act *dq_act, size_t lddq,
                               float *dk, size_t lddk, float *dv, size_t lddv, float *scratch)
{
    if (a->d_head % VEC_N != 0) {
        PORTABLE(attention_backward)(a, span, begin, end, head, out_act, dout_act, ldo, stats,
                                     dq_act, lddq, dk, lddk, dv, lddv, scratch);
        return;
    }
    const graft_span *s = &a->spans[span];
    attention_job job = job_begin(a, end - begin, head / (a->n_head / a->n_kv), scratch);
    size_t row = s->query_begin + begin, at = head * a->d_head;
    lane_view view = gradient_view_of(a, s, begin, end);
    size_t first = graft_keys_first(a, view.seen) / GRAFT_KEY_BLOCK * GRAFT_KEY_BLOCK, last = view.last;
    const act *queries = (const act *)a->q + row * a->ldq + at;
    const act *dy = (const act *)dout_act + row * ldo + at;
    act *to = (act *)dq_act + row * lddq + at;
    size_t ldq, lddo, ld_sums;
    const float *q = act_rows(job.rooms[0], queries, a->ldq, job.n, a->d_head, &ldq);
    const float *dout = act_rows(job.rooms[1], dy, ldo, job.n, a->d_head, &lddo);
    float *dq = act_sums(job.rooms[2], to, lddq, a->d_head, &ld_sums);
    float lse[LANES] = {0}, dlt[LANES] = {0};
    float limits[LANES];
    key_runs runs;
    to_lanes(job.first, queries, a->ldq, job.n, a->d_head, a->scale);
    to_lanes(job.second, dy, ldo, job.n, a->d_head, 1.0f);
    row_dots(dlt, (const act *)out_act + row * ldo + at, dy, ldo, job.n, a->d_head);
    for (size_t i = 0; i < job.n; i++) {
        lse[i] = stats[(row + i) * a->n_head + head];
        memset(dq + i * ld_sums, 0, a->d_head * sizeof *dq);
    }
    faint_limits(a, job.n, last - first, lse, limits);
    for (size_t key = first; key < last; key += GRAFT_KEY_BLOCK) {
        size_t n = last - key < GRAFT_KEY_BLOCK ? last - key : GRAFT_KEY_BLOCK;
        runs.n = graft_key_runs(a, span, key, key + n, runs.items);
        score_runs(&job, a->k, a->ldk, runs.items, runs.n, job.first, job.scores);
        if (a->softcap > 0) {
            cap_scores(job.scores, n, job.width, 1.0f / a->softcap, a->softcap);
        }
        if (a->faint > 0 && hidden_of(&view, key, n) == HIDDEN_NONE) {
            score_block block = {job.scores, n, job.width, 1.0f};
            n = drop_faint(&block, &runs, limits);
        }
        if (n == 0) {
            continue;
        }
        score_runs(&job, a->v, a->ldv, runs.items, runs.n, job.second, job.other);
        gradients_block(&job, n, key, &view, lse, dlt);
        add_runs(&job, a->k, a->ldk, runs.items, runs.n, job.other, dq, ld_sums, ones);
        scatter_runs(&job, dk, lddk, runs.items, runs.n, job.other, q, ldq);
        scatter_runs(&job, dv, lddv, runs.items, runs.n, job.scores, dout, lddo);
    }
    act_put_sums(to, lddq, dq, ld_sums, job.n, a->d_head);
}
