/* fit.c - searches for scales. Sums run in the order of the values, products from left to right. */
#include "quant/fit.h"

#include <math.h>
#include <string.h>

#include "quant/bytes.h"

enum { MAX_N = 32 };

const graft_fit_tries graft_fit_tries_weighed = {-0.9f, 0.05f, 36, false};

float graft_fit_sum_squares(const float *x, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    return sum;
}

void graft_fit_weights(int n, const float *x, const float *importance, float spread,
                       float *weights)
{
    for (int i = 0; i < n; i++) {
        weights[i] = x[i] * x[i];
    }
    for (int i = 0; importance != NULL && i < n; i++) {
        weights[i] = importance[i] * sqrtf(spread + weights[i]);
    }
}

/* Sums over a group: of weight * x * level and weight * level^2. */
typedef struct moments {
    float xl, l2;
} moments;

static moments signed_moments(int n, int top, const float *x, const float *weights, float inverse)
{
    moments m = {0, 0};
    for (int i = 0; i < n; i++) {
        float l = (float)graft_fit_clamp(graft_fit_nearest(inverse * x[i]), -top, top - 1);
        m.xl += weights[i] * x[i] * l;
        m.l2 += weights[i] * l * l;
    }
    return m;
}

float graft_fit_signed(int n, int top, const float *x, const float *weights, int8_t *levels)
{
    float extreme = graft_quant_extreme(x, n);
    if (fabsf(extreme) < GRAFT_FIT_TINY) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    float inverse = (float)-top / extreme;
    moments m = signed_moments(n, top, x, weights, inverse);
    float scale = m.l2 != 0 ? m.xl / m.l2 : 0, best = scale * m.xl;
    for (int i = -9; i <= 9; i++) {
        if (i == 0) {
            continue;
        }
        float other = -((float)top + 0.1f * (float)i) / extreme;
        m = signed_moments(n, top, x, weights, other);
        if (m.l2 > 0 && m.xl * m.xl > best * m.l2) {
            inverse = other;
            scale = m.xl / m.l2;
            best = scale * m.xl;
        }
    }
    for (int i = 0; i < n; i++) {
        int l = graft_fit_clamp(graft_fit_nearest(inverse * x[i]), -top, top - 1);
        levels[i] = (int8_t)(l + top);
    }
    return scale;
}

/* Moves each level to where it is best while the others stay; returns whether any moved. */
static bool move_levels(int n, int top, const float *x, int *levels, moments *m)
{
    bool moved = false;
    for (int i = 0; i < n; i++) {
        float w = x[i] * x[i], l = (float)levels[i];
        moments others = {m->xl - w * x[i] * l, 0};
        if (!(others.xl > 0)) {
            continue;
        }
        others.l2 = m->l2 - w * l * l;
        int to = graft_fit_nearest(x[i] * others.l2 / others.xl);
        to = graft_fit_clamp(to, -top, top - 1);
        if (to == levels[i]) {
            continue;
        }
        l = (float)to;
        others.xl += w * x[i] * l;
        others.l2 += w * l * l;
        if (others.l2 > 0 && others.xl * others.xl * m->l2 > m->xl * m->xl * others.l2) {
            levels[i] = to;
            *m = others;
            moved = true;
        }
    }
    return moved;
}

float graft_fit_signed_stepwise(int n, int top, const float *x, int8_t *levels)
{
    float extreme = graft_quant_extreme(x, n);
    int l[MAX_N];
    moments m = {0, 0};
    if (fabsf(extreme) < GRAFT_FIT_TINY) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    float inverse = (float)-top / extreme;
    for (int i = 0; i < n; i++) {
        l[i] = graft_fit_clamp(graft_fit_nearest(inverse * x[i]), -top, top - 1);
        float w = x[i] * x[i];
        m.xl += w * x[i] * (float)l[i];
        m.l2 += w * (float)l[i] * (float)l[i];
    }
    for (int round = 0; round < 5 && move_levels(n, top, x, l, &m); round++) {
    }
    for (int i = 0; i < n; i++) {
        levels[i] = (int8_t)(l[i] + top);
    }
    return m.l2 > 0 ? m.xl / m.l2 : 0;
}

/* The levels of (x - min) * inverse. */
static void range_levels(int n, int top, const float *x, float min, float inverse, uint8_t *levels)
{
    for (int i = 0; i < n; i++) {
        levels[i] = (uint8_t)graft_fit_clamp(graft_fit_nearest(inverse * (x[i] - min)), 0, top);
    }
}

static float range_error(int n, const float *x, const float *weights, const uint8_t *levels,
                         float scale, float min, bool absolute)
{
    float error = 0;
    for (int i = 0; i < n; i++) {
        float d = scale * (float)levels[i] + min - x[i];
        error += weights[i] * (absolute ? fabsf(d) : d * d);
    }
    return error;
}

