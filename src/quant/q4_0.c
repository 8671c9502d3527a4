/* quant/q4_0.c - 32 values: f16 scale d, 16 bytes of nibbles; x = d (q - 8).
 * Byte j holds value j in its low and value j + 16 in its high nibble. */
#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/levels.h"

enum { N = 32, BYTES = 18 };

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)((b[2 + j] & 15) - 8);
            out[j + 16] = d * (float)((b[2 + j] >> 4) - 8);
        }
    }
}

static void put_levels(uint8_t *b, const uint8_t levels[N])
{
    for (int j = 0; j < 16; j++) {
        b[2 + j] = (uint8_t)(levels[j] | levels[j + 16] << 4);
    }
}

/* The levels of a block that was weighed: its scale is not tied to its largest value. */
static void encode_weighed(const float *values, uint8_t *b, size_t n_blocks,
                           const float *importance)
{
    float spread = graft_fit_sum_squares(values, n_blocks * N) / (float)(n_blocks * N);
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N, importance += N) {
        float weights[N];
        int8_t levels[N];
        graft_fit_weights(N, values, importance, spread, weights);
        graft_put_u16(b, graft_f32_to_f16(graft_fit_signed(N, 8, values, weights, levels)));
        put_levels(b, (const uint8_t *)levels);
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
        float d = graft_quant_extreme(values, N) / -8.0f;
        float inverse = graft_quant_inverse(d);
        graft_put_u16(b, graft_f32_to_f16(d));
        for (int j = 0; j < 16; j++) {
            uint8_t low = graft_quant_clip(values[j] * inverse + 8.5f, 15);
            uint8_t high = graft_quant_clip(values[j + 16] * inverse + 8.5f, 15);
            b[2 + j] = (uint8_t)(low | high << 4);
        }
    }
}

const graft_format graft_format_q4_0 = {"Q4_0", 2, N, BYTES, decode, encode};

static void put(void *block, const int8_t *levels)
{
    uint8_t moved[N];
    for (int j = 0; j < N; j++) {
        moved[j] = (uint8_t)(levels[j] + 8);
    }
    put_levels(block, moved);
}

const graft_levels graft_levels_q4_0 = {&graft_format_q4_0, -8, 7, 0, -1, graft_grid_of_scale,
                                        put};
