/* k_groups.c - fitting the groups of Q4_K and Q5_K. */
#include "quant/k_groups.h"

#include <math.h>

#include "quant/bytes.h"

enum { N = 256, GROUPS = 8, GROUP = 32 };

/* What is packed into the header. */
typedef struct packed {
    float d, dmin;
    uint8_t scales[GROUPS], mins[GROUPS];
} packed;

static void fit_plain(const graft_k_groups *kind, const float *x, packed *out, uint8_t *levels)
{
    float scales[GROUPS], mins[GROUPS], weights[N], top_scale = 0, top_min = 0;
    for (int g = 0; g < GROUPS; g++) {
        float mean = sqrtf(graft_fit_sum_squares(x + GROUP * g, GROUP) / (float)GROUP);
        for (int i = GROUP * g; i < GROUP * (g + 1); i++) {
            weights[i] = mean + fabsf(x[i]);
        }
    }
    graft_fit_ranges(GROUP, kind->top, x, weights, &kind->tries, levels, scales, mins);
    for (int g = 0; g < GROUPS; g++) {
        top_scale = scales[g] > top_scale ? scales[g] : top_scale;
        top_min = mins[g] > top_min ? mins[g] : top_min;
    }
    float inverse_scale = top_scale > 0 ? 63.0f / top_scale : 0;
    float inverse_min = top_min > 0 ? 63.0f / top_min : 0;
    for (int g = 0; g < GROUPS; g++) {
        uint8_t scale = (uint8_t)graft_fit_nearest(inverse_scale * scales[g]);
        uint8_t min = (uint8_t)graft_fit_nearest(inverse_min * mins[g]);
        out->scales[g] = scale < 63 ? scale : 63;
        out->mins[g] = min < 63 ? min : 63;
    }
    out->d = top_scale / 63.0f;
    out->dmin = top_min / 63.0f;
}

static void fit_weighed(const graft_k_groups *kind, const float *x, const float *importance,
                        packed *out, uint8_t *levels)
{
    float scales[GROUPS], mins[GROUPS], sums[GROUPS] = {0}, weights[N];
    float spread = 2 * graft_fit_sum_squares(x, N) / (float)N;
    graft_fit_weights(N, x, importance, spread, weights);
    for (int i = 0; i < N; i++) {
        sums[i / GROUP] += weights[i];
    }
    graft_fit_ranges(GROUP, kind->top, x, weights, &graft_fit_tries_weighed, levels, scales, mins);
    out->d = graft_fit_unsigned(GROUPS, 63, scales, sums, out->scales);
    out->dmin = graft_fit_unsigned(GROUPS, 63, mins, sums, out->mins);
    for (int g = 0; g < GROUPS; g++) {
        out->scales[g] = (uint8_t)graft_fit_clamp(out->scales[g], 0, kind->limit);
        out->mins[g] = (uint8_t)graft_fit_clamp(out->mins[g], 0, kind->limit);
    }
}

void graft_k_groups_fit(const graft_k_groups *kind, const float x[256], const float *importance,
                        uint8_t *header, uint8_t levels[256])
{
    packed p;
    if (importance != NULL) {
        fit_weighed(kind, x, importance, &p, levels);
    } else {
        fit_plain(kind, x, &p, levels);
    }
    graft_put_u16(header, graft_f32_to_f16(p.d));
    graft_put_u16(header + 2, graft_f32_to_f16(p.dmin));
    graft_k_put_scales_mins(header + 4, p.scales, p.mins);
    for (int g = 0; g < GROUPS; g++) { /* the levels for what the header really says */
        int scale, min;
        graft_k_scale_min(header + 4, g, &scale, &min);
        float d = graft_get_f16(header) * (float)scale;
        float m = graft_get_f16(header + 2) * (float)min;
        for (int i = GROUP * g; d != 0 && i < GROUP * (g + 1); i++) {
            levels[i] = (uint8_t)graft_fit_clamp(graft_fit_nearest((x[i] + m) / d), 0, kind->top);
        }
    }
}

void graft_k_groups_grid(const void *block, float *scale, float *offset)
{
    const uint8_t *b = block;
    for (int j = 0; j < 256; j++) {
        int s, m;
        graft_k_scale_min(b + 4, j / 32, &s, &m);
        scale[j] = graft_get_f16(b) * (float)s;
        offset[j] = -(graft_get_f16(b + 2) * (float)m);
    }
}
