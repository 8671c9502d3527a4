/* quant/iq2_s.c - 256 values in 16 groups of 16: f16 d, low bytes of 32 indices of code words for 8
 * values each, 32 bytes of signs, 8 bytes with the top two bits of four indices each, 8 bytes of
 * 4-bit scales s; x = d (s + 1/2) / 4 times plus or minus the magnitude. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 82 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (unsigned l = 0; l < 32; l++) {
            unsigned index = b[2 + l] | ((unsigned)b[66 + l / 4] >> 2 * (l % 4) & 3) << 8;
            unsigned s = (unsigned)b[74 + l / 4] >> 4 * (l / 2 % 2) & 15;
            float scale = d * (0.5f + (float)s) * 0.25f;
            graft_iq2_decode(graft_grid_iq2_s[index], b[34 + l], scale, out + 8 * l);
        }
    }
}

const graft_format graft_format_iq2_s = {"IQ2_S", 22, N, BYTES, decode, NULL};
