/* quant/k_groups.h - what Q4_K and Q5_K share: 256 values as 8 groups of 32, each with a scale and a
 * minimum of 6 bits. */
#ifndef GRAFT_QUANT_K_GROUPS_H
#define GRAFT_QUANT_K_GROUPS_H

#include "quant/fit.h"

typedef struct graft_k_groups {
    int top;               /* the largest level */
    graft_fit_tries tries; /* without an importance */
    int limit;             /* of scales and minima with one, before they are packed */
} graft_k_groups;

/* Writes d, dmin and the packed scales and minima to header[0..16), and a level per value. */
void graft_k_groups_fit(const graft_k_groups *kind, const float x[256], const float *importance,
                        uint8_t *header, uint8_t levels[256]);

/* graft_levels.grid of both (quant/levels.h). */
void graft_k_groups_grid(const void *block, float *scale, float *offset);

#endif
