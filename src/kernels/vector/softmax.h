/* kernels/vector/softmax.h - blocks of attention scores that stand with their keys as rows and their
 * queries as lanes. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_SOFTMAX_H
#define GRAFT_KERNELS_VECTOR_SOFTMAX_H

#include <math.h>

#include "kernels/spans.h"
#include "kernels/vector/exp.h"

enum { LANES = GRAFT_ATTENTION_ROWS };

/* What stands in the lanes of a job: queries of one head, or several heads of one query. Where the first of them
 * begins in q, in the output and in what is kept for backward, and how far the next one is. */
typedef struct lane_rows {
    size_t n;
    size_t q, out, stats;
    size_t ldq, ldo, lds;
} lane_rows;

static lane_rows rows_of(const graft_attention *a, const graft_span *span, size_t begin, size_t end,
                         size_t head, size_t n_heads, size_t ldo)
{
    size_t row = span->query_begin + begin, at = head * a->d_head;
    lane_rows rows = {end - begin, row * a->ldq + at, row * ldo + at, row * a->n_head + head,
                      a->ldq, ldo, a->n_head};
    if (n_heads > 1) {
        rows.n = n_heads;
        rows.ldq = rows.ldo = a->d_head;
        rows.lds = 1;
    }
    return rows;
}

/* How many keys the lanes of a job see, of which the last `window`. */
typedef struct lane_view {
    size_t seen, last, window; /* seen, last: by the first lane and by the last */
    const uint32_t *each;      /* by each of n lanes; NULL: one more than by the lane before, unless alike */
    size_t n;
    bool alike; /* one query: all lanes are its heads */
} lane_view;

/* Of a vector of lanes, those at its beginning that see at most so many. */
VEC_INLINE size_t lanes_within(const lane_view *view, size_t most, size_t lane)
{
    size_t n = 0;
    if (view->alike) {
        return most >= view->seen ? VEC_N : 0;
    }
    if (view->each == NULL) {
        n = most + 1 > view->seen + lane ? most + 1 - view->seen - lane : 0;
        return n < VEC_N ? n : VEC_N;
    }
    while (n < VEC_N && lane + n < view->n && view->each[lane + n] <= most) {
        n++;
    }
    return n;
}

/* What of the keys of a block the lanes of a job do not see. */
typedef enum hidden_keys {
    HIDDEN_NONE,
    HIDDEN_LATER, /* keys behind the query */
    HIDDEN_BOTH,  /* and keys that the window has left behind */
} hidden_keys;

/* Of queries [begin, end) of a span that are all there. */
static lane_view view_of(const graft_attention *a, const graft_span *span, size_t begin, size_t end)
{
    return (lane_view){graft_keys_seen(span, begin), graft_keys_seen(span, end - 1),
                       a->window > 0 ? a->window : UINT32_MAX, NULL, end - begin,
                       end - begin == 1};
}

/* In gradients. */
static lane_view gradient_view_of(const graft_attention *a, const graft_span *span, size_t begin,
                                  size_t end)
{
    return (lane_view){graft_query_sees(a, span, begin), graft_query_sees(a, span, end - 1),
                       a->window > 0 ? a->window : UINT32_MAX,
                       a->seen == NULL ? NULL : a->seen + span->query_begin + begin, end - begin,
                       false};
}

/* Of n keys from this position on. */
VEC_INLINE hidden_keys hidden_of(const lane_view *view, size_t position, size_t n)
{
    return position + view->window < view->last ? HIDDEN_BOTH
           : position + n > view->seen          ? HIDDEN_LATER
                                                : HIDDEN_NONE;
}

/* `value` in the lanes that see the key at this position, `hidden` in the others. */
VEC_INLINE vec where_seen(const lane_view *view, hidden_keys hides, size_t position, size_t lane,
                          vec value, vec hidden)
{
    if (hides != HIDDEN_NONE) {
        size_t n = lanes_within(view, position, lane);
        value = n > 0 ? vec_first(hidden, value, n) : value;
    }
    if (hides == HIDDEN_BOTH) {
        size_t n = lanes_within(view, position + view->window, lane);
        value = n < VEC_N ? vec_first(value, hidden, n) : value;
    }
    return value;
}

/* The maximum before any key. With a window there are blocks that a lane sees nothing of, before and
 * after which it must be the same number: then it is finite. */
VEC_INLINE float lowest_score(const graft_attention *a)
{
    return a->window > 0 ? -0x1p126f : -INFINITY;
}

/* Scores to cap * tanh(score * factor). */
static void cap_scores(float *scores, size_t n_keys, size_t width, float factor, float cap)
{
    for (size_t k = 0; k < n_keys; k++, scores += LANES) {
        for (size_t lane = 0; lane < width; lane += VEC_N) {
            vec s = vec_mul(vec_load(scores + lane), vec_set(factor));
            vec_store(scores + lane, vec_mul(vec_set(cap), vec_tanh(s)));
        }
    }
}

/* The gradient of a capped score to that of the score. */
VEC_INLINE vec through_cap(vec gradient, vec score, vec inverse_cap)
{
    vec t = vec_mul(score, inverse_cap);
    return vec_mul(gradient, vec_sub(vec_set(1.0f), vec_mul(t, t)));
}

#endif
