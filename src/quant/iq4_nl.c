/* quant/iq4_nl.c - 32 values: f16 scale d, 16 bytes of nibbles; x = d table[q], a table of sixteen
 * values spaced for a bell-shaped distribution. Byte j holds values j and j + 16. */
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

int graft_iq4_nearest(float x)
{
    const int8_t *v = graft_iq4_nl_values;
    int low = 0;
    for (int step = 8; step > 0; step /= 2) {
        low += x >= (float)v[low + step] ? step : 0;
    }
    if (low == 15 || x <= (float)v[0]) {
        return low;
    }
    return x - (float)v[low] < (float)v[low + 1] - x ? low : low + 1;
}

/* The sums for a scale that is the inverse of `inverse`: weight * value * x and weight * value^2. */
static void sums(const float *x, const float *weights, float inverse, float *qx, float *q2)
{
    *qx = *q2 = 0;
    for (int j = 0; j < N; j++) {
        float q = (float)graft_iq4_nl_values[graft_iq4_nearest(inverse * x[j])];
        *qx += weights[j] * q * x[j];
        *q2 += weights[j] * q * q;
    }
}

float graft_iq4_fit(const float *x, const float *importance, float spread)
{
    float weights[N], qx, q2, extreme = graft_quant_extreme(x, N);
    if (fabsf(extreme) < GRAFT_FIT_TINY) {
        return 0;
    }
    graft_fit_weights(N, x, importance, spread, weights);
    float lowest = (float)graft_iq4_nl_values[0], scale = -extreme / lowest;
    sums(x, weights, 1 / scale, &qx, &q2);
    scale = q2 > 0 ? qx / q2 : 0;
    float best = scale * qx;
    for (int i = -7; i <= 7; i++) {
        sums(x, weights, ((float)i + lowest) / extreme, &qx, &q2);
        if (q2 > 0 && qx * qx > best * q2) {
            scale = qx / q2;
            best = scale * qx;
        }
    }
    return scale;
}

void graft_iq4_put(uint8_t *nibbles, const float *x, float inverse)
{
    for (int j = 0; j < 16; j++) {
        int low = graft_iq4_nearest(inverse * x[j]), high = graft_iq4_nearest(inverse * x[j + 16]);
        nibbles[j] = (uint8_t)(low | high << 4);
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
