/* core/half.h - 16-bit floats, converted with plain integer arithmetic (round to nearest even). */
#ifndef GRAFT_CORE_HALF_H
#define GRAFT_CORE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float graft_bits_float(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t graft_float_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* IEEE binary16; exact. */
static inline float graft_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = (h >> 10) & 0x1fu;
    uint32_t fraction = h & 0x3ffu;
    if (exponent == 0x1f) {
        return graft_bits_float(sign | 0x7f800000u | (fraction << 13));
    }
    if (exponent == 0) {
        /* zero or subnormal: fraction * 2^-24 is exact in f32 */
        float magnitude = (float)fraction * 0x1p-24f;
        return graft_bits_float(sign | graft_float_bits(magnitude));
    }
    return graft_bits_float(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

uint16_t graft_f32_to_f16(float f); /* overflow gives infinity, NaN stays NaN */

static inline float graft_bf16_to_f32(uint16_t b)
{
    return graft_bits_float((uint32_t)b << 16);
}

static inline uint16_t graft_f32_to_bf16(float f)
{
    uint32_t bits = graft_float_bits(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)((bits >> 16) | 0x40u); /* quiet NaN */
    }
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#endif
