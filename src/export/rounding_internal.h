/* export/rounding_internal.h - what rounding.c and rounding_scales.c share: rows side by side. */
#ifndef GRAFT_EXPORT_ROUNDING_INTERNAL_H
#define GRAFT_EXPORT_ROUNDING_INTERNAL_H

#include "export/rounding.h"

enum { GRAFT__ROWS = GRAFT_ROUNDING_ROWS };

/* One number of each row, as vectors that every machine has. */
typedef float graft__quad __attribute__((vector_size(16)));
typedef graft__quad graft__column[GRAFT__ROWS / 4];

static inline void graft__column_put(graft__column *to, size_t k, size_t row, float value)
{
    to[k][row / 4][row % 4] = value;
}

static inline float graft__column_get(const graft__column *from, size_t k, size_t row)
{
    return from[k][row / 4][row % 4];
}

/* sums += factors[j] * e[j] over j in [begin, end) */
static inline void graft__columns_add(graft__column sums, const float *factors,
                                      const graft__column *e, size_t begin, size_t end)
{
    graft__quad s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (size_t j = begin; j < end; j++) {
        float f = factors[j];
        s0 += f * e[j][0];
        s1 += f * e[j][1];
        s2 += f * e[j][2];
        s3 += f * e[j][3];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* Scales and offsets of all blocks of a row together. */
size_t graft_rounding__n_scales(const graft_levels *levels, size_t n);
/* Floats of scratch. */
size_t graft_rounding__scales_scratch(const graft_levels *levels, size_t n);

/* Replaces the scales and offsets of blocks (rows->row_bytes apart) by those that cost least with the levels
 * that are there; e: the errors of the blocks. */
void graft_rounding__solve_scales(const graft_rounding *r, const graft_rounding_rows *rows,
                                  uint8_t *blocks, const graft__column *e, float *scratch);

#endif
