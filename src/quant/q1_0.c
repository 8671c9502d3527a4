/* quant/q1_0.c - 128 values d or -d: f16 d, 16 bytes of bits, set where the value is d. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 128, BYTES = 18 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int j = 0; j < N; j++) {
            out[j] = b[2 + j / 8] >> j % 8 & 1 ? d : -d;
        }
    }
}

const graft_format graft_format_q1_0 = {"Q1_0", 41, N, BYTES, decode, NULL};
