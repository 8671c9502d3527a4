/* quant/q2_0.c - 64 values: f16 d, 16 bytes of 2-bit numbers, four neighbours to a byte;
 * x = d (q - 1). */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 64, BYTES = 18 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int j = 0; j < N; j++) {
            out[j] = d * (float)((b[2 + j / 4] >> 2 * (j % 4) & 3) - 1);
        }
    }
}

const graft_format graft_format_q2_0 = {"Q2_0", 42, N, BYTES, decode, NULL};
