/* quant/q6_k.c - 256 values in 16 groups of 16: 128 bytes of low nibbles, 64 bytes of upper bit
 * pairs, 16 signed 8-bit scales, f16 d; x = d scale (q - 32). Each half of 128 values has 64 bytes
 * of nibbles (first 64 values in the low, last 64 in the high ones) and 32 bytes of upper bits
 * (byte l: values l, l + 32, l + 64, l + 96). */
#include <string.h>

#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 256, BYTES = 210 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 208);
        for (int group = 0; group < 16; group++) {
            const uint8_t *low = b + 64 * (group / 8) + 16 * (group % 4);
            const uint8_t *high = b + 128 + 32 * (group / 8) + 16 * (group % 2);
            int low_shift = 4 * (group % 8 / 4), high_shift = 2 * (group % 8 / 2);
            float scale = d * (float)(int8_t)b[192 + group];
            for (int l = 0; l < 16; l++) {
                int value = (low[l] >> low_shift & 15) | (high[l] >> high_shift & 3) << 4;
                out[16 * group + l] = scale * (float)(value - 32);
            }
        }
    }
}

static void put_levels(uint8_t *b, const int8_t *levels)
{
    for (int j = 0; j < 64; j++) {
        const int8_t *l = levels + 128 * (j / 32) + j % 32;
        uint8_t *low = b + 64 * (j / 32) + j % 32;
        low[0] = (uint8_t)((l[0] & 15) | (l[64] & 15) << 4);
        low[32] = (uint8_t)((l[32] & 15) | (l[96] & 15) << 4);
        b[128 + j] = (uint8_t)(l[0] >> 4 | l[32] >> 4 << 2 | l[64] >> 4 << 4 | l[96] >> 4 << 6);
    }
}

static void encode_block(const float *x, uint8_t *b, const float *importance)
{
    float scales[16], weights[16];
    int8_t levels[N];
    for (int g = 0; g < 16; g++) {
        const float *group = x + 16 * g, *w = importance ? importance + 16 * g : weights;
        graft_fit_weights(16, group, NULL, 0, weights);
        scales[g] = graft_fit_signed(16, 32, group, w, levels + 16 * g);
    }
    float extreme = graft_quant_extreme(scales, 16);
    if (fabsf(extreme) < GRAFT_FIT_TINY) {
        memset(b, 0, BYTES);
        return;
    }
    float inverse = -128.0f / extreme;
    graft_put_u16(b + 208, graft_f32_to_f16(1 / inverse));
    for (int g = 0; g < 16; g++) {
        int scale = graft_fit_nearest(inverse * scales[g]);
        b[192 + g] = (uint8_t)(scale < 127 ? scale : 127);
        float d = graft_get_f16(b + 208) * (float)(int8_t)b[192 + g];
        for (int j = 16 * g; d != 0 && j < 16 * (g + 1); j++) {
            levels[j] = (int8_t)(graft_fit_clamp(graft_fit_nearest(x[j] / d), -32, 31) + 32);
        }
    }
    put_levels(b, levels);
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++) {
        encode_block(values + N * i, b + BYTES * i, importance ? importance + N * i : NULL);
    }
}

const graft_format graft_format_q6_k = {"Q6_K", 14, N, BYTES, decode, encode};

static void grid(const void *block, float *scale, float *offset)
{
    const uint8_t *b = block;
    for (int j = 0; j < N; j++) {
        scale[j] = graft_get_f16(b + 208) * (float)(int8_t)b[192 + j / 16];
        offset[j] = 0;
    }
}

static void put(void *block, const int8_t *levels)
{
    int8_t moved[N];
    for (int j = 0; j < N; j++) {
        moved[j] = (int8_t)(levels[j] + 32);
    }
    put_levels(block, moved);
}

const graft_levels graft_levels_q6_k = {&graft_format_q6_k, -32, 31, 208, -1,
                                        grid, put};
