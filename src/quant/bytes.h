/* quant/bytes.h - little-endian fields of unaligned blocks; rounding steps encoders share. */
#ifndef GRAFT_QUANT_BYTES_H
#define GRAFT_QUANT_BYTES_H

#include <math.h>
#include <stdint.h>

#include "core/half.h"

static inline uint16_t graft_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline void graft_put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v & 0xffu);
    p[1] = (uint8_t)(v >> 8);
}

static inline uint32_t graft_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void graft_put_u32(uint8_t *p, uint32_t v)
{
    graft_put_u16(p, (uint16_t)(v & 0xffffu));
    graft_put_u16(p + 2, (uint16_t)(v >> 16));
}

static inline float graft_get_f16(const uint8_t *p)
{
    return graft_f16_to_f32(graft_get_u16(p));
}

/* Truncates to 0..limit; NaN gives 0 (a plain conversion would be undefined). */
static inline uint8_t graft_quant_clip(float x, int limit)
{
    if (!(x > 0.0f)) {
        return 0;
    }
    return x >= (float)limit ? (uint8_t)limit : (uint8_t)x;
}

static inline float graft_quant_inverse(float d)
{
    return d != 0.0f ? 1.0f / d : 0.0f;
}

/* The first value of largest magnitude, with its sign. */
static inline float graft_quant_extreme(const float *x, int n)
{
    float extreme = 0.0f, magnitude = 0.0f;
    for (int i = 0; i < n; i++) {
        if (fabsf(x[i]) > magnitude) {
            magnitude = fabsf(x[i]);
            extreme = x[i];
        }
    }
    return extreme;
}

static inline void graft_quant_range(const float *x, int n, float *min, float *max)
{
    *min = *max = x[0];
    for (int i = 1; i < n; i++) {
        *min = x[i] < *min ? x[i] : *min;
        *max = x[i] > *max ? x[i] : *max;
    }
}

/* Scale j and minimum j (6 bits each, 8 of both) from the 12 bytes of a Q4_K or Q5_K block: the low
 * six bits of bytes 0-3 and 4-7 are scales and minima 0-3; bytes 8-11 hold the low nibbles of 4-7,
 * whose top two bits are the top bits of bytes 0-7. */
static inline void graft_k_scale_min(const uint8_t *packed, int j, int *scale, int *min)
{
    if (j < 4) {
        *scale = packed[j] & 63;
        *min = packed[j + 4] & 63;
    } else {
        *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
        *min = packed[j + 4] >> 4 | (packed[j] >> 6) << 4;
    }
}

/* The reverse for all eight. A value beyond 63 spills over as it does in ggml. */
static inline void graft_k_put_scales_mins(uint8_t *packed, const uint8_t *scales,
                                           const uint8_t *mins)
{
    for (int j = 0; j < 4; j++) {
        packed[j] = (uint8_t)(scales[j] | scales[j + 4] >> 4 << 6);
        packed[j + 4] = (uint8_t)(mins[j] | mins[j + 4] >> 4 << 6);
        packed[j + 8] = (uint8_t)((scales[j + 4] & 15) | (mins[j + 4] & 15) << 4);
    }
}

/* 256 numbers of 2 bits: byte l of each 32 holds numbers l, l + 32, l + 64, l + 96 of 128. */
static inline void graft_put_pairs(uint8_t *packed, const uint8_t *levels)
{
    for (int j = 0; j < 64; j++) {
        const uint8_t *l = levels + 128 * (j / 32) + j % 32;
        packed[j] = (uint8_t)(l[0] | l[32] << 2 | l[64] << 4 | l[96] << 6);
    }
}

/* The sixteen signed 6-bit scales of a Q3_K block from its 12 bytes: low nibbles of bytes 0-7 are
 * scales 0-7, high nibbles 8-15; bytes 8-11 hold the top two bits, four scales to a bit pair. */
static inline int graft_q3_k_scale(const uint8_t *packed, int j)
{
    int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
    int high = packed[8 + j % 4] >> 2 * (j / 4) & 3;
    return (low | high << 4) - 32;
}

/* The scale of group j (0-7) of an IQ4_XS block, -32 to 31, from the 6 bytes behind d. */
static inline int graft_iq4_xs_scale(const uint8_t *packed, int j)
{
    int low = packed[2 + j / 2] >> 4 * (j % 2) & 15, high = graft_get_u16(packed) >> 2 * j & 3;
    return (low | high << 4) - 32;
}

/* The f16 scale of an IQ1_M block: the top nibbles of four words. */
static inline uint16_t graft_iq1_m_scale(const uint8_t *words)
{
    return (uint16_t)(words[1] >> 4 | (words[3] & 0xf0) | (words[5] & 0xf0) << 4 |
                      (words[7] & 0xf0) << 8);
}

/* 2^(e - 128): half of what the byte means in E8M0; the two smallest are subnormal. */
static inline float graft_e8m0_half(uint8_t e)
{
    return graft_bits_float(e < 2 ? UINT32_C(0x200000) << e : (uint32_t)(e - 1) << 23);
}

/* Half of what a byte means as four exponent and three fraction bits, bias 7; its top bit is
 * ignored. As in ggml 0x7f, which is NaN by the name of the format, is 0. */
static inline float graft_ue4m3_half(uint8_t x)
{
    int exponent = x >> 3 & 15, fraction = x & 7;
    if (x == 0x7f) {
        return 0.0f;
    }
    return exponent == 0 ? (float)fraction * 0x1p-10f
                         : graft_bits_float((uint32_t)(exponent + 119) << 23 |
                                            (uint32_t)fraction << 20);
}

#endif
