/* quant/q4_k.c - 256 values in 8 groups of 32: f16 d and dmin, 12 bytes of 6-bit scales and minima,
 * 128 bytes of nibbles; x = d scale q - dmin min. Every 32 bytes hold one group in their low and
 * the next in their high nibbles. */
#include "quant/bytes.h"
#include "quant/formats.h"

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

const graft_format graft_format_q4_k = {"Q4_K", 12, N, BYTES, decode, NULL};
