/* quant/fit.h - the searches behind the encoders: the scale (and minimum) and the whole numbers that
 * represent a group of values with the least weighted squared error.
 *
 * They do what ggml's quantisers do (ggml-quants.c), operation by operation in single precision
 * and without fused multiply-adds, because blocks are to be the same bit for bit; even where a
 * better search would be as easy. Groups have at most 32 values. Any values are allowed; those that
 * are not finite give any result. */
#ifndef GRAFT_QUANT_FIT_H
#define GRAFT_QUANT_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/half.h"

/* Groups whose largest magnitude is below this are all zero. */
#define GRAFT_FIT_TINY 1e-15f

/* The nearest whole number (ties to even) for |x| < 2^22: adding 1.5 * 2^23 rounds to it and
 * leaves it in the low bits. Beyond that any number, as in ggml. */
static inline int graft_fit_nearest(float x)
{
    return (int)(graft_float_bits(x + 12582912.0f) & 0x007fffffu) - 0x00400000;
}

static inline int graft_fit_clamp(int l, int min, int max)
{
    return l < min ? min : l > max ? max : l;
}

float graft_fit_sum_squares(const float *x, size_t n);

/* weights[i] = importance[i] * sqrt(spread + x[i]^2), or x[i]^2 where importance is NULL. */
void graft_fit_weights(int n, const float *x, const float *importance, float spread,
                       float *weights);

/* x ~ scale * (level - top), level in [0, 2 top): returns the scale. */
float graft_fit_signed(int n, int top, const float *x, const float *weights, int8_t *levels);

/* The same with weights x^2, one level after the other being moved while that helps. */
float graft_fit_signed_stepwise(int n, int top, const float *x, int8_t *levels);

/* Inverse scales that are tried: (first + step * i + top) / (max - min) for i in [0, n]. */
typedef struct graft_fit_tries {
    float first, step;
    int n;
    bool absolute; /* errors count by their size instead of their square */
} graft_fit_tries;

/* With an importance all formats try these. */
extern const graft_fit_tries graft_fit_tries_weighed;

/* For each of eight groups of n values, one behind the other: x ~ scale * level - minus_min, level in
 * [0, top], minus_min >= 0. levels are laid out like x. Groups of zeros cost time and no more. */
#define GRAFT_FIT_LANES 8
void graft_fit_ranges(int n, int top, const float *x, const float *weights,
                      const graft_fit_tries *tries, uint8_t *levels, float *scales,
                      float *minus_mins);

/* The same for the next blocks of 32 values of a row, up to eight, with graft_fit_weights; returns how
 * many there were. */
size_t graft_fit_weighed_blocks(int top, const float *values, const float *importance,
                                float spread, size_t n_blocks, uint8_t *levels, float *scales,
                                float *minus_mins);

/* x ~ scale * level, level in [0, top], for scales and minima of groups: returns the scale. A
 * negative x gives a level that wraps around, as in ggml. */
float graft_fit_unsigned(int n, int top, const float *x, const float *weights, uint8_t *levels);

#endif
