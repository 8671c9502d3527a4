/* quant/q8_0.c - 32 values: f16 scale d, 32 signed bytes; x = d q. */
#include <string.h>

#include "quant/bytes.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 32, BYTES = 34 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int j = 0; j < N; j++) {
            out[j] = d * (float)(int8_t)b[2 + j];
        }
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    (void)importance;
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        float d = fabsf(graft_quant_extreme(values, N)) / 127.0f;
        float inverse = graft_quant_inverse(d);
        graft_put_u16(b, graft_f32_to_f16(d));
        for (int j = 0; j < N; j++) {
            float q = roundf(values[j] * inverse);
            /* not finite only where the values were not */
            b[2 + j] = fabsf(q) <= 127.0f ? (uint8_t)(int8_t)q : 0;
        }
    }
}

const graft_format graft_format_q8_0 = {"Q8_0", 8, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    memcpy((uint8_t *)block + 2, levels, N);
}

const graft_levels graft_levels_q8_0 = {&graft_format_q8_0, -127, 127, 0, -1,
                                        graft_grid_of_scale, put};
