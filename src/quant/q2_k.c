/* quant/q2_k.c - 256 values in 16 groups of 16: 16 bytes of 4-bit scales (low) and minima (high),
 * 64 bytes of 2-bit numbers, f16 d and dmin; x = d scale q - dmin min.
 * Each half of 128 values has 32 bytes; byte l holds values l, l + 32, l + 64, l + 96 of it. */
#include <math.h>
#include <string.h>

#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 256, BYTES = 84, GROUPS = 16, GROUP = 16 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 80), dmin = graft_get_f16(b + 82);
        for (int group = 0; group < 16; group++) {
            const uint8_t *q = b + 16 + 32 * (group / 8) + 16 * (group % 2);
            int shift = 2 * (group % 8 / 2);
            float scale = d * (float)(b[group] & 15), min = dmin * (float)(b[group] >> 4);
            for (int l = 0; l < 16; l++) {
                out[16 * group + l] = scale * (float)(q[l] >> shift & 3) - min;
            }
        }
    }
}

/* Sixteen numbers of 4 bits (shifted by `shift`) for the scales or minima of the groups, relative to
 * the largest; returns that. */
static float put_fours(uint8_t *packed, const float *of, int shift)
{
    float max = 0;
    for (int g = 0; g < GROUPS; g++) {
        max = of[g] > max ? of[g] : max;
    }
    float inverse = max > 0 ? 15.0f / max : 0;
    for (int g = 0; g < GROUPS; g++) {
        packed[g] |= (uint8_t)((unsigned)graft_fit_nearest(inverse * of[g]) << shift);
    }
    return max / 15.0f;
}

static void fit_groups(const float *x, const float *weights, const graft_fit_tries *tries,
                       uint8_t *levels, float *scales, float *mins)
{
    for (int g = 0; g < GROUPS; g += GRAFT_FIT_LANES) {
        graft_fit_ranges(GROUP, 3, x + GROUP * g, weights + GROUP * g, tries, levels + GROUP * g,
                         scales + g, mins + g);
    }
}

static void fit_plain(const float *x, uint8_t *b, uint8_t *levels)
{
    static const graft_fit_tries tries = {-0.5f, 0.1f, 15, true};
    float scales[GROUPS], mins[GROUPS], weights[N];
    for (int l = 0; l < N; l++) {
        weights[l] = fabsf(x[l]);
    }
    fit_groups(x, weights, &tries, levels, scales, mins);
    graft_put_u16(b + 80, graft_f32_to_f16(put_fours(b, scales, 0)));
    graft_put_u16(b + 82, graft_f32_to_f16(put_fours(b, mins, 4)));
}

static void fit_weighed(const float *x, const float *importance, uint8_t *b, uint8_t *levels)
{
    float scales[GROUPS], mins[GROUPS], sums[GROUPS] = {0}, weights[N];
    uint8_t low[GROUPS], high[GROUPS];
    graft_fit_weights(N, x, importance, graft_fit_sum_squares(x, N) / (float)N, weights);
    for (int l = 0; l < N; l++) {
        sums[l / GROUP] += weights[l];
    }
    fit_groups(x, weights, &graft_fit_tries_weighed, levels, scales, mins);
    graft_put_u16(b + 80, graft_f32_to_f16(graft_fit_unsigned(GROUPS, 15, scales, sums, low)));
    graft_put_u16(b + 82, graft_f32_to_f16(graft_fit_unsigned(GROUPS, 15, mins, sums, high)));
    for (int g = 0; g < GROUPS; g++) {
        b[g] = (uint8_t)(low[g] | high[g] << 4);
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    uint8_t *b = blocks, levels[N];
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        memset(b, 0, GROUPS);
        if (importance != NULL) {
            fit_weighed(values, importance + N * i, b, levels);
        } else {
            fit_plain(values, b, levels);
        }
        for (int g = 0; g < GROUPS; g++) { /* the levels for the scales as they are kept */
            float d = graft_get_f16(b + 80) * (float)(b[g] & 15);
            float m = graft_get_f16(b + 82) * (float)(b[g] >> 4);
            for (int l = GROUP * g; d != 0 && l < GROUP * (g + 1); l++) {
                int level = graft_fit_nearest((values[l] + m) / d);
                levels[l] = (uint8_t)graft_fit_clamp(level, 0, 3);
            }
        }
        graft_put_pairs(b + 16, levels);
    }
}

const graft_format graft_format_q2_k = {"Q2_K", 10, N, BYTES, decode, encode};

static void grid(const void *block, float *scale, float *offset)
{
    const uint8_t *b = block;
    for (int j = 0; j < N; j++) {
        scale[j] = graft_get_f16(b + 80) * (float)(b[j / GROUP] & 15);
        offset[j] = -(graft_get_f16(b + 82) * (float)(b[j / GROUP] >> 4));
    }
}

static void put(void *block, const int8_t *levels)
{
    graft_put_pairs((uint8_t *)block + 16, (const uint8_t *)levels);
}

const graft_levels graft_levels_q2_k = {&graft_format_q2_k, 0, 3, 80, 82,
                                        grid, put};
