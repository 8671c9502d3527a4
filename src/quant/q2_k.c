/* quant/q2_k.c - 256 values in 16 groups of 16: 16 bytes of 4-bit scales (low) and minima (high),
 * 64 bytes of 2-bit numbers, f16 d and dmin; x = d scale q - dmin min.
 * Each half of 128 values has 32 bytes; byte l holds values l, l + 32, l + 64, l + 96 of it. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 256, BYTES = 84 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 80), dmin = graft_get_f16(b + 82);
        for (int group = 0; group < 16; group++) {
            const uint8_t *q = b + 16 + 32 * (group / 8) + 16 * (group % 2);
            int shift = 2 * (group % 8 / 2);
            float scale = d * (float)(b[group] & 15), min = dmin * (float)(b[group] >> 4);
            for (int l = 0; l < 16; l++) {
                out[16 * group + l] = scale * (float)(q[l] >> shift & 3) - min;
            }
        }
    }
}

const graft_format graft_format_q2_k = {"Q2_K", 10, N, BYTES, decode, NULL};
