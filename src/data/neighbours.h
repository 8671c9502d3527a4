/* data/neighbours.h - a set of examples that can be asked for duplicates.
 *
 * Exact ones are found by their 64-bit hash, near ones by locality-sensitive hashing: signatures
 * are cut into bands of a few bytes, and examples that agree in a band are compared. There are so
 * many bands that a pair at the threshold is seen with probability 0.995 or more.
 *
 * Memory per example: 21 to 43 bytes; with near duplicates another 128 of signature and 6 to 8
 * for each band, of which a threshold of 0.9 needs 10, 0.8 11 and 0.5 19. */
#ifndef GRAFT_DATA_NEIGHBOURS_H
#define GRAFT_DATA_NEIGHBOURS_H

#include <stdbool.h>

#include "core/status.h"
#include "data/minhash.h"

typedef struct graft_neighbours graft_neighbours;

/* near: similarity from which examples are near duplicates, [0.5, 1]; 0: only exact ones matter and
 * signatures may be NULL. */
graft_status graft_neighbours_new(graft_neighbours **out, double near);
void graft_neighbours_free(graft_neighbours *set);

/* What was found: whose tag it is, and how alike; 1 and exact if it is the same. */
typedef struct graft_neighbour {
    uint64_t tag;
    double similarity;
    bool exact;
} graft_neighbour;

/* The example that is the same, else the one most alike (the earliest of several). False if none
 * is near enough. In one band at most 256 examples, the latest ones, are compared. */
bool graft_neighbours_find(graft_neighbour *out, const graft_neighbours *set, uint64_t exact,
                           const graft_signature *signature);

/* Adds an example under a tag of the caller's. At most 2^32 - 1 fit (GRAFT_E_MEMORY). */
graft_status graft_neighbours_add(graft_neighbours *set, uint64_t exact,
                                  const graft_signature *signature, uint64_t tag);

size_t graft_neighbours_n(const graft_neighbours *set);
/* Bytes it holds, for reports. */
size_t graft_neighbours_bytes(const graft_neighbours *set);

#endif
