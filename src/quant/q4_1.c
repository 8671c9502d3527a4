/* quant/q4_1.c - 32 values: f16 scale d and minimum m, 16 bytes of nibbles; x = d q + m.
 * Byte j holds value j in its low and value j + 16 in its high nibble. */
#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 32, BYTES = 20 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b), m = graft_get_f16(b + 2);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)(b[4 + j] & 15) + m;
            out[j + 16] = d * (float)(b[4 + j] >> 4) + m;
        }
    }
}

static void put_levels(uint8_t *b, const uint8_t levels[N])
{
    for (int j = 0; j < 16; j++) {
        b[4 + j] = (uint8_t)(levels[j] | levels[j + 16] << 4);
    }
}

static void encode_weighed(const float *values, uint8_t *b, size_t n_blocks,
                           const float *importance)
{
    float spread = graft_fit_sum_squares(values, n_blocks * N) / (float)(n_blocks * N);
    for (size_t i = 0, n; i < n_blocks; i += n) {
        uint8_t levels[GRAFT_FIT_LANES * N];
        float scales[GRAFT_FIT_LANES], mins[GRAFT_FIT_LANES];
        n = graft_fit_weighed_blocks(15, values + N * i, importance + N * i, spread, n_blocks - i,
                                     levels, scales, mins);
        for (size_t k = 0; k < n; k++, b += BYTES) {
            graft_put_u16(b, graft_f32_to_f16(scales[k]));
            graft_put_u16(b + 2, graft_f32_to_f16(-mins[k]));
            put_levels(b, levels + N * k);
        }
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    if (importance != NULL) {
        encode_weighed(values, blocks, n_blocks, importance);
        return;
    }
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        float min, max;
        graft_quant_range(values, N, &min, &max);
        float d = (max - min) / 15.0f;
        float inverse = graft_quant_inverse(d);
        graft_put_u16(b, graft_f32_to_f16(d));
        graft_put_u16(b + 2, graft_f32_to_f16(min));
        for (int j = 0; j < 16; j++) {
            uint8_t low = graft_quant_clip((values[j] - min) * inverse + 0.5f, 15);
            uint8_t high = graft_quant_clip((values[j + 16] - min) * inverse + 0.5f, 15);
            b[4 + j] = (uint8_t)(low | high << 4);
        }
    }
}

const graft_format graft_format_q4_1 = {"Q4_1", 3, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    put_levels(block, (const uint8_t *)levels);
}

const graft_levels graft_levels_q4_1 = {&graft_format_q4_1, 0, 15, 0, 2,
                                        graft_grid_of_scale_and_min, put};
