/* quant/mxfp4.c - 32 values: a byte e, 16 bytes of nibbles; x = 2^(e - 128) table[q], the table twice
 * the numbers of one sign, two exponent and one fraction bit (OCP Microscaling Formats, E8M0 and E2M1).
 * Byte j holds value j in its low and value j + 16 in its high nibble. As in ggml, the largest e is
 * a power of two and not the specification's NaN. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 32, BYTES = 17 };

const int8_t graft_fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_e8m0_half(b[0]);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)graft_fp4_values[b[1 + j] & 15];
            out[j + 16] = d * (float)graft_fp4_values[b[1 + j] >> 4];
        }
    }
}

const graft_format graft_format_mxfp4 = {"MXFP4", 39, N, BYTES, decode, NULL};
