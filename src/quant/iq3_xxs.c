/* quant/iq3_xxs.c - 256 values in 8 groups of 32: f16 d, 64 indices of code words for 4 values
 * each, then 32 bits for each group: 4 times seven signs and a 4-bit scale s on top;
 * x = d (s + 1/2) / 2 times plus or minus the magnitude. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 98 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    static const int8_t values[8] = {GRAFT_IQ3_XXS_VALUES};
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int l = 0; l < 64; l++) {
            uint32_t rest = graft_get_u32(b + 66 + 4 * (l / 8));
            unsigned signs = graft_iq_signs(rest >> 7 * (l / 2 % 4)) >> 4 * (l % 2);
            float scale = d * (0.5f + (float)(rest >> 28)) * 0.5f;
            graft_iq3_decode(graft_grid_iq3_xxs[b[2 + l]], values, signs, scale, out + 4 * l);
        }
    }
}

const graft_format graft_format_iq3_xxs = {"IQ3_XXS", 18, N, BYTES, decode, NULL};
