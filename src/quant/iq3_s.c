/* quant/iq3_s.c - 256 values in 8 groups of 32: f16 d, low bytes of 64 indices of code words for 4
 * values each, 8 bytes with the ninth bits, 32 bytes of signs, 4 bytes of 4-bit scales s;
 * x = d (1 + 2 s) times plus or minus the magnitude. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 110 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    static const int8_t values[8] = {1, 3, 5, 7, 9, 11, 13, 15};
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (unsigned l = 0; l < 64; l++) {
            unsigned index = b[2 + l] | ((unsigned)b[66 + l / 8] >> l % 8 & 1) << 8;
            unsigned signs = (unsigned)b[74 + l / 2] >> 4 * (l % 2);
            unsigned s = (unsigned)b[106 + l / 16] >> 4 * (l / 8 % 2) & 15;
            graft_iq3_decode(graft_grid_iq3_s[index], values, signs, d * (float)(1 + 2 * s),
                             out + 4 * l);
        }
    }
}

const graft_format graft_format_iq3_s = {"IQ3_S", 21, N, BYTES, decode, NULL};
