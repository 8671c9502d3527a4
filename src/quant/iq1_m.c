/* quant/iq1_m.c - 256 values in 16 groups of 16: low bytes of 32 indices of code words for 8 values
 * each, 16 bytes with a nibble for each word (three bits on top of the index, and the sign of a delta
 * of 1/8), then four times 16 bits: four 3-bit scales s, and on top four bits of the f16 d;
 * x = d (2 s + 1) (q + delta), q one of -1, 0, 1. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 56 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_f16_to_f32(graft_iq1_m_scale(b + 48));
        for (int l = 0; l < 32; l++) {
            unsigned high = b[32 + l / 2] >> 4 * (l % 2) & 15;
            unsigned index = b[l] | (high & 7) << 8;
            unsigned s = graft_get_u16(b + 48 + 2 * (l / 8)) >> 3 * (l / 2 % 4) & 7;
            graft_iq1_decode(graft_grid_iq1[index], high >> 3 ? -0.125f : 0.125f,
                             d * (float)(2 * s + 1), out + 8 * l);
        }
    }
}

const graft_format graft_format_iq1_m = {"IQ1_M", 29, N, BYTES, decode, NULL};
