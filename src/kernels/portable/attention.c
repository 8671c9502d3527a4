/* kernels/portable/attention.c - one row at a time, softmax computed on the fly over blocks of
 * keys (Milakov & Gimelshein 2018; Dao et al. 2022), so memory does not grow with the length. */
#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"
#include "kernels/spans.h"

ACT_INLINE graft_real dot(bool half, const graft_act *a, const graft_act *b, size_t n)
{
    graft_real sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += act_get(a, i, half) * act_get(b, i, half);
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

/* The end of the block that a position is in, as far as it is seen. */
static size_t block_end(size_t begin, size_t seen)
{
    size_t end = begin / GRAFT_KEY_BLOCK * GRAFT_KEY_BLOCK + GRAFT_KEY_BLOCK;
    return end < seen ? end : seen;
}

/* One score: scaled, and capped where there is a cap. */
ACT_INLINE graft_real score(bool half, const graft_attention *a, const graft_act *q,
                            const graft_act *k)
{
    graft_real s = a->scale * dot(half, q, k, a->d_head);
    return a->softcap > 0 ? a->softcap * graft_tanh(s / a->softcap) : s;
}

/* One block of keys of one query: the running maximum and sum, and out before division. */
ACT_INLINE void forward_block(bool half, const graft_attention *a, const graft_act *q,
                              size_t column, const uint32_t *rows, size_t n, graft_real *max,
                              graft_real *sum, graft_real *out)
{
    graft_real scores[GRAFT_KEY_BLOCK], new_max = *max;
    for (size_t j = 0; j < n; j++) {
        const graft_act *k = act_at(a->k, rows[j] * a->ldk + column, half);
        scores[j] = score(half, a, q, k);
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
        const graft_act *v = act_at(a->v, rows[j] * a->ldv + column, half);
        *sum += p;
        for (size_t d = 0; d < a->d_head; d++) {
            out[d] += p * act_get(v, d, half);
        }
    }
}

ACT_INLINE void attention(bool half, const graft_attention *a, size_t span, size_t begin,
                          size_t end, size_t head, graft_act *out, size_t ldo, graft_real *stats,
                          graft_real *scratch)
{
    const graft_span *s = &a->spans[span];
    size_t column = head / (a->n_head / a->n_kv) * a->kv_step;
    uint32_t rows[GRAFT_KEY_BLOCK];
    graft_real *sums = scratch;
    for (size_t i = begin; i < end; i++) {
        size_t row = s->query_begin + i, seen = graft_keys_seen(s, i);
        graft_act *o = act_to(out, row * ldo + head * a->d_head, half);
        graft_real max = -(graft_real)INFINITY, sum = 0;
        for (size_t d = 0; d < a->d_head; d++) {
            sums[d] = 0;
        }
        for (size_t key = graft_keys_first(a, seen); key < seen; key = block_end(key, seen)) {
            size_t n = key_rows(a, span, key, block_end(key, seen), rows);
            forward_block(half, a, act_at(a->q, row * a->ldq + head * a->d_head, half), column,
                          rows, n, &max, &sum, sums);
        }
        for (size_t d = 0; d < a->d_head; d++) {
            act_put(o, d, sums[d] / sum, half);
        }
        stats[row * a->n_head + head] = max + graft_log_real(sum);
    }
}

void graft_portable_attention(const graft_attention *a, size_t span, size_t begin, size_t end,
                              size_t head, size_t n_heads, graft_act *out, size_t ldo,
                              graft_real *stats, graft_real *scratch)
{
    for (size_t i = 0; i < n_heads; i++) {
        attention(false, a, span, begin, end, head + i, out, ldo, stats, scratch);
    }
}

void graft_portable_attention_half(const graft_attention *a, size_t span, size_t begin, size_t end,
                                   size_t head, size_t n_heads, graft_act *out, size_t ldo,
                                   graft_real *stats, graft_real *scratch)
{
    for (size_t i = 0; i < n_heads; i++) {
        attention(true, a, span, begin, end, head + i, out, ldo, stats, scratch);
    }
}

/* One query and head: its q and dout, and what it makes of the key in row `key`. */
typedef struct query {
    const graft_act *q, *g;
    graft_real lse, delta, *dq;
} query;

ACT_INLINE void backward_key(bool half, const graft_attention *a, const query *r, size_t key,
                             size_t column, graft_real *dk, graft_real *dv)
{
    const graft_act *k = act_at(a->k, key * a->ldk + column, half);
    const graft_act *v = act_at(a->v, key * a->ldv + column, half);
    graft_real s = score(half, a, r->q, k), p = graft_exp(s - r->lse);
    graft_real ds = a->scale * p * (dot(half, r->g, v, a->d_head) - r->delta);
    if (a->softcap > 0) {
        graft_real t = s / a->softcap;
        ds *= GRAFT_REAL(1.0) - t * t;
    }
    for (size_t d = 0; d < a->d_head; d++) {
        r->dq[d] += ds * act_get(k, d, half);
        dk[d] += ds * act_get(r->q, d, half);
        dv[d] += p * act_get(r->g, d, half);
    }
}

ACT_INLINE void attention_backward(bool half, const graft_attention *a, size_t span, size_t begin,
                                   size_t end, size_t head, const graft_act *out,
                                   const graft_act *dout, size_t ldo, const graft_real *stats,
                                   graft_act *dq, size_t lddq, graft_real *dk, size_t lddk,
                                   graft_real *dv, size_t lddv, graft_real *scratch)
{
    const graft_span *s = &a->spans[span];
    size_t column = head / (a->n_head / a->n_kv) * a->kv_step, at = head * a->d_head;
    uint32_t rows[GRAFT_KEY_BLOCK];
    for (size_t i = begin; i < end; i++) {
        size_t row = s->query_begin + i, seen = graft_query_sees(a, s, i);
        query r = {act_at(a->q, row * a->ldq + at, half), act_at(dout, row * ldo + at, half),
                   stats[row * a->n_head + head], 0, scratch};
        r.delta = dot(half, r.g, act_at(out, row * ldo + at, half), a->d_head);
        for (size_t d = 0; d < a->d_head; d++) {
            r.dq[d] = 0;
        }
        for (size_t key = graft_keys_first(a, seen); key < seen; key = block_end(key, seen)) {
            size_t n = key_rows(a, span, key, block_end(key, seen), rows);
            for (size_t j = 0; j < n; j++) {
                backward_key(half, a, &r, rows[j], column, dk + rows[j] * lddk,
                             dv + rows[j] * lddv);
            }
        }
        for (size_t d = 0; d < a->d_head; d++) {
            act_put(dq, row * lddq + at + d, r.dq[d], half);
        }
    }
}

void graft_portable_attention_backward(const graft_attention *a, size_t span, size_t begin,
                                       size_t end, size_t head, const graft_act *out,
                                       const graft_act *dout, size_t ldo, const graft_real *stats,
                                       graft_act *dq, size_t lddq, graft_real *dk, size_t lddk,
                                       graft_real *dv, size_t lddv, graft_real *scratch)
{
    attention_backward(false, a, span, begin, end, head, out, dout, ldo, stats, dq, lddq, dk,
                       lddk, dv, lddv, scratch);
}

void graft_portable_attention_backward_half(const graft_attention *a, size_t span, size_t begin,
                                            size_t end, size_t head, const graft_act *out,
                                            const graft_act *dout, size_t ldo,
                                            const graft_real *stats, graft_act *dq, size_t lddq,
                                            graft_real *dk, size_t lddk, graft_real *dv,
                                            size_t lddv, graft_real *scratch)
{
    attention_backward(true, a, span, begin, end, head, out, dout, ldo, stats, dq, lddq, dk, lddk,
                       dv, lddv, scratch);
}
