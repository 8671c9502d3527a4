/* quant/q4_k.c - 256 values in 8 groups of 32: f16 d and dmin, 12 bytes of 6-bit scales and minima,
 * 128 bytes of nibbles; x = d scale q - dmin min. Every 32 bytes hold one group in their low and
 * the next in their high nibbles. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/k_groups.h"
#include "quant/levels.h"

enum { N = 256, BYTES = 144 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b), dmin = graft_get_f16(b + 2);
        for (int group = 0; group < 8; group++) {
            int s, m;
            graft_k_scale_min(b + 4, group, &s, &m);
            const uint8_t *q = b + 16 + 32 * (group / 2);
            int shift = 4 * (group % 2);
            float scale = d * (float)s, min = dmin * (float)m;
            for (int l = 0; l < 32; l++) {
                out[32 * group + l] = scale * (float)(q[l] >> shift & 15) - min;
            }
        }
    }
}

static void put_levels(uint8_t *b, const uint8_t levels[N])
{
    for (int j = 0; j < 128; j++) {
        const uint8_t *l = levels + 64 * (j / 32) + j % 32;
        b[16 + j] = (uint8_t)(l[0] | l[32] << 4);
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    static const graft_k_groups kind = {15, {-1.0f, 0.1f, 20, false}, 255};
    uint8_t *b = blocks, levels[N];
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        graft_k_groups_fit(&kind, values, importance ? importance + N * i : NULL, b, levels);
        put_levels(b, levels);
    }
}

const graft_format graft_format_q4_k = {"Q4_K", 12, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    put_levels(block, (const uint8_t *)levels);
}

const graft_levels graft_levels_q4_k = {&graft_format_q4_k, 0, 15, 0, 2, graft_k_groups_grid, put};
