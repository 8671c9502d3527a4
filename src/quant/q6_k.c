/* quant/q6_k.c - 256 values in 16 groups of 16: 128 bytes of low nibbles, 64 bytes of upper bit
 * pairs, 16 signed 8-bit scales, f16 d; x = d scale (q - 32). Each half of 128 values has 64 bytes
 * of nibbles (first 64 values in the low, last 64 in the high ones) and 32 bytes of upper bits
 * (byte l: values l, l + 32, l + 64, l + 96). */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 256, BYTES = 210 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 208);
        for (int group = 0; group < 16; group++) {
            const uint8_t *low = b + 64 * (group / 8) + 16 * (group % 4);
            const uint8_t *high = b + 128 + 32 * (group / 8) + 16 * (group % 2);
            int low_shift = 4 * (group % 8 / 4), high_shift = 2 * (group % 8 / 2);
            float scale = d * (float)(int8_t)b[192 + group];
            for (int l = 0; l < 16; l++) {
                int value = (low[l] >> low_shift & 15) | (high[l] >> high_shift & 3) << 4;
                out[16 * group + l] = scale * (float)(value - 32);
            }
        }
    }
}

const graft_format graft_format_q6_k = {"Q6_K", 14, N, BYTES, decode, NULL};
