/* quant/formats.h - the rows of the table in formats.c, each defined in the file of its name. For
 * formats.c and for kernels that unpack a format faster than its own decoder does. */
#ifndef GRAFT_QUANT_FORMATS_H
#define GRAFT_QUANT_FORMATS_H

#include "quant/format.h"

extern const graft_format graft_format_q4_0, graft_format_q4_1, graft_format_q5_0,
    graft_format_q5_1, graft_format_q8_0, graft_format_q2_k, graft_format_q3_k,
    graft_format_q4_k, graft_format_q5_k, graft_format_q6_k, graft_format_iq4_nl,
    graft_format_iq4_xs, graft_format_iq3_s, graft_format_iq3_xxs, graft_format_iq2_s,
    graft_format_iq2_xs, graft_format_iq2_xxs, graft_format_iq1_m, graft_format_iq1_s,
    graft_format_tq1_0, graft_format_tq2_0, graft_format_mxfp4, graft_format_nvfp4,
    graft_format_q1_0, graft_format_q2_0;

/* The sixteen values that a nibble stands for: of IQ4_NL and IQ4_XS, of MXFP4 and NVFP4. */
extern const int8_t graft_iq4_nl_values[16], graft_fp4_values[16];

/* For encoders of such nibbles (IQ4_NL, IQ4_XS): the scale of 32 values (`spread`: twice the mean
 * square of the block); 16 bytes with the indices of the values nearest to x * inverse. */
float graft_iq4_fit(const float *x, const float *importance, float spread);
void graft_iq4_put(uint8_t *nibbles, const float *x, float inverse);

#endif
