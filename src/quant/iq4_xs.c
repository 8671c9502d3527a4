/* quant/iq4_xs.c - 256 values in 8 groups of 32: f16 d, 16 bits with the top two bits of the 6-bit
 * scales s, 4 bytes with their low nibbles, 128 bytes of nibbles; x = d (s - 32) table[q], the table
 * of IQ4_NL. Each 16 bytes are a group: low nibbles, then high ones. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 256, BYTES = 136 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES) {
        float d = graft_get_f16(b);
        for (int group = 0; group < 8; group++, out += 32) {
            const uint8_t *q = b + 8 + 16 * group;
            float scale = d * (float)graft_iq4_xs_scale(b + 2, group);
            for (int j = 0; j < 16; j++) {
                out[j] = scale * (float)graft_iq4_nl_values[q[j] & 15];
                out[j + 16] = scale * (float)graft_iq4_nl_values[q[j] >> 4];
            }
        }
    }
}

const graft_format graft_format_iq4_xs = {"IQ4_XS", 23, N, BYTES, decode, NULL};
