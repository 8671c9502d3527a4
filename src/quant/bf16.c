/* quant/bf16.c - the upper half of an IEEE single. */
#include "quant/bytes.h"
#include "quant/format.h"

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++) {
        out[i] = graft_bf16_to_f32(graft_get_u16(b + 2 * i));
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    (void)importance;
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++) {
        graft_put_u16(b + 2 * i, graft_f32_to_bf16(values[i]));
    }
}

const graft_format graft_format_bf16 = {"BF16", 30, 1, 2, decode, encode};
