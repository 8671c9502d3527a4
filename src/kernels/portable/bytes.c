/* kernels/portable/bytes.c - products of 8-bit integers, with the integers as reals: a panel holds
 * what its bytes stand for. */
#include <math.h>

#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

/* The larger magnitude; what is not a number is larger than all. */
static graft_real larger(graft_real a, graft_real b)
{
    b = (graft_real)fabs((double)b);
    return b <= a || isnan(a) ? a : b;
}

static void turn(graft_real x[GRAFT_GROUP])
{
    static const size_t bits[] = {1, 32, 2, 4, 8, 16};
    for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
        for (size_t i = 0; i < GRAFT_GROUP; i++) {
            if ((i & bits[b]) == 0) {
                graft_real low = x[i], high = x[i + bits[b]];
                x[i] = low + high;
                x[i + bits[b]] = low - high;
            }
        }
    }
}

/* Groups of x become whole numbers, at most `most`; returns what one is worth. */
static float to_whole(graft_real *x, size_t n_groups, int most, bool backward)
{
    graft_real largest = 0;
    size_t n = n_groups * GRAFT_GROUP;
    for (size_t i = 0; i < n && !backward; i += GRAFT_GROUP) {
        turn(x + i);
    }
    for (size_t i = 0; i < n; i++) {
        largest = larger(largest, x[i]);
    }
    float size = (float)largest, per_unit = size < GRAFT_GROUP_TINY ? 0 : (float)most / size;
    for (size_t i = 0; i < n; i++) {
        float value = (float)x[i] * per_unit;
        x[i] = isfinite(value) ? (graft_real)nearbyintf(value) : 0;
    }
    return size / (float)most * (backward ? 1.0f : GRAFT_TURNED);
}

/* Groups [g, g + n_groups) of row r, which share a scale. */
ACT_INLINE void run_to_bytes(bool half, const graft_bytes *out, const graft_act *x, size_t ldx,
                             size_t r, size_t n, size_t g, size_t n_groups, bool backward)
{
    graft_real numbers[GRAFT_RUN_GROUPS * GRAFT_GROUP] = {0};
    graft_byte_group *groups = out->groups + r * out->n_groups + g;
    size_t k = g * GRAFT_GROUP;
    for (size_t i = 0; i < n_groups * GRAFT_GROUP && k + i < n; i++) {
        numbers[i] = act_get(x, r * ldx + k + i, half);
    }
    graft_byte_limits limits = half ? GRAFT_BYTE_LIMITS_HALF : GRAFT_BYTE_LIMITS;
    float scale = to_whole(numbers, n_groups, limits.x, backward);
    for (size_t i = 0; i < n_groups; i++) {
        int sum = 0;
        for (size_t j = i * GRAFT_GROUP; j < (i + 1) * GRAFT_GROUP; j++) {
            out->q[r * out->ld + k + j] = (int8_t)numbers[j];
            sum += (int)numbers[j];
        }
        groups[i] = (graft_byte_group){scale, -limits.raised * sum};
    }
}

ACT_INLINE void rows_to_bytes(bool half, const graft_bytes *out, const graft_act *x, size_t ldx,
                              size_t n_rows, size_t n, bool backward)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t g = 0; g < out->n_groups; g += GRAFT_RUN_GROUPS) {
            size_t left = out->n_groups - g;
            run_to_bytes(half, out, x, ldx, r, n, g,
                         left < GRAFT_RUN_GROUPS ? left : GRAFT_RUN_GROUPS, backward);
        }
    }
}

void graft_portable_to_bytes(const graft_bytes *out, const graft_act *x, size_t ldx, size_t n_rows,
                             size_t n, bool backward)
{
    rows_to_bytes(false, out, x, ldx, n_rows, n, backward);
}

void graft_portable_to_bytes_half(const graft_bytes *out, const graft_act *x, size_t ldx,
                                  size_t n_rows, size_t n, bool backward)
{
    rows_to_bytes(true, out, x, ldx, n_rows, n, backward);
}

void graft_portable_round_group(graft_real *x, size_t n, size_t step, int most, bool backward)
{
    graft_real numbers[GRAFT_GROUP] = {0};
    for (size_t i = 0; i < n; i++) {
        numbers[i] = x[i * step];
    }
    float scale = to_whole(numbers, 1, most, backward);
    for (size_t i = 0; i < GRAFT_GROUP; i++) {
        x[i * step] = numbers[i] * (graft_real)scale;
    }
}
