/* data/order.h - which example comes when: a pure function of (seed, epoch). */
#ifndef GRAFT_DATA_ORDER_H
#define GRAFT_DATA_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* order[0..n) = a permutation of 0..n-1 for this epoch; file order if shuffle is false. */
void graft_epoch_order(uint32_t *order, size_t n, uint64_t seed, uint32_t epoch, bool shuffle);

#endif
