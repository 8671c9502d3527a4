/* data/mix.h - how often an epoch has each unit, where datasets are mixed.
 *
 * A part is the units of one dataset; an epoch draws `per_epoch` of its n. What epoch e draws is a
 * pure function of (seed, e): the part's units stand in a seeded order that is walked round and
 * round, per_epoch steps in each epoch. So after any number of epochs no unit of a part has been
 * drawn more than once more often than another. */
#ifndef GRAFT_DATA_MIX_H
#define GRAFT_DATA_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct graft_mix_part {
    size_t n, per_epoch;
} graft_mix_part;

typedef struct graft_mix {
    graft_mix_part *parts; /* their units follow one another */
    size_t n_parts;
    bool spread;     /* the last part is spread evenly among the others */
    uint32_t *ranks; /* of every unit: where it stands in the order of its part */
    size_t n_units;
    size_t n_slots;  /* units of an epoch: the sum over per_epoch */
} graft_mix;

/* Copies the parts. GRAFT_E_CONFIG if an epoch has no units, or more than 2^32 - 1. */
graft_status graft_mix_init(graft_mix *mix, const graft_mix_part *parts, size_t n_parts,
                            bool spread, uint64_t seed);
void graft_mix_clear(graft_mix *mix);

/* slots[0..n_slots) = the units of an epoch: the parts in order, their units in order, and each as
 * often as it is drawn. With per_epoch == n everywhere that is every unit once. It allocates
 * nothing. */
void graft_mix_draw(const graft_mix *mix, uint32_t *slots, uint32_t epoch);

#endif
