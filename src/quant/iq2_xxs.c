/* quant/iq2_xxs.c - 256 values in 8 groups of 32: f16 d, then 8 bytes for each group: 4 indices of
 * code words for 8 values each, and 32 bits with 4 times seven signs and a 4-bit scale s on top;
 * x = d (s + 1/2) / 4 times plus or minus the magnitude. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 66 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int group = 0; group < 8; group++) {
            const uint8_t *q = b + 2 + 8 * group;
            uint32_t rest = graft_get_u32(q + 4);
            float scale = d * (0.5f + (float)(rest >> 28)) * 0.25f;
            for (int l = 0; l < 4; l++) {
                graft_iq2_decode(graft_grid_iq2_xxs[q[l]], graft_iq_signs(rest >> 7 * l), scale,
                                 out + 32 * group + 8 * l);
            }
        }
    }
}

const graft_format graft_format_iq2_xxs = {"IQ2_XXS", 16, N, BYTES, decode, NULL};
