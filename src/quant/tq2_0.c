/* quant/tq2_0.c - 256 values: 64 bytes of 2-bit numbers, f16 d; x = d (q - 1). Each half of 128
 * values has 32 bytes; byte l holds values l, l + 32, l + 64, l + 96 of it. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 256, BYTES = 66 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b + 64);
        for (int j = 0; j < N; j++) {
            out[j] = d * (float)((b[32 * (j / 128) + j % 32] >> 2 * (j / 32 % 4) & 3) - 1);
        }
    }
}

const graft_format graft_format_tq2_0 = {"TQ2_0", 35, N, BYTES, decode, NULL};
