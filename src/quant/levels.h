/* quant/levels.h - formats whose values are evenly spaced: what a block's header means, and how whole
 * numbers are put behind it.
 *
 * Value j of a block is scale[j] * level + offset[j] in single precision, exactly what decoding gives,
 * for any level from `low` to `high`. So whoever rounds otherwise than to the nearest need not know
 * where a format keeps its bits. */
#ifndef GRAFT_QUANT_LEVELS_H
#define GRAFT_QUANT_LEVELS_H

#include "quant/format.h"

/* Most numbers in a block. */
enum { GRAFT_LEVELS_BLOCK = 256 };

typedef struct graft_levels {
    const graft_format *format;
    int low, high;
    /* Bytes of a block at which 16-bit floats stand: scale[j] is proportional to the first, offset[j] to the
     * second (-1: there is none, and all offsets are 0). */
    int scale_at, offset_at;
    /* scale and offset of the block_elems values of one block. */
    void (*grid)(const void *block, float *scale, float *offset);
    /* Replaces the levels; the header stays. */
    void (*put)(void *block, const int8_t *levels);
} graft_levels;

extern const graft_levels *const graft_levels_all[]; /* NULL-terminated */

/* NULL if the format has no such levels. */
const graft_levels *graft_levels_find(const graft_format *format);

/* Grids of blocks of 32 that begin with a scale, or with a scale and the value of level 0. */
void graft_grid_of_scale(const void *block, float *scale, float *offset);
void graft_grid_of_scale_and_min(const void *block, float *scale, float *offset);

extern const graft_levels graft_levels_q4_0, graft_levels_q4_1, graft_levels_q5_0, graft_levels_q5_1,
    graft_levels_q8_0, graft_levels_q2_k, graft_levels_q3_k, graft_levels_q4_k, graft_levels_q5_k,
    graft_levels_q6_k;

#endif
