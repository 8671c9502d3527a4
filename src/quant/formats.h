/* quant/formats.h - the rows of the table in formats.c, each defined in the file of its name. For
 * formats.c and for kernels that unpack a format faster than its own decoder does. */
#ifndef GRAFT_QUANT_FORMATS_H
#define GRAFT_QUANT_FORMATS_H

#include "quant/format.h"

extern const graft_format graft_format_q4_0, graft_format_q4_1, graft_format_q5_0,
    graft_format_q5_1, graft_format_q8_0, graft_format_q2_k, graft_format_q3_k,
    graft_format_q4_k, graft_format_q5_k, graft_format_q6_k, graft_format_iq4_nl;

/* The sixteen values an IQ4_NL nibble stands for. */
extern const int8_t graft_iq4_nl_values[16];

/* For encoders of such nibbles (IQ4_NL, IQ4_XS): the scale of 32 values (`spread`: twice the mean
 * square of the block); 16 bytes with the indices of the values nearest to x * inverse. */
float graft_iq4_fit(const float *x, const float *importance, float spread);
void graft_iq4_put(uint8_t *nibbles, const float *x, float inverse);

#endif
