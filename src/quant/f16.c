/* quant/f16.c - IEEE half precision. */
#include "quant/bytes.h"
#include "quant/format.h"

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++) {
        out[i] = graft_get_f16(b + 2 * i);
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    (void)importance;
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++) {
        graft_put_u16(b + 2 * i, graft_f32_to_f16(values[i]));
    }
}

const graft_format graft_format_f16 = {"F16", 1, 1, 2, decode, encode};
