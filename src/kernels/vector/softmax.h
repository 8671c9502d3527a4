/* kernels/vector/softmax.h - blocks of attention scores that stand with their keys as rows and their
 * queries as lanes. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_SOFTMAX_H
#define GRAFT_KERNELS_VECTOR_SOFTMAX_H

#include <math.h>

#include "kernels/spans.h"
#include "kernels/vector/exp.h"

enum { LANES = GRAFT_ATTENTION_ROWS };

/* Lanes [0, hidden) do not see the key at this position; the first lane sees `seen` keys. */
VEC_INLINE size_t hidden_lanes(size_t position, size_t seen, size_t lane)
{
    size_t hidden = position + 1 > seen + lane ? position + 1 - seen - lane : 0;
    return hidden < VEC_N ? hidden : VEC_N;
}

/* Scores to exp(score - maximum); keep: what the results so far are to be multiplied by. */
VEC_INLINE void softmax_lanes(float *scores, size_t n_keys, size_t position, size_t seen,
                              size_t lane, float *max, float *sum, float *keep)
{
    vec old = vec_load(max), new = old, total = vec_zero();
    for (size_t k = 0; k < n_keys; k++) {
        vec s = vec_load(scores + k * LANES);
        size_t hidden = hidden_lanes(position + k, seen, lane);
        s = hidden > 0 ? vec_first(vec_set(-INFINITY), s, hidden) : s;
        new = vec_max(s, new);
    }
    for (size_t k = 0; k < n_keys; k++) {
        vec p = vec_exp_weight(vec_sub(vec_load(scores + k * LANES), new));
        size_t hidden = hidden_lanes(position + k, seen, lane);
        p = hidden > 0 ? vec_first(vec_zero(), p, hidden) : p;
        total = vec_add(total, p);
        vec_store(scores + k * LANES, p);
    }
    vec shrink = vec_exp(vec_sub(old, new));
    vec_store(keep, shrink);
    vec_store(sum, vec_fma(vec_load(sum), shrink, total));
    vec_store(max, new);
}

/* scores: to probabilities; other: from gradients of these to gradients of scaled scores. */
VEC_INLINE void score_gradients(float *scores, float *other, vec probability, vec delta, vec scale)
{
    vec_store(scores, probability);
    vec_store(other, vec_mul(vec_mul(probability, scale), vec_sub(vec_load(other), delta)));
}

#endif
