/* quant/iq4_nl.c - 32 values: f16 scale d, 16 bytes of nibbles; x = d table[q], a table of sixteen
 * values spaced for a bell-shaped distribution. Byte j holds values j and j + 16. */
#include <string.h>

#include "quant/bytes.h"
#include "quant/fit.h"
#include "quant/formats.h"

enum { N = 32, BYTES = 18 };

const int8_t graft_iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, out += N) {
        float d = graft_get_f16(b);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)graft_iq4_nl_values[b[2 + j] & 15];
            out[j + 16] = d * (float)graft_iq4_nl_values[b[2 + j] >> 4];
        }
    }
}

/* The value nearest to x is the lowest plus the steps that lie before x; a step begins half way. For
 * numbers with as many bits as there are between a value and the next, comparing distances
 * is the same, ties included. */
enum { STEPS = 15 };

static float middle(int step)
{
    return (float)(graft_iq4_nl_values[step] + graft_iq4_nl_values[step + 1]) / 2;
}

/* Inverse scales that are tried side by side: one that brings the largest value to the lowest entry of
 * the table, and fifteen that bring it near. */
enum { LANES = 16 };

static void sums(const float *x, const float *weights, const float *inverse, float *qx, float *q2)
{
    float middles[STEPS], steps[STEPS];
    for (int s = 0; s < STEPS; s++) {
        middles[s] = middle(s);
        steps[s] = (float)(graft_iq4_nl_values[s + 1] - graft_iq4_nl_values[s]);
    }
    memset(qx, 0, LANES * sizeof *qx);
    memset(q2, 0, LANES * sizeof *q2);
    for (int j = 0; j < N; j++) {
        float q[LANES], y[LANES];
        for (int k = 0; k < LANES; k++) {
            y[k] = inverse[k] * x[j];
            q[k] = (float)graft_iq4_nl_values[0];
        }
        for (int s = 0; s < STEPS; s++) {
            for (int k = 0; k < LANES; k++) {
                q[k] += y[k] >= middles[s] ? steps[s] : 0;
            }
        }
        for (int k = 0; k < LANES; k++) {
            float wq = weights[j] * q[k];
            qx[k] += wq * x[j];
            q2[k] += wq * q[k];
        }
    }
}

float graft_iq4_fit(const float *x, const float *importance, float spread)
{
    float weights[N], inverse[LANES], qx[LANES], q2[LANES];
    float lowest = (float)graft_iq4_nl_values[0], extreme = graft_quant_extreme(x, N);
    if (fabsf(extreme) < GRAFT_FIT_TINY) {
        return 0;
    }
    graft_fit_weights(N, x, importance, spread, weights);
    inverse[0] = 1 / (-extreme / lowest);
    for (int k = 1; k < LANES; k++) {
        inverse[k] = ((float)(k - 8) + lowest) / extreme;
    }
    sums(x, weights, inverse, qx, q2);
    float scale = q2[0] > 0 ? qx[0] / q2[0] : 0, best = scale * qx[0];
    for (int k = 1; k < LANES; k++) {
        if (q2[k] > 0 && qx[k] * qx[k] > best * q2[k]) {
            scale = qx[k] / q2[k];
            best = scale * qx[k];
        }
    }
    return scale;
}

void graft_iq4_put(uint8_t *nibbles, const float *x, float inverse)
{
    int index[N] = {0};
    for (int s = 0; s < STEPS; s++) {
        for (int j = 0; j < N; j++) {
            index[j] += inverse * x[j] >= middle(s);
        }
    }
    for (int j = 0; j < 16; j++) {
        nibbles[j] = (uint8_t)(index[j] | index[j + 16] << 4);
    }
}

static void encode(const float *values, void *blocks, size_t n_blocks, const float *importance)
{
    uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES, values += N) {
        float spread = graft_fit_sum_squares(values, N) * (2.0f / (float)N);
        float d = graft_iq4_fit(values, importance ? importance + N * i : NULL, spread);
        graft_put_u16(b, graft_f32_to_f16(d));
        graft_iq4_put(b + 2, values, d != 0 ? 1 / d : 0);
    }
}

const graft_format graft_format_iq4_nl = {"IQ4_NL", 20, N, BYTES, decode, encode};
