/* kernels/vector/faint.h - keys that gradients of attention leave out (graft_attention.faint), from
 * the scores of a block with its keys as rows and its queries as lanes. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_FAINT_H
#define GRAFT_KERNELS_VECTOR_FAINT_H

#include <math.h>
#include <string.h>

#include "kernels/vector/softmax.h"

/* Neighbouring keys that are kept or left out together. */
enum { FAINT_KEYS = 16 };

typedef struct key_runs {
    graft_key_run items[GRAFT_KEY_BLOCK];
    size_t n;
} key_runs;

typedef struct score_block {
    float *scores; /* [n][LANES] */
    size_t n, width;
    float scale; /* what is still missing of it */
} score_block;

/* Per query, in powers of two, what scores must reach for a key to be kept; nothing does for lanes
 * without a query. */
static void faint_limits(const graft_attention *a, size_t n_queries, size_t n_keys,
                         const float *lse, float *limits)
{
    float share = log2f(a->faint / (float)n_keys);
    for (size_t i = 0; i < LANES; i++) {
        limits[i] = i < n_queries ? lse[i] * LOG2_E + share : INFINITY;
    }
}

/* n rows of scores. A score that is no number is kept, and seen. */
static bool is_faint(const float *scores, size_t n, size_t width, vec factor, const float *limits)
{
    unsigned kept = 0;
    for (size_t k = 0; k < n; k++, scores += LANES) {
        for (size_t lane = 0; lane < width; lane += VEC_N) {
            kept |= vec_not_less(vec_mul(vec_load(scores + lane), factor), vec_load(limits + lane));
        }
    }
    return kept == 0;
}

static void append_run(key_runs *runs, uint32_t begin, uint32_t n)
{
    graft_key_run *last = runs->items + runs->n - (runs->n > 0);
    if (runs->n > 0 && last->begin + last->n == begin) {
        last->n += n;
    } else {
        runs->items[runs->n++] = (graft_key_run){begin, n};
    }
}

/* Closes the ranks of a block and of the runs of its keys; returns how many are left. */
static size_t drop_faint(const score_block *block, key_runs *runs, const float *limits)
{
    vec factor = vec_set(block->scale * LOG2_E);
    key_runs all = *runs;
    size_t n_kept = 0, run = 0;
    uint32_t used = 0; /* of the run */
    runs->n = 0;
    for (size_t k = 0, some; k < block->n; k += some) {
        some = block->n - k < FAINT_KEYS ? block->n - k : FAINT_KEYS;
        float *scores = block->scores + k * LANES;
        bool faint = is_faint(scores, some, block->width, factor, limits);
        for (uint32_t left = (uint32_t)some, taken; left > 0; left -= taken) {
            taken = all.items[run].n - used < left ? all.items[run].n - used : left;
            if (!faint) {
                append_run(runs, all.items[run].begin + used, taken);
            }
            used += taken;
            if (used == all.items[run].n) {
                run++;
                used = 0;
            }
        }
        if (!faint) {
            memmove(block->scores + n_kept * LANES, scores, some * LANES * sizeof *scores);
            n_kept += some;
        }
    }
    return n_kept;
}

#endif
