/* tokenizer/merges.h - pair merging of one word.
 *
 * Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", ACL 2016:
 * the pair that stands earliest in the list of merges is joined first, the leftmost one of several,
 * until no pair of neighbours is in the list. SentencePiece differs in what ranks a pair only. */
#ifndef GRAFT_TOKENIZER_MERGES_H
#define GRAFT_TOKENIZER_MERGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* One rule: `left` followed by `right` becomes `id`. */
typedef struct graft_merge {
    int32_t left, right; /* left == -1: free slot of the table */
    int32_t id;          /* -1: the pair stays as it is */
    uint32_t rank; /* place in the list; lower goes first */
} graft_merge;

/* Rules by their pair (open addressing, at most half full). */
typedef struct graft_merges {
    graft_merge *table;
    size_t capacity; /* power of two */
} graft_merges;

graft_status graft_merges_init(graft_merges *merges, size_t n);
void graft_merges_clear(graft_merges *merges);
/* The first of two rules for the same pair stays. At most the n of init may be added. */
void graft_merges_add(graft_merges *merges, graft_merge rule);

/* One piece of a word: a token and its place in the chain of pieces. */
typedef struct graft_symbol {
    int32_t id;          /* -1: no token stands for it */
    uint32_t rank;       /* of the pair this symbol forms with the next one; UINT32_MAX: none */
    int32_t merged;      /* what that pair becomes */
    uint32_t prev, next; /* indices; UINT32_MAX: none */
    uint32_t end;        /* offset in the word behind the last byte */
} graft_symbol;

/* Working memory of one caller; grows with the longest word. */
typedef struct graft_merger {
    graft_symbol *symbols;
    uint64_t *heap; /* (rank, symbol) pairs waiting to be joined, some of them outdated */
    size_t symbols_capacity, heap_capacity, heap_n, n;
} graft_merger;

void graft_merger_init(graft_merger *merger);
void graft_merger_clear(graft_merger *merger);

/* Begins a word of at most n symbols, 1 <= n < UINT32_MAX. */
graft_status graft_merger_begin(graft_merger *merger, size_t n);
/* Adds the next symbol, at most the n of begin. */
static inline void graft_merger_add(graft_merger *merger, int32_t id, size_t end)
{
    size_t i = merger->n++;
    merger->symbols[i] = (graft_symbol){.id = id, .prev = (uint32_t)i - 1,
                                        .next = (uint32_t)i + 1, .end = (uint32_t)end};
}

/* Does the pair of two neighbours become a token? If so sets its rank (lower goes first) and id. */
typedef bool graft_merger_pair(const void *context, const graft_merger *merger,
                               const graft_symbol *left, const graft_symbol *right,
                               uint32_t *rank, int32_t *id);

/* Joins the symbols that were added, at least one; afterwards those from index 0 along `next` are
 * the result. O(n log n). */
void graft_merger_join(graft_merger *merger, graft_merger_pair *pair, const void *context);

/* The pair by rules; `context` is the graft_merges. */
graft_merger_pair graft_merges_pair;

/* Merges the bytes of word[0..n), 1 <= n < UINT32_MAX. byte_ids[b] is the token of byte b alone or
 * -1; such a byte never merges. */
graft_status graft_merger_run(graft_merger *merger, const graft_merges *merges,
                              const int32_t byte_ids[256], const char *word, size_t n);

#endif
