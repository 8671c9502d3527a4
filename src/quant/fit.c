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

/* Inverse scales that graft_fit_signed tries, side by side: those that bring the largest value near
 * -top, from 0.9 below to 0.9 above in tenths. */
enum { TRIES = 19, TRY_LANES = 20 };

static float signed_inverse(int i, int top, float extreme)
{
    return -((float)top + 0.1f * (float)(i - TRIES / 2)) / extreme;
}

/* Products stand before sums, and lanes inside, so that compilers use vectors. */
static void signed_moments(int n, int top, const float *x, const float *weights, float extreme,
                           float *xl, float *l2)
{
    float inverse[TRY_LANES];
    for (int k = 0; k < TRY_LANES; k++) {
        inverse[k] = signed_inverse(k, top, extreme);
        xl[k] = l2[k] = 0;
    }
    for (int i = 0; i < n; i++) {
        float w = weights[i], wx = weights[i] * x[i];
        for (int k = 0; k < TRY_LANES; k++) {
            int level = graft_fit_nearest(inverse[k] * x[i]);
            level = level < top - 1 ? level : top - 1;
            level = level > -top ? level : -top;
            float l = (float)level;
            xl[k] += wx * l;
            l2[k] += w * l * l;
        }
    }
}

float graft_fit_signed(int n, int top, const float *x, const float *weights, int8_t *levels)
{
    float extreme = graft_quant_extreme(x, n), xl[TRY_LANES], l2[TRY_LANES];
    int chosen = TRIES / 2; /* exactly -top; another must be better */
    if (fabsf(extreme) < GRAFT_FIT_TINY) {
        memset(levels, 0, (size_t)n);
        return 0;
    }
    signed_moments(n, top, x, weights, extreme, xl, l2);
    float scale = l2[chosen] != 0 ? xl[chosen] / l2[chosen] : 0, best = scale * xl[chosen];
    for (int k = 0; k < TRIES; k++) {
        if (k != TRIES / 2 && l2[k] > 0 && xl[k] * xl[k] > best * l2[k]) {
            chosen = k;
            scale = xl[k] / l2[k];
            best = scale * xl[k];
        }
    }
    float inverse = signed_inverse(chosen, top, extreme);
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

/* --- ranges: eight groups side by side, so that sums, whose order is fixed, need not wait for each
 * other. Lane g of vectors [value][half] belongs to group 4 half + g. Compilers do not make vectors of
 * so short loops by themselves. --- */

typedef float lanes __attribute__((vector_size(16)));
typedef int32_t lanes_int __attribute__((vector_size(16)));
enum { LANES = GRAFT_FIT_LANES, WIDTH = 4, HALVES = LANES / WIDTH };

typedef struct range_groups {
    lanes x[MAX_N][HALVES], weights[MAX_N][HALVES];
    lanes_int levels[MAX_N][HALVES], others[MAX_N][HALVES];
    lanes max[HALVES], min[HALVES], scale[HALVES], best[HALVES], sum_w[HALVES], sum_x[HALVES];
} range_groups;

static inline lanes_int pick_int(lanes_int mask, lanes_int yes, lanes_int no)
{
    return (yes & mask) | (no & ~mask);
}

static inline lanes pick(lanes_int mask, lanes yes, lanes no)
{
    return (lanes)pick_int(mask, (lanes_int)yes, (lanes_int)no);
}

static void range_begin(range_groups *r, int n, const float *x, const float *weights)
{
    for (int i = 0; i < n; i++) {
        for (int g = 0; g < LANES; g++) {
            r->x[i][g / WIDTH][g % WIDTH] = x[g * n + i];
            r->weights[i][g / WIDTH][g % WIDTH] = weights[g * n + i];
        }
    }
    for (int h = 0; h < HALVES; h++) {
        r->min[h] = r->max[h] = r->x[0][h];
        r->sum_w[h] = r->weights[0][h];
        r->sum_x[h] = r->weights[0][h] * r->x[0][h];
        for (int i = 1; i < n; i++) {
            lanes v = r->x[i][h];
            r->min[h] = pick(v < r->min[h], v, r->min[h]);
            r->max[h] = pick(v > r->max[h], v, r->max[h]);
            r->sum_w[h] += r->weights[i][h];
            r->sum_x[h] += r->weights[i][h] * v;
        }
        r->min[h] = pick(r->min[h] > 0, (lanes){0}, r->min[h]);
    }
}

/* The levels of (x - min) * inverse; graft_fit_nearest for four. */
static void range_levels(const range_groups *r, int n, int top, const lanes *inverse,
                         lanes_int (*levels)[HALVES])
{
    for (int i = 0; i < n; i++) {
        for (int h = 0; h < HALVES; h++) {
            lanes v = inverse[h] * (r->x[i][h] - r->min[h]) + 12582912.0f;
            lanes_int l = ((lanes_int)v & 0x007fffff) - 0x00400000;
            l = pick_int(l < top, l, (lanes_int){0} + top);
            levels[i][h] = l & (l > 0);
        }
    }
}

static void range_errors(const range_groups *r, int n, lanes_int (*levels)[HALVES],
                         const lanes *scale, const lanes *min, bool absolute, lanes *error)
{
    for (int h = 0; h < HALVES; h++) {
        error[h] = (lanes){0};
    }
    for (int i = 0; i < n; i++) {
        for (int h = 0; h < HALVES; h++) {
            lanes l = __builtin_convertvector(levels[i][h], lanes);
            lanes d = scale[h] * l + min[h] - r->x[i][h];
            d = absolute ? (lanes)((lanes_int)d & 0x7fffffff) : d * d;
            error[h] += r->weights[i][h] * d;
        }
    }
}

/* The best scale and minimum (at most 0) for r->others: weighted linear regression. `determinant` is
 * not positive where there is none. */
static void range_regression(const range_groups *r, int n, lanes *determinant, lanes *scale,
                             lanes *min)
{
    lanes sum_l[HALVES] = {{0}}, sum_l2[HALVES] = {{0}}, sum_xl[HALVES] = {{0}};
    for (int i = 0; i < n; i++) {
        for (int h = 0; h < HALVES; h++) {
            lanes l = __builtin_convertvector(r->others[i][h], lanes);
            lanes wl = r->weights[i][h] * l;
            sum_l[h] += wl;
            sum_l2[h] += wl * l;
            sum_xl[h] += wl * r->x[i][h];
        }
    }
    for (int h = 0; h < HALVES; h++) {
        lanes d = r->sum_w[h] * sum_l2[h] - sum_l[h] * sum_l[h];
        lanes s = (r->sum_w[h] * sum_xl[h] - r->sum_x[h] * sum_l[h]) / d;
        lanes m = (sum_l2[h] * r->sum_x[h] - sum_l[h] * sum_xl[h]) / d;
        determinant[h] = d;
        scale[h] = pick(m > 0, sum_xl[h] / sum_l2[h], s);
        min[h] = pick(m > 0, (lanes){0}, m);
    }
}

/* Tries one inverse scale per group, from the best minimum so far. */
static void range_try(range_groups *r, int n, int top, float wanted, bool absolute)
{
    lanes inverse[HALVES], determinant[HALVES], scale[HALVES], min[HALVES], error[HALVES];
    for (int h = 0; h < HALVES; h++) {
        inverse[h] = wanted / (r->max[h] - r->min[h]);
    }
    range_levels(r, n, top, inverse, r->others);
    range_regression(r, n, determinant, scale, min);
    range_errors(r, n, r->others, scale, min, absolute, error);
    for (int h = 0; h < HALVES; h++) {
        lanes_int better = (determinant[h] > 0) & (error[h] < r->best[h]);
        if (!(better[0] | better[1] | better[2] | better[3])) {
            continue;
        }
        for (int i = 0; i < n; i++) {
            r->levels[i][h] = pick_int(better, r->others[i][h], r->levels[i][h]);
        }
        r->best[h] = pick(better, error[h], r->best[h]);
        r->scale[h] = pick(better, scale[h], r->scale[h]);
        r->min[h] = pick(better, min[h], r->min[h]);
    }
}

void graft_fit_ranges(int n, int top, const float *x, const float *weights,
                      const graft_fit_tries *tries, uint8_t *levels, float *scales,
                      float *minus_mins)
{
    range_groups r;
    lanes inverse[HALVES], lowest[HALVES];
    lanes_int flat[HALVES];
    range_begin(&r, n, x, weights);
    for (int h = 0; h < HALVES; h++) {
        flat[h] = ~(r.max[h] > r.min[h]);
        lowest[h] = r.min[h];
        inverse[h] = (float)top / (r.max[h] - r.min[h]);
        r.scale[h] = 1.0f / inverse[h];
    }
    range_levels(&r, n, top, inverse, r.levels);
    range_errors(&r, n, r.levels, r.scale, r.min, tries->absolute, r.best);
    for (int i = 0; i <= tries->n; i++) {
        range_try(&r, n, top, tries->first + tries->step * (float)i + (float)top,
                  tries->absolute);
    }
    for (int g = 0; g < LANES; g++) {
        int h = g / WIDTH, lane = g % WIDTH;
        bool is_flat = flat[h][lane] != 0;
        for (int i = 0; i < n; i++) {
            levels[g * n + i] = is_flat ? 0 : (uint8_t)r.levels[i][h][lane];
        }
        scales[g] = is_flat ? 0 : r.scale[h][lane];
        minus_mins[g] = is_flat ? -lowest[h][lane] : -r.min[h][lane];
    }
}

size_t graft_fit_weighed_blocks(int top, const float *values, const float *importance,
                                float spread, size_t n_blocks, uint8_t *levels, float *scales,
                                float *minus_mins)
{
    float x[LANES * MAX_N] = {0}, weights[LANES * MAX_N];
    size_t n = n_blocks < LANES ? n_blocks : LANES;
    memcpy(x, values, n * MAX_N * sizeof *x);
    memset(weights, 0, sizeof weights);
    graft_fit_weights((int)n * MAX_N, x, importance, spread, weights);
    graft_fit_ranges(MAX_N, top, x, weights, &graft_fit_tries_weighed, levels, scales, minus_mins);
    return n;
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
