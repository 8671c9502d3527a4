/* quant/iq1_s.c - 256 values in 8 groups of 32: f16 d, low bytes of 32 indices of code words for 8
 * values each, then 16 bits for each group: the top three bits of four indices, a 3-bit scale s and
 * the sign of a delta of 1/8; x = d (2 s + 1) (q + delta), q one of -1, 0, 1. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 50 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int l = 0; l < 32; l++) {
            unsigned high = graft_get_u16(b + 34 + 2 * (l / 4));
            unsigned index = b[2 + l] | (high >> 3 * (l % 4) & 7) << 8;
            graft_iq1_decode(graft_grid_iq1[index], high >> 15 ? -0.125f : 0.125f,
                             d * (float)(2 * (high >> 12 & 7) + 1), out + 8 * l);
        }
    }
}

const graft_format graft_format_iq1_s = {"IQ1_S", 19, N, BYTES, decode, NULL};
