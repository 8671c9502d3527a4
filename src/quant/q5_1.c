/* quant/q5_1.c - 32 values: f16 scale d and minimum m, a 32-bit word of fifth bits, 16 bytes of
 * nibbles; x = d q + m. Byte j holds the low bits of values j and j + 16. */
#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 32, BYTES = 24 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b), m = graft_get_f16(b + 2);
        uint32_t fifth = graft_get_u32(b + 4);
        for (int j = 0; j < 16; j++) {
            int low = (b[8 + j] & 15) | (int)(fifth >> j & 1u) << 4;
            int high = b[8 + j] >> 4 | (int)(fifth >> (j + 16) & 1u) << 4;
            out[j] = d * (float)low + m;
            out[j + 16] = d * (float)high + m;
        }
    }
}

static void put_levels(uint8_t *b, const uint8_t levels[N])
{
    uint32_t fifth = 0;
    for (int j = 0; j < 16; j++) {
        uint8_t low = levels[j], high = levels[j + 16];
        b[8 + j] = (uint8_t)((low & 15) | (high & 15) << 4);
        fifth |= (uint32_t)(low >> 4) << j | (uint32_t)(high >> 4) << (j + 16);
    }
    graft_put_u32(b + 4, fifth);
}

static void put_block(uint8_t *b, float d, float m, const uint8_t levels[N])
{
    graft_put_u16(b, graft_f32_to_f16(d));
    graft_put_u16(b + 2, graft_f32_to_f16(m));
    put_levels(b, levels);
}

static void encode_weighed(const float *values, uint8_t *b, size_t n_blocks,
                           const float *importance)
{
    float spread = graft_fit_sum_squares(values, n_blocks * N) / (float)(n_blocks * N);
    for (size_t i = 0, n; i < n_blocks; i += n) {
        uint8_t levels[GRAFT_FIT_LANES * N];
        float scales[GRAFT_FIT_LANES], mins[GRAFT_FIT_LANES];
        n = graft_fit_weighed_blocks(31, values + N * i, importance + N * i, spread, n_blocks - i,
                                     levels, scales, mins);
        for (size_t k = 0; k < n; k++, b += BYTES) {
            put_block(b, scales[k], -mins[k], levels + N * k);
        }
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    uint8_t *b = blocks;
    if (importance != NULL) {
        encode_weighed(values, blocks, n_blocks, importance);
        return;
    }
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        uint8_t levels[N];
        float min, max;
        graft_quant_range(values, N, &min, &max);
        float d = (max - min) / 31.0f;
        float inverse = graft_quant_inverse(d);
        for (int j = 0; j < N; j++) {
            levels[j] = graft_quant_clip((values[j] - min) * inverse + 0.5f, 31);
        }
        put_block(b, d, min, levels);
    }
}

const graft_format graft_format_q5_1 = {"Q5_1", 7, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    put_levels(block, (const uint8_t *)levels);
}

const graft_levels graft_levels_q5_1 = {&graft_format_q5_1, 0, 31, 0, 2,
                                        graft_grid_of_scale_and_min, put};
