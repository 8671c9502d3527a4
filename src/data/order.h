/* data/order.h - which example comes when: a pure function of (seed, epoch), and of the examples
 * themselves where they are grouped. */
#ifndef GRAFT_DATA_ORDER_H
#define GRAFT_DATA_ORDER_H

#include "data/example.h"

/* order[0..n) = a permutation of 0..n-1 for this epoch; file order if shuffle is false. */
void graft_epoch_order(uint32_t *order, size_t n, uint64_t seed, uint32_t epoch, bool shuffle);

/* The same for units that are to share their beginnings: order[k * batch_size ..) are groups of
 * batch_size (>= 1) neighbours in a prefix tree over the ids of firsts[0..n), the first sample of
 * each unit. With shuffle the branches of the tree and the groups come in another order every
 * epoch, so that units which share nothing but a system prompt meet others each time; without it
 * the groups come by their earliest unit, always the same. What is left over when batch_size does
 * not divide n is a smaller group at the end. Allocates nothing. */
void graft_epoch_order_grouped(uint32_t *order, const graft_example *const *firsts, size_t n,
                               size_t batch_size, uint64_t seed, uint32_t epoch, bool shuffle);

/* Sorts order[0..n) by the lengths of the units it names, shortest first; equal ones stay as they
 * are. `keys` is scratch for n. */
void graft_order_by_length(uint32_t *order, size_t n, const uint32_t *lengths, uint64_t *keys);

#endif
