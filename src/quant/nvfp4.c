/* quant/nvfp4.c - 64 values in 4 groups of 16: 4 scales s of four exponent and three fraction bits
 * (E4M3 without sign), 32 bytes of nibbles; x = s / 2 table[q], the table of MXFP4. Each 8 bytes are
 * a group: low nibbles, then high ones. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 64, BYTES = 36 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES) {
        for (int group = 0; group < 4; group++, out += 16) {
            const uint8_t *q = b + 4 + 8 * group;
            float d = graft_ue4m3_half(b[group]);
            for (int j = 0; j < 8; j++) {
                out[j] = d * (float)graft_fp4_values[q[j] & 15];
                out[j + 8] = d * (float)graft_fp4_values[q[j] >> 4];
            }
        }
    }
}

const graft_format graft_format_nvfp4 = {"NVFP4", 40, N, BYTES, decode, NULL};
