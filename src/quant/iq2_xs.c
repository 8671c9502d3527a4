/* quant/iq2_xs.c - 256 values in 16 groups of 16: f16 d, 32 words of 16 bits for 8 values each (9
 * bits: index of a code word, 7 bits: signs), 8 bytes of 4-bit scales s;
 * x = d (s + 1/2) / 4 times plus or minus the magnitude. */
#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/grids.h"

enum { N = 256, BYTES = 74 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int l = 0; l < 32; l++) {
            unsigned q = graft_get_u16(b + 2 + 2 * l), s = b[66 + l / 4] >> 4 * (l / 2 % 2) & 15;
            float scale = d * (0.5f + (float)s) * 0.25f;
            graft_iq2_decode(graft_grid_iq2_xs[q & 511], graft_iq_signs(q >> 9), scale,
                             out + 8 * l);
        }
    }
}

const graft_format graft_format_iq2_xs = {"IQ2_XS", 17, N, BYTES, decode, NULL};
