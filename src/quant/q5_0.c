/* quant/q5_0.c - 32 values: f16 scale d, a 32-bit word of fifth bits, 16 bytes of nibbles;
 * x = d (q - 16). Byte j holds the low bits of values j and j + 16. */
#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 32, BYTES = 22 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        uint32_t fifth = graft_get_u32(b + 2);
        for (int j = 0; j < 16; j++) {
            int low = (b[6 + j] & 15) | (int)(fifth >> j & 1u) << 4;
            int high = b[6 + j] >> 4 | (int)(fifth >> (j + 16) & 1u) << 4;
            out[j] = d * (float)(low - 16);
            out[j + 16] = d * (float)(high - 16);
        }
    }
}

static void put_levels(uint8_t *b, const uint8_t levels[N])
{
    uint32_t fifth = 0;
    for (int j = 0; j < 16; j++) {
        uint8_t low = levels[j], high = levels[j + 16];
        b[6 + j] = (uint8_t)((low & 15) | (high & 15) << 4);
        fifth |= (uint32_t)(low >> 4) << j | (uint32_t)(high >> 4) << (j + 16);
    }
    graft_put_u32(b + 2, fifth);
}

static void encode_weighed(const float *values, uint8_t *b, size_t n_blocks,
                           const float *importance)
{
    float spread = graft_fit_sum_squares(values, n_blocks * N) / (float)(n_blocks * N);
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N, importance += N) {
        float weights[N];
        int8_t levels[N];
        graft_fit_weights(N, values, importance, spread, weights);
        graft_put_u16(b, graft_f32_to_f16(graft_fit_signed(N, 16, values, weights, levels)));
        put_levels(b, (const uint8_t *)levels);
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
        float d = graft_quant_extreme(values, N) / -16.0f;
        float inverse = graft_quant_inverse(d);
        for (int j = 0; j < N; j++) {
            levels[j] = graft_quant_clip(values[j] * inverse + 16.5f, 31);
        }
        graft_put_u16(b, graft_f32_to_f16(d));
        put_levels(b, levels);
    }
}

const graft_format graft_format_q5_0 = {"Q5_0", 6, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    uint8_t moved[N];
    for (int j = 0; j < N; j++) {
        moved[j] = (uint8_t)(levels[j] + 16);
    }
    put_levels(block, moved);
}

const graft_levels graft_levels_q5_0 = {&graft_format_q5_0, -16, 15, 0, -1, graft_grid_of_scale,
                                        put};
