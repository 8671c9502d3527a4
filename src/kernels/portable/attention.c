/* kernels/portable/attention.c - one row at a time, softmax computed on the fly over blocks of
 * keys (Milakov & Gimelshein 2018; Dao et al. 2022), so memory does not grow with the length. */
#include "kernels/portable/portable.h"
#include "kernels/spans.h"

static graft_real dot(const graft_real *a, const graft_real *b, size_t n)
{
    graft_real sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* The rows of k and v at positions [begin, end) of the chain, in order. */
static size_t key_rows(const graft_attention *a, size_t span, size_t begin, size_t end,
                       uint32_t rows[GRAFT_KEY_BLOCK])
{
    graft_key_run runs[GRAFT_KEY_BLOCK];
    size_t n = 0, n_runs = graft_key_runs(a, span, begin, end, runs);
    for (size_t i = 0; i < n_runs; i++) {
        for (uint32_t j = 0; j < runs[i].n; j++) {
            rows[n++] = runs[i].begin + j;
        }
    }
    return n;
}

static size_t block_end(size_t begin, size_t seen)
{
    return begin + GRAFT_KEY_BLOCK < seen ? begin + GRAFT_KEY_BLOCK : seen;
}

/* One block of keys of one query: the running maximum and sum, and out before division. */
static void forward_block(const graft_attention *a, const graft_real *q, size_t column,
                          const uint32_t *rows, size_t n, graft_real *max, graft_real *sum,
                          graft_real *out)
{
    graft_real scores[GRAFT_KEY_BLOCK], new_max = *max;
    for (size_t j = 0; j < n; j++) {
        scores[j] = a->scale * dot(q, a->k + rows[j] * a->ldk + column, a->d_head);
        new_max = scores[j] > new_max ? scores[j] : new_max;
    }
    graft_real shrink = graft_exp(*max - new_max);
    *max = new_max;
    *sum *= shrink;
    for (size_t d = 0; d < a->d_head; d++) {
        out[d] *= shrink;
    }
    for (size_t j = 0; j < n; j++) {
        graft_real p = graft_exp(scores[j] - new_max);
        const graft_real *v = a->v + rows[j] * a->ldv + column;
        *sum += p;
        for (size_t d = 0; d < a->d_head; d++) {
            out[d] += p * v[d];
        }
    }
}

void graft_portable_attention(const graft_attention *a, size_t span, size_t begin, size_t end,
                              size_t head, graft_real *out, size_t ldo, graft_real *stats,
                              graft_real *scratch)
{
    const graft_span *s = &a->spans[span];
    size_t column = head / (a->n_head / a->n_kv) * a->d_head;
    uint32_t rows[GRAFT_KEY_BLOCK];
    (void)scratch;
    for (size_t i = begin; i < end; i++) {
        size_t row = s->query_begin + i, seen = graft_keys_seen(s, i);
        graft_real *o = out + row * ldo + head * a->d_head;
        graft_real max = -(graft_real)INFINITY, sum = 0;
        for (size_t d = 0; d < a->d_head; d++) {
            o[d] = 0;
        }
        for (size_t key = 0; key < seen; key += GRAFT_KEY_BLOCK) {
            size_t n = key_rows(a, span, key, block_end(key, seen), rows);
            forward_block(a, a->q + row * a->ldq + head * a->d_head, column, rows, n, &max, &sum,
                          o);
        }
        for (size_t d = 0; d < a->d_head; d++) {
            o[d] /= sum;
        }
        stats[row * a->n_head + head] = max + graft_log_real(sum);
    }
}

void graft_portable_attention_backward_q(const graft_attention *a, size_t span, size_t begin,
                                         size_t end, size_t head, const graft_real *dout,
                                         size_t lddo, const graft_real *stats,
                                         const graft_real *delta, graft_real *dq, size_t lddq,
                                         graft_real *scratch)
{
    const graft_span *s = &a->spans[span];
    size_t column = head / (a->n_head / a->n_kv) * a->d_head;
    uint32_t rows[GRAFT_KEY_BLOCK];
    (void)scratch;
    for (size_t i = begin; i < end; i++) {
        size_t row = s->query_begin + i, seen = graft_keys_seen(s, i);
        const graft_real *q = a->q + row * a->ldq + head * a->d_head;
        const graft_real *g = dout + row * lddo + head * a->d_head;
        graft_real *to = dq + row * lddq + head * a->d_head;
        graft_real lse = stats[row * a->n_head + head], dlt = delta[row * a->n_head + head];
        for (size_t key = 0; key < seen; key += GRAFT_KEY_BLOCK) {
            size_t n = key_rows(a, span, key, block_end(key, seen), rows);
            for (size_t j = 0; j < n; j++) {
                const graft_real *k = a->k + rows[j] * a->ldk + column;
                const graft_real *v = a->v + rows[j] * a->ldv + column;
                graft_real p = graft_exp(a->scale * dot(q, k, a->d_head) - lse);
                graft_real ds = a->scale * p * (dot(g, v, a->d_head) - dlt);
                for (size_t d = 0; d < a->d_head; d++) {
                    to[d] += ds * k[d];
                }
            }
        }
    }
}

/* What query `row` (absolute) and head contribute to one key. */
static void backward_key(const graft_attention *a, size_t row, size_t head, size_t key,
                         size_t column, const graft_real *g, graft_real lse, graft_real delta,
                         graft_real *dk, graft_real *dv)
{
    const graft_real *q = a->q + row * a->ldq + head * a->d_head;
    const graft_real *k = a->k + key * a->ldk + column, *v = a->v + key * a->ldv + column;
    graft_real p = graft_exp(a->scale * dot(q, k, a->d_head) - lse);
    graft_real ds = a->scale * p * (dot(g, v, a->d_head) - delta);
    for (size_t d = 0; d < a->d_head; d++) {
        dk[d] += ds * q[d];
        dv[d] += p * g[d];
    }
}

void graft_portable_attention_backward_kv(const graft_attention *a, size_t span, size_t begin,
                                          size_t end, size_t kv_head, const graft_real *dout,
                                          size_t lddo, const graft_real *stats,
                                          const graft_real *delta, graft_real *dk, size_t lddk,
                                          graft_real *dv, size_t lddv, graft_real *scratch)
{
    const graft_span *s = &a->spans[span];
    size_t group = a->n_head / a->n_kv, column = kv_head * a->d_head;
    (void)scratch;
    for (size_t from = span; from < a->n_spans; from++) {
        if (!graft_span_within(a, from, span)) {
            continue;
        }
        const graft_span *f = &a->spans[from];
        for (size_t j = begin; j < end; j++) {
            size_t key = s->key_begin + j, first = from == span ? j : 0;
            for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++) {
                for (size_t i = first; i < f->n_query; i++) {
                    size_t row = f->query_begin + i, at = row * a->n_head + head;
                    backward_key(a, row, head, key, column, dout + row * lddo + head * a->d_head,
                                 stats[at], delta[at], dk + key * lddk + column,
                                 dv + key * lddv + column);
                }
            }
        }
    }
}
