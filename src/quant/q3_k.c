/* quant/q3_k.c - 256 values in 16 groups of 16: 32 bytes of third bits, 64 bytes of 2-bit numbers,
 * 12 bytes of 6-bit scales, f16 d; x = d scale (q - 4), q with the third bit on top.
 * Each half of 128 values has 32 bytes of numbers; byte l holds values l, l + 32, l + 64, l + 96 of
 * it. Bit k of byte l of the third bits belongs to value 32 k + l. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 256, BYTES = 110 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 108);
        for (int group = 0; group < 16; group++) {
            const uint8_t *third = b + 16 * (group % 2);
            const uint8_t *q = b + 32 + 32 * (group / 8) + 16 * (group % 2);
            int shift = 2 * (group % 8 / 2), bit = group / 2;
            float scale = d * (float)graft_q3_k_scale(b + 96, group);
            for (int l = 0; l < 16; l++) {
                int value = (q[l] >> shift & 3) | (third[l] >> bit & 1) << 2;
                out[16 * group + l] = scale * (float)(value - 4);
            }
        }
    }
}

const graft_format graft_format_q3_k = {"Q3_K", 11, N, BYTES, decode, NULL};
