/* quant/iq4_xs.c - 256 values in 8 groups of 32: f16 d, 16 bits with the top two bits of the 6-bit
 * scales s, 4 bytes with their low nibbles, 128 bytes of nibbles; x = d (s - 32) table[q], with the
 * table of IQ4_NL. Each 16 bytes are a group: low nibbles, then high ones. */
#include <string.h>

#include "quant/bytes.h"
#include "quant/fit.h"
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

static void encode_block(const float *values, uint8_t *b, const float *importance)
{
    float scales[8], spread = graft_fit_sum_squares(values, N) * (2.0f / (float)N);
    for (int group = 0; group < 8; group++) {
        scales[group] = graft_iq4_fit(values + 32 * group,
                                      importance ? importance + 32 * group : NULL, spread);
    }
    float d = -graft_quant_extreme(scales, 8) / 32.0f, inverse = graft_quant_inverse(d);
    memset(b, 0, 8);
    graft_put_u16(b, graft_f32_to_f16(d));
    for (int group = 0; group < 8; group++) {
        int s = graft_fit_clamp(graft_fit_nearest(inverse * scales[group]), -32, 31);
        graft_iq4_put(b + 8 + 16 * group, values + 32 * group,
                      graft_quant_inverse(d * (float)s));
        s += 32;
        b[2 + group / 4] |= (uint8_t)(s >> 4 << 2 * (group % 4));
        b[4 + group / 2] |= (uint8_t)((s & 15) << 4 * (group % 2));
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++) {
        encode_block(values + N * i, b + BYTES * i, importance ? importance + N * i : NULL);
    }
}

const graft_format graft_format_iq4_xs = {"IQ4_XS", 23, N, BYTES, decode, encode};
