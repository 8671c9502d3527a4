/* quant/iq4_nl.c - 32 values: f16 scale d, 16 bytes of nibbles; x = d table[q], a table of sixteen
 * values spaced for a bell-shaped distribution. Byte j holds values j and j + 16. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 32, BYTES = 18 };

const int8_t graft_iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)graft_iq4_nl_values[b[2 + j] & 15];
            out[j + 16] = d * (float)graft_iq4_nl_values[b[2 + j] >> 4];
        }
    }
}

const graft_format graft_format_iq4_nl = {"IQ4_NL", 20, N, BYTES, decode, NULL};
