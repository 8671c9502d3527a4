/* quant/q3_k.c - 256 values in 16 groups of 16: 32 bytes of third bits, 64 bytes of 2-bit numbers,
 * 12 bytes of 6-bit scales, f16 d; x = d scale (q - 4), q with the third bit on top.
 * Each half of 128 values has 32 bytes of numbers; byte l holds values l, l + 32, l + 64, l + 96 of
 * it. Bit k of byte l of the third bits belongs to value 32 k + l. */
#include <string.h>

#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 256, BYTES = 110, GROUPS = 16, GROUP = 16 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 108);
        for (int group = 0; group < 16; group++) {
            const uint8_t *third = b + 16 * (group % 2);
            const uint8_t *q = b + 32 + 32 * (group / 8) + 16 * (group % 2);
            int shift = 2 * (group % 8 / 2), bit = group / 2;
            float scale = d * (float)graft_q3_k_scale(b + 96, group);
            for (int l = 0; l < 16; l++) {
                int value = (q[l] >> shift & 3) | (third[l] >> bit & 1) << 2;
                out[16 * group + l] = scale * (float)(value - 4);
            }
        }
    }
}

/* Returns d and sets the scales of the groups, each plus 32. */
static float fit_plain(const float *x, uint8_t *packed, int8_t *levels)
{
    float scales[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        scales[g] = graft_fit_signed_stepwise(GROUP, 4, x + GROUP * g, levels + GROUP * g);
    }
    float extreme = graft_quant_extreme(scales, GROUPS);
    if (extreme == 0) {
        memset(packed, 0, GROUPS);
        return 0;
    }
    float inverse = -32.0f / extreme;
    for (int g = 0; g < GROUPS; g++) {
        int l = (int8_t)graft_fit_nearest(inverse * scales[g]);
        packed[g] = (uint8_t)(graft_fit_clamp(l, -32, 31) + 32);
    }
    return 1 / inverse;
}

static float fit_weighed(const float *x, const float *importance, uint8_t *packed, int8_t *levels)
{
    float scales[GROUPS], sums[GROUPS], weights[GROUP];
    float spread = 2 * graft_fit_sum_squares(x, N) / (float)N;
    for (int g = 0; g < GROUPS; g++, x += GROUP, importance += GROUP, levels += GROUP) {
        graft_fit_weights(GROUP, x, importance, spread, weights);
        sums[g] = 0;
        for (int l = 0; l < GROUP; l++) {
            sums[g] += weights[l];
        }
        scales[g] = graft_fit_signed(GROUP, 4, x, weights, levels);
    }
    return graft_fit_signed(GROUPS, 32, scales, sums, (int8_t *)packed);
}

static void put_scales(uint8_t *b, const uint8_t *scales)
{
    memset(b, 0, 12);
    for (int g = 0; g < GROUPS; g++) {
        b[g % 8] |= (uint8_t)((scales[g] & 15) << 4 * (g / 8));
        b[8 + g % 4] |= (uint8_t)(scales[g] >> 4 << 2 * (g / 4));
    }
}

static void put_levels(uint8_t *b, const int8_t *levels)
{
    uint8_t pairs[N];
    memset(b, 0, 32);
    for (int j = 0; j < N; j++) {
        b[j % 32] |= (uint8_t)(levels[j] >> 2 << j / 32);
        pairs[j] = (uint8_t)(levels[j] & 3);
    }
    graft_put_pairs(b + 32, pairs);
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        int8_t levels[N];
        uint8_t scales[GROUPS];
        float d = importance ? fit_weighed(values, importance + N * i, scales, levels)
                             : fit_plain(values, scales, levels);
        graft_put_u16(b + 108, graft_f32_to_f16(d));
        put_scales(b + 96, scales);
        for (int j = 0; j < N; j++) {
            d = graft_get_f16(b + 108) * (float)graft_q3_k_scale(b + 96, j / GROUP);
            if (d != 0) { /* the level for the scale as it is kept */
                int l = graft_fit_nearest(values[j] / d);
                levels[j] = (int8_t)(graft_fit_clamp(l, -4, 3) + 4);
            }
        }
        put_levels(b, levels);
    }
}

const graft_format graft_format_q3_k = {"Q3_K", 11, N, BYTES, decode, encode};

static void grid(const void *block, float *scale, float *offset)
{
    const uint8_t *b = block;
    for (int j = 0; j < N; j++) {
        scale[j] = graft_get_f16(b + 108) * (float)graft_q3_k_scale(b + 96, j / GROUP);
        offset[j] = 0;
    }
}

static void put(void *block, const int8_t *levels)
{
    int8_t moved[N];
    for (int j = 0; j < N; j++) {
        moved[j] = (int8_t)(levels[j] + 4);
    }
    put_levels(block, moved);
}

const graft_levels graft_levels_q3_k = {&graft_format_q3_k, -4, 3, 108, -1,
                                        grid, put};
