/* quant/q5_k.c - 256 values in 8 groups of 32: f16 d and dmin, 12 bytes of 6-bit scales and minima,
 * 32 bytes of fifth bits, 128 bytes of nibbles; x = d scale q - dmin min. Every 32 bytes hold one
 * group in their low and the next in their high nibbles; bit g of byte l of the fifth bits belongs
 * to value l of group g. */
#include <string.h>

#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/k_groups.h"
#include "quant/levels.h"

enum { N = 256, BYTES = 176 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b), dmin = graft_get_f16(b + 2);
        const uint8_t *fifth = b + 16;
        for (int group = 0; group < 8; group++) {
            int s, m;
            graft_k_scale_min(b + 4, group, &s, &m);
            const uint8_t *q = b + 48 + 32 * (group / 2);
            int shift = 4 * (group % 2);
            float scale = d * (float)s, min = dmin * (float)m;
            for (int l = 0; l < 32; l++) {
                int value = (q[l] >> shift & 15) | (fifth[l] >> group & 1) << 4;
                out[32 * group + l] = scale * (float)value - min;
            }
        }
    }
}

static void put_levels(uint8_t *b, const uint8_t levels[N])
{
    memset(b + 16, 0, 32);
    for (int j = 0; j < 128; j++) {
        int group = 2 * (j / 32), l = j % 32;
        uint8_t low = levels[32 * group + l], high = levels[32 * group + 32 + l];
        b[16 + l] |= (uint8_t)(low >> 4 << group | high >> 4 << (group + 1));
        b[48 + j] = (uint8_t)((low & 15) | (high & 15) << 4);
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    static const graft_k_groups kind = {31, {-0.5f, 0.1f, 15, false}, 63};
    uint8_t *b = blocks, levels[N];
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        graft_k_groups_fit(&kind, values, importance ? importance + N * i : NULL, b, levels);
        put_levels(b, levels);
    }
}

const graft_format graft_format_q5_k = {"Q5_K", 13, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    put_levels(block, (const uint8_t *)levels);
}

const graft_levels graft_levels_q5_k = {&graft_format_q5_k, 0, 31, 0, 2, graft_k_groups_grid, put};
