/* core/half.c - rounding a float to 16 bits. */
#include "core/half.h"

/* value / 2^shift, rounded to nearest, ties to even. */
static uint32_t shift_round(uint32_t value, unsigned shift)
{
    uint32_t kept = value >> shift;
    uint32_t rest = value & ((1u << shift) - 1u);
    uint32_t tie = 1u << (shift - 1);
    return kept + (rest > tie || (rest == tie && (kept & 1u)));
}

uint16_t graft_f32_to_f16(float f)
{
    uint32_t bits = graft_float_bits(f);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu)); /* quiet NaN */
    }
    if (magnitude >= 0x47800000u) { /* 2^16 and above, infinity */
        return (uint16_t)(sign | 0x7c00u);
    }
    if (magnitude >= 0x38800000u) { /* normal: a carry out of the fraction raises the exponent */
        return (uint16_t)(sign | (shift_round(magnitude, 13) - (112u << 10)));
    }
    if (magnitude < 0x33000000u) { /* below half of the smallest subnormal */
        return (uint16_t)sign;
    }
    uint32_t exponent = magnitude >> 23;
    uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | shift_round(fraction, 126u - exponent));
}