/* The best scale and minimum (at most 0) for given levels: weighted linear regression. False where
 * there is none. */
static bool range_regression(int n, const float *x, const float *weights, const uint8_t *levels,
                             float sum_w, float sum_x, float *scale, float *min)
{
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (int i = 0; i < n; i++) {
        float l = (float)levels[i], wl = weights[i] * l;
        sum_l += wl;
        sum_l2 += wl * l;
        sum_xl += wl * x[i];
    }
    float determinant = sum_w * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0)) {
        return false;
    }
    *scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
    *min = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
    if (*min > 0) {
        *min = 0;
        *scale = sum_xl / sum_l2;
    }
    return true;
}

float graft_fit_range(int n, int top, const float *x, const float *weights,
                      const graft_fit_tries *tries, uint8_t *levels, float *minus_min)
{
    float min, max, sum_w = weights[0], sum_x = weights[0] * x[0];
    graft_quant_range(x, n, &min, &max);
    for (int i = 1; i < n; i++) {
        sum_w += weights[i];
        sum_x += weights[i] * x[i];
    }
    min = min > 0 ? 0 : min;
    if (!(max > min)) {
        memset(levels, 0, (size_t)n);
        *minus_min = -min;
        return 0;
    }
    float inverse = (float)top / (max - min), scale = 1 / inverse;
    range_levels(n, top, x, min, inverse, levels);
    float best = range_error(n, x, weights, levels, scale, min, tries->absolute);
    for (int i = 0; i <= tries->n; i++) {
        uint8_t others[MAX_N];
        float other_scale, other_min;
        /* from the best minimum so far */
        inverse = (tries->first + tries->step * (float)i + (float)top) / (max - min);
        range_levels(n, top, x, min, inverse, others);
        if (!range_regression(n, x, weights, others, sum_w, sum_x, &other_scale, &other_min)) {
            continue;
        }
        float error = range_error(n, x, weights, others, other_scale, other_min, tries->absolute);
        if (error < best) {
            memcpy(levels, others, (size_t)n);
            best = error;
            scale = other_scale;
            min = other_min;
        }
    }
    *minus_min = -min;
    return scale;
}

/* The inverse scale with the least error, of those that bring the largest value near `top`. */
static float unsigned_inverse(int n, int top, const float *x, const float *weights, float max)
{
    float inverse = (float)top / max, scale = 1 / inverse, best = 0;
    for (int i = 0; i < n; i++) {
        float d = x[i] - scale * (float)(uint8_t)graft_fit_nearest(inverse * x[i]);
        best += weights[i] * d * d;
    }
    for (int k = -4; k <= 4; k++) {
        float other = (0.1f * (float)k + (float)top) / max, error = 0;
        scale = 1 / other;
        for (int i = 0; i < n; i++) {
            int l = graft_fit_nearest(other * x[i]);
            float d = x[i] - scale * (float)(l < top ? l : top);
            error += weights[i] * d * d;
        }
        if (k != 0 && error < best) {
            best = error;
            inverse = other;
        }
    }
    return inverse;
}

static bool move_unsigned(int n, int top, const float *x, const float *weights, uint8_t *levels,
                          moments *m)
{
    bool moved = false;
    for (int i = 0; i < n; i++) {
        float w = weights[i], l = (float)levels[i];
        moments others = {m->xl - w * x[i] * l, m->l2 - w * l * l};
        if (!(others.xl > 0 && others.l2 > 0)) {
            continue;
        }
        int to = graft_fit_nearest(x[i] * others.l2 / others.xl);
        to = to < top ? to : top;
        if (to == levels[i]) {
            continue;
        }
        l = (float)to;
        others.xl += w * x[i] * l;
        others.l2 += w * l * l;
        if (others.xl * others.xl * m->l2 > m->xl * m->xl * others.l2) {
            levels[i] = (uint8_t)to;
            *m = others;
            moved = true;
        }
    }
    return moved;
}

float graft_fit_unsigned(int n, int top, const float *x, const float *weights, uint8_t *levels)
{
    float max = 0;
    moments m = {0, 0};
    for (int i = 0; i < n; i++) {
        max = max > x[i] ? max : x[i];
    }
    if (max < GRAFT_FIT_TINY) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    float inverse = unsigned_inverse(n, top, x, weights, max);
    for (int i = 0; i < n; i++) {
        int l = graft_fit_nearest(inverse * x[i]);
        l = l < top ? l : top;
        levels[i] = (uint8_t)l;
        m.xl += weights[i] * x[i] * (float)l;
        m.l2 += weights[i] * (float)l * (float)l;
    }
    for (int round = 0; round < 5 && move_unsigned(n, top, x, weights, levels, &m); round++) {
    }
    return m.l2 > 0 ? m.xl / m.l2 : 0;
}
