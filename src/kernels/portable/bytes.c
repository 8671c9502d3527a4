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

/* x becomes whole numbers; returns what one is worth. */
static float to_whole(graft_real x[GRAFT_GROUP], bool backward)
{
    graft_real largest = 0;
    if (!backward) {
        turn(x);
    }
    for (size_t i = 0; i < GRAFT_GROUP; i++) {
        largest = larger(largest, x[i]);
    }
    float size = (float)largest, per_unit = size < GRAFT_GROUP_TINY ? 0 : GRAFT_BYTE_MAX / size;
    for (size_t i = 0; i < GRAFT_GROUP; i++) {
        float value = (float)x[i] * per_unit;
        x[i] = isfinite(value) ? (graft_real)nearbyintf(value) : 0;
    }
    return size / GRAFT_BYTE_MAX * (backward ? 1.0f : GRAFT_TURNED);
}

void graft_portable_to_bytes_half(const graft_bytes *out, const graft_act *x, size_t ldx,
                                  size_t n_rows, size_t n, bool backward)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t k = 0; k < n; k += GRAFT_GROUP) {
            graft_byte_group *group = &out->groups[r * out->n_groups + k / GRAFT_GROUP];
            graft_real numbers[GRAFT_GROUP] = {0};
            int sum = 0;
            for (size_t i = 0; i < GRAFT_GROUP && k + i < n; i++) {
                numbers[i] = act_get(x, r * ldx + k + i, true);
            }
            group->scale = to_whole(numbers, backward);
            for (size_t i = 0; i < GRAFT_GROUP; i++) {
                out->q[r * out->ld + k + i] = (int8_t)numbers[i];
                sum += (int)numbers[i];
            }
            group->centre = -128 * sum;
        }
    }
}

void graft_portable_round_group(graft_real *x, size_t n, size_t step, bool backward)
{
    graft_real numbers[GRAFT_GROUP] = {0};
    for (size_t i = 0; i < n; i++) {
        numbers[i] = x[i * step];
    }
    float scale = to_whole(numbers, backward);
    for (size_t i = 0; i < GRAFT_GROUP; i++) {
        x[i * step] = numbers[i] * (graft_real)scale;
    }
}
