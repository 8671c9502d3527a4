/* tokenizer/merges.h - byte-pair merging of one word.
 *
 * Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", ACL 2016,
 * over bytes: the pair that stands earliest in the list of merges is joined first, the leftmost
 * one of several, until no pair of neighbours is in the list. */
#ifndef GRAFT_TOKENIZER_MERGES_H
#define GRAFT_TOKENIZER_MERGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* One rule: `left` followed by `right` becomes `id`. */
typedef struct graft_merge {
    int32_t left, right; /* left == -1: free slot of the table */
    int32_t id;
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
    int32_t id;          /* -1: a byte that no token stands for; it never merges */
    uint32_t rank;       /* of the pair this symbol forms with the next one; UINT32_MAX: none */
    int32_t merged;      /* what that pair becomes */
    uint32_t prev, next; /* indices; UINT32_MAX: none */
    uint32_t end;        /* offset in the word behind the last byte */
} graft_symbol;

/* Working memory of one caller; grows with the longest word. */
typedef struct graft_merger {
    graft_symbol *symbols;
    uint64_t *heap; /* (rank, symbol) pairs waiting to be joined, some of them outdated */
    size_t symbols_capacity, heap_capacity, heap_n;
} graft_merger;

void graft_merger_init(graft_merger *merger);
void graft_merger_clear(graft_merger *merger);

/* Merges word[0..n), 1 <= n < UINT32_MAX. byte_ids[b] is the token of byte b alone or -1.
 * Afterwards the symbols from index 0 along `next` are the result. O(n log n). */
graft_status graft_merger_run(graft_merger *merger, const graft_merges *merges,
                              const int32_t byte_ids[256], const char *word, size_t n);

#endif
