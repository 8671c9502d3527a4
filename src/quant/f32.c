/* quant/f32.c - IEEE single precision, as it is. */
#include <string.h>

#include "quant/format.h"

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    memcpy(out, blocks, n_blocks * sizeof *out);
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    (void)importance;
    memcpy(blocks, values, n_blocks * sizeof *values);
}

const graft_format graft_format_f32 = {"F32", 0, 1, 4, decode, encode};
