/* kernels/spans.h - walking the keys that a query of a span attends to. */
#ifndef GRAFT_KERNELS_SPANS_H
#define GRAFT_KERNELS_SPANS_H

#include "kernels/kernels.h"

/* Keys are visited in blocks that begin at multiples of this in positions along the chain, so that
 * the order of every sum, and with it every bit of the result, is the same however a context is
 * cut into spans, cached or computed at once. */
#define GRAFT_KEY_BLOCK 64

typedef struct graft_key_run {
    uint32_t begin, n; /* rows of k and v */
} graft_key_run;

/* The keys at positions [begin, end) on the chain of `span`, as runs of neighbouring rows in order
 * of position. runs: room for end - begin. Returns how many. */
size_t graft_key_runs(const graft_attention *a, size_t span, size_t begin, size_t end,
                      graft_key_run *runs);

/* Number of keys that query `row` of the span sees: positions [0, n). */
static inline size_t graft_keys_seen(const graft_span *span, size_t row)
{
    return (size_t)span->depth + span->n_key - span->n_query + row + 1;
}

/* The same in gradients, where some queries may be missing. */
static inline size_t graft_query_sees(const graft_attention *a, const graft_span *span, size_t row)
{
    return a->seen == NULL ? graft_keys_seen(span, row) : a->seen[span->query_begin + row];
}

/* The first position that a query sees which sees none from `seen` on. */
static inline size_t graft_keys_first(const graft_attention *a, size_t seen)
{
    return a->window > 0 && seen > a->window ? seen - a->window : 0;
}

/* True if `ancestor` is `span` or lies on the way from it to its root. */
bool graft_span_within(const graft_attention *a, size_t span, size_t ancestor);

#endif
