#include "data/order.h"

#include <stdlib.h>

#include "core/rng.h"

void graft_epoch_order(uint32_t *order, size_t n, uint64_t seed, uint32_t epoch, bool shuffle)
{
    graft_rng rng;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    if (shuffle) {
        graft_rng_init(&rng, seed, GRAFT_RNG_SHUFFLE, epoch);
        graft_rng_shuffle(&rng, order, n);
    }
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void graft_order_by_length(uint32_t *order, size_t n, const uint32_t *lengths, uint64_t *keys)
{
    for (size_t i = 0; i < n; i++) {
        keys[i] = (uint64_t)lengths[order[i]] << 32 | i;
    }
    qsort(keys, n, sizeof *keys, by_key);
    for (size_t i = 0; i < n; i++) { /* a key's low half is where its unit stood */
        keys[i] = order[(uint32_t)keys[i]];
    }
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)keys[i];
    }
}

/* --- neighbours in a prefix tree ---
 *
 * The tree is not built: its leaves in order are the units sorted by their ids, where the tokens
 * that may follow a prefix of d tokens are ordered by a random number each, drawn anew for every
 * (seed, epoch, d). Sorting is Bentley and Sedgewick's multikey quicksort ("Fast algorithms for
 * sorting and searching strings", SODA 1997): each token is looked at a few times, and in place. */

typedef struct branches {
    const graft_example *const *firsts;
    uint64_t seed;
    uint32_t epoch;
} branches;

typedef struct range {
    uint32_t *order;
    size_t n;
    uint32_t depth; /* tokens on which all its units agree */
} range;

/* Where a unit goes at the end of `depth` tokens; different for different tokens. A unit that ends
 * there comes last. */
static uint64_t branch_of(const branches *b, uint32_t unit, uint32_t depth)
{
    const graft_example *e = b->firsts[unit];
    if (depth >= e->n) {
        return UINT64_MAX;
    }
    uint32_t token = (uint32_t)e->ids[depth];
    uint32_t key[2] = {(uint32_t)b->seed, (uint32_t)(b->seed >> 32)}, drawn[4];
    uint32_t counter[4] = {token, depth, GRAFT_RNG_BRANCH, b->epoch};
    graft_philox(key, counter, drawn);
    return (uint64_t)drawn[0] << 32 | token;
}

/* Moves the depth to where the first unit differs, or all end. */
static void skip_common(const branches *b, range *r)
{
    const graft_example *first = b->firsts[r->order[0]];
    uint32_t common = first->n;
    for (size_t i = 1; i < r->n; i++) {
        const graft_example *e = b->firsts[r->order[i]];
        uint32_t at = r->depth, end = e->n < common ? e->n : common;
        while (at < end && e->ids[at] == first->ids[at]) {
            at++;
        }
        common = at;
    }
    r->depth = common;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

/* Parts by branch: before, equal to and behind that of the middle unit. */
static void split(const branches *b, const range *r, range parts[3])
{
    uint64_t pivot = branch_of(b, r->order[r->n / 2], r->depth);
    size_t low = 0, high = r->n;
    for (size_t i = 0; i < high;) {
        uint64_t branch = branch_of(b, r->order[i], r->depth);
        if (branch < pivot) {
            swap(&r->order[low++], &r->order[i++]);
        } else if (branch > pivot) {
            swap(&r->order[i], &r->order[--high]);
        } else {
            i++;
        }
    }
    bool ended = pivot == UINT64_MAX; /* they are alike: any order will do */
    parts[0] = (range){r->order, low, r->depth};
    parts[1] = (range){r->order + low, ended ? 0 : high - low, r->depth + 1};
    parts[2] = (range){r->order + high, r->n - high, r->depth};
}

/* Recurses into the two smaller parts, each at most half: no deeper than log2(n) calls. */
static void sort_by_branch(const branches *b, range r)
{
    while (r.n > 1) {
        range parts[3];
        size_t largest = 0;
        skip_common(b, &r);
        split(b, &r, parts);
        for (size_t i = 1; i < 3; i++) {
            largest = parts[i].n > parts[largest].n ? i : largest;
        }
        for (size_t i = 0; i < 3; i++) {
            if (i != largest) {
                sort_by_branch(b, parts[i]);
            }
        }
        r = parts[largest];
    }
}

/* --- the order of the groups --- */

static void shuffle_groups(uint32_t *order, size_t n_groups, size_t size, graft_rng *rng)
{
    for (size_t i = n_groups; i > 1; i--) {
        size_t other = (size_t)graft_rng_below(rng, i);
        for (size_t k = 0; k < size && other != i - 1; k++) {
            swap(&order[(i - 1) * size + k], &order[other * size + k]);
        }
    }
}

static int by_first(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The earliest unit of a group leads it, and the groups follow their leaders. */
static void sort_groups(uint32_t *order, size_t n_groups, size_t size)
{
    for (size_t i = 0; i < n_groups; i++) {
        uint32_t *group = order + i * size;
        for (size_t k = 1; k < size; k++) {
            if (group[k] < group[0]) {
                swap(&group[0], &group[k]);
            }
        }
    }
    qsort(order, n_groups, size * sizeof *order, by_first);
}

void graft_epoch_order_grouped(uint32_t *order, const graft_example *const *firsts, size_t n,
                               size_t batch_size, uint64_t seed, uint32_t epoch, bool shuffle)
{
    graft_rng rng;
    size_t n_groups = n / batch_size; /* full ones */
    branches b = {firsts, seed, shuffle ? epoch : 0};
    graft_epoch_order(order, n, seed, epoch, shuffle); /* for units that are alike to the end */
    sort_by_branch(&b, (range){order, n, 0});
    if (shuffle) {
        graft_rng_init(&rng, seed, GRAFT_RNG_GROUP, epoch);
        shuffle_groups(order, n_groups, batch_size, &rng);
    } else {
        sort_groups(order, n_groups, batch_size);
    }
}
