/* quant/levels.c - the list of formats with evenly spaced values. */
#include "quant/levels.h"

#include "quant/bytes.h"

const graft_levels *const graft_levels_all[] = {
    &graft_levels_q4_0, &graft_levels_q4_1, &graft_levels_q5_0, &graft_levels_q5_1,
    &graft_levels_q8_0, &graft_levels_q2_k, &graft_levels_q3_k, &graft_levels_q4_k,
    &graft_levels_q5_k, &graft_levels_q6_k, NULL,
};

const graft_levels *graft_levels_find(const graft_format *format)
{
    for (const graft_levels *const *l = graft_levels_all; *l != NULL; l++) {
        if ((*l)->format == format) {
            return *l;
        }
    }
    return NULL;
}

void graft_grid_of_scale(const void *block, float *scale, float *offset)
{
    for (int j = 0; j < 32; j++) {
        scale[j] = graft_get_f16(block);
        offset[j] = 0;
    }
}

void graft_grid_of_scale_and_min(const void *block, float *scale, float *offset)
{
    for (int j = 0; j < 32; j++) {
        scale[j] = graft_get_f16(block);
        offset[j] = graft_get_f16((const uint8_t *)block + 2);
    }
}
