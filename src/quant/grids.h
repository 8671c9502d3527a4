/* quant/grids.h - the code books of IQ1 to IQ3 and how their words are read.
 *
 * A word of IQ1 and IQ2 holds eight codes of two bits, a word of IQ3 four of three bits; code j
 * stands at the j-th lowest bits. What number a code means is the format's affair. */
#ifndef GRAFT_QUANT_GRIDS_H
#define GRAFT_QUANT_GRIDS_H

#include <stdint.h>

extern const uint16_t graft_grid_iq2_xxs[256], graft_grid_iq2_xs[512], graft_grid_iq2_s[1024],
    graft_grid_iq1[2048], graft_grid_iq3_xxs[256], graft_grid_iq3_s[512];

/* Magnitudes: of the codes 0 to 2 of every IQ2, and 0 to 7 of IQ3_XXS. (Code c of IQ3_S is
 * 2 c + 1, of IQ1 c - 1.) */
#define GRAFT_IQ2_VALUES 8, 25, 43
#define GRAFT_IQ3_XXS_VALUES 4, 12, 20, 28, 36, 44, 52, 62

/* Signs of eight numbers, bit j set where number j is negative, from the low seven bits: the number
 * of negative ones is even. */
static inline unsigned graft_iq_signs(unsigned seven)
{
    unsigned parity = seven & 127;
    parity ^= parity >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return (seven & 127) | (parity & 1) << 7;
}

/* Eight numbers of an IQ2 word. */
static inline void graft_iq2_decode(uint16_t word, unsigned signs, float scale, float out[8])
{
    static const int8_t values[4] = {GRAFT_IQ2_VALUES, 0};
    for (int j = 0; j < 8; j++) {
        int value = values[word >> 2 * j & 3];
        out[j] = scale * (float)(signs >> j & 1 ? -value : value);
    }
}

/* Four numbers of an IQ3 word. */
static inline void graft_iq3_decode(uint16_t word, const int8_t values[8], unsigned signs,
                                    float scale, float out[4])
{
    for (int j = 0; j < 4; j++) {
        int value = values[word >> 3 * j & 7];
        out[j] = scale * (float)(signs >> j & 1 ? -value : value);
    }
}

/* Eight numbers of an IQ1 word, all moved by delta. */
static inline void graft_iq1_decode(uint16_t word, float delta, float scale, float out[8])
{
    for (int j = 0; j < 8; j++) {
        out[j] = scale * ((float)((word >> 2 * j & 3) - 1) + delta);
    }
}

#endif
