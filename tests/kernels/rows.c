/* Norms, rotations, gated units, softmax and optimiser steps at every level against their formulas
 * in double, with odd widths, edge values and forbidden pages behind every operand. */
#include "support/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/portable/act.h"

static graft_rng rng;

static int setup(void **state)
{
    (void)state;
    graft_rng_init(&rng, 3, GRAFT_RNG_TEST, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_guarded_release();
    return 0;
}

static const size_t widths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 577};
enum { N_WIDTHS = sizeof widths / sizeof *widths, ROWS = 3 };

static double *doubles(size_t n, double value)
{
    double *x = test_guarded(n, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[i] = value;
    }
    return x;
}

static void norm_width(const graft_kernels *kernels, size_t n)
{
    const double eps = (double)GRAFT_REAL(1e-5);
    size_t ld = n + 2, total = (ROWS - 1) * ld + n;
    graft_real *x = test_random(&rng, total), *dy = test_random(&rng, total);
    graft_real *y = test_guarded(total, sizeof *y), *dx = test_random(&rng, total);
    graft_real *g = test_random(&rng, n), *inv = test_guarded(ROWS, sizeof *inv);
    double *ey = doubles(total, 0), *edx = doubles(total, 0), *ones = doubles(total, 4.0);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0, along = 0;
        for (size_t i = r * ld; i < r * ld + n; i++) {
            sum += (double)x[i] * (double)x[i];
            along += (double)dy[i] * (double)g[i - r * ld] * (double)x[i];
        }
        double inverse = 1 / sqrt(sum / (double)n + eps);
        for (size_t i = r * ld; i < r * ld + n; i++) {
            double gain = (double)g[i - r * ld];
            ey[i] = (double)x[i] * inverse * gain;
            double radial = (double)x[i] * along * inverse * inverse / (double)n;
            edx[i] = (double)dx[i] + inverse * ((double)dy[i] * gain - radial);
            ones[i] = 4.0 + inverse;
        }
        if (r + 1 < ROWS) {
            edx[r * ld + n] = (double)dx[r * ld + n]; /* between rows nothing may change */
            edx[r * ld + n + 1] = (double)dx[r * ld + n + 1];
        }
    }
    graft_act *out = test_acts(kernels, test_random(&rng, ROWS * n), ROWS, n);
    kernels->rmsnorm(out, graft_act_ld(kernels, n), inv, x, ld, g, (graft_real)eps, ROWS, n);
    graft_real *got = test_reals(kernels, out, ROWS, n);
    for (size_t i = 0; i < total; i++) {
        y[i] = i % ld < n ? got[i / ld * n + i % ld] : 0;
    }
    test_close("rmsnorm", y, ey, ones, total, test_act_tolerance(kernels, 1e-6));
    kernels->to_act(out, graft_act_ld(kernels, n), dy, ld, ROWS, n);
    got = test_reals(kernels, out, ROWS, n);
    for (size_t i = 0; i < ROWS * n; i++) {
        graft_real value = dy[i / n * ld + i % n];
        act_put(&value, 0, value, kernels->half);
        assert_true(got[i] == act_get(&value, 0, kernels->half));
    }
    kernels->rmsnorm_backward(dx, ld, dy, ld, x, ld, inv, g, ROWS, n);
    test_close("rmsnorm_backward", dx, edx, ones, total, 1e-6);
    test_guarded_release();
}

static void norms_at_level(const graft_kernels *kernels)
{
    for (size_t i = 0; i < N_WIDTHS; i++) {
        norm_width(kernels, widths[i]);
    }
    graft_real zero[9] = {0}, y[32], inv, g[9] = {0}; /* zeros are no division by zero */
    kernels->rmsnorm(y, 9, &inv, zero, 9, g, GRAFT_REAL(1e-6), 1, 9);
    assert_true(inv > 999 && inv < 1001 && act_get(y, 8, kernels->half) == 0);
}

static void norms(void **state)
{
    (void)state;
    test_each_level(&rng, norms_at_level);
}

/* Heads by themselves, in place and elsewhere; and a row's norm onto a stream. */
static void head_norm_shape(const graft_kernels *kernels, size_t n_head, size_t d)
{
    const double eps = (double)GRAFT_REAL(1e-3), tolerance = test_act_tolerance(kernels, 1e-6);
    size_t n = n_head * d, total = ROWS * n, ld = graft_act_ld(kernels, n), lds = d + 3;
    graft_real *x = test_random(&rng, total), *dy = test_random(&rng, total);
    graft_real *g = test_random(&rng, d), *stream = test_random(&rng, (ROWS - 1) * lds + d);
    double *ey = doubles(total, 0), *edx = doubles(total, 0), *scale = doubles(total, 4.0);
    graft_act *in = test_acts(kernels, x, ROWS, n), *grad = test_acts(kernels, dy, ROWS, n);
    graft_act *out = test_acts(kernels, test_random(&rng, total), ROWS, n);
    for (size_t at = 0; at < total; at += d) {
        double sum = 0, along = 0;
        for (size_t i = 0; i < d; i++) {
            sum += (double)x[at + i] * (double)x[at + i];
            along += (double)dy[at + i] * (double)g[i] * (double)x[at + i];
        }
        double inverse = 1 / sqrt(sum / (double)d + eps);
        for (size_t i = 0; i < d; i++) {
            double radial = (double)x[at + i] * along * inverse * inverse / (double)d;
            ey[at + i] = (double)x[at + i] * inverse * (double)g[i];
            edx[at + i] = inverse * ((double)dy[at + i] * (double)g[i] - radial);
            scale[at + i] = 4.0 + inverse;
        }
    }
    kernels->head_norm(out, ld, in, ld, g, (graft_real)eps, ROWS, n_head, d);
    graft_real *y = test_reals(kernels, out, ROWS, n);
    test_close("head_norm", y, ey, scale, total, tolerance);
    kernels->head_norm_backward(grad, ld, in, ld, g, (graft_real)eps, ROWS, n_head, d);
    test_close("head_norm_backward", test_reals(kernels, grad, ROWS, n), edx, scale, total,
               tolerance);
    if (n_head == 1) {
        double *es = doubles((ROWS - 1) * lds + d, 0), *ones = doubles((ROWS - 1) * lds + d, 4.0);
        for (size_t i = 0; i < (ROWS - 1) * lds + d; i++) { /* nothing between rows changes */
            es[i] = (double)stream[i] + (i % lds < d ? ey[i / lds * d + i % lds] : 0);
        }
        kernels->norm_add(stream, lds, stream, lds, in, ld, g, (graft_real)eps, ROWS, d);
        test_close("norm_add", stream, es, ones, (ROWS - 1) * lds + d, 1e-6);
    }
    kernels->head_norm(in, ld, in, ld, g, (graft_real)eps, ROWS, n_head, d);
    test_same("head_norm in place", test_reals(kernels, in, ROWS, n), y, total);
    test_guarded_release();
}

static void head_norms_at_level(const graft_kernels *kernels)
{
    static const size_t shapes[][2] = {{3, 64}, {2, 128}, {1, 256}, {5, 80}, {4, 7}, {3, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        head_norm_shape(kernels, shapes[i][0], shapes[i][1]);
    }
    for (size_t i = 0; i < N_WIDTHS; i++) {
        head_norm_shape(kernels, 1, widths[i]);
    }
}

static void head_norms(void **state)
{
    (void)state;
    test_each_level(&rng, head_norms_at_level);
}

/* Columns times factors: elsewhere and in place, with and without what is added; and back. */
static void columns_width(const graft_kernels *kernels, size_t n, bool biased)
{
    size_t total = ROWS * n, ld = graft_act_ld(kernels, n), lds = n + 3, stream = 2 * lds + n;
    double tolerance = test_act_tolerance(kernels, 1e-6);
    graft_real *z = test_random(&rng, total), *dy = test_random(&rng, total);
    graft_real *a = test_random(&rng, n), *b = biased ? test_random(&rng, n) : NULL;
    graft_real *x = test_random(&rng, stream), *sums = test_random(&rng, n);
    double *ey = doubles(total, 0), *ed = doubles(total, 0), *es = doubles(n, 0);
    double *ex = doubles(stream, 0), *ones = doubles(total > stream ? total : stream, 4.0);
    graft_act *in = test_acts(kernels, z, ROWS, n), *grad = test_acts(kernels, dy, ROWS, n);
    graft_act *out = test_acts(kernels, test_random(&rng, total), ROWS, n);
    for (size_t i = 0; i < total; i++) {
        ey[i] = (double)a[i % n] * (double)z[i] + (biased ? (double)b[i % n] : 0);
        ed[i] = (double)a[i % n] * (double)dy[i];
        es[i % n] += (double)dy[i] * (double)z[i];
    }
    for (size_t i = 0; i < stream; i++) { /* nothing between rows changes */
        ex[i] = (double)x[i] + (i % lds < n ? ey[i / lds * n + i % lds] : 0);
    }
    kernels->columns(out, ld, in, ld, a, b, ROWS, n);
    graft_real *y = test_reals(kernels, out, ROWS, n);
    test_close("columns", y, ey, ones, total, tolerance);
    kernels->columns_add(x, lds, x, lds, in, ld, a, b, ROWS, n);
    test_close("columns_add", x, ex, ones, stream, 1e-6);
    graft_real *alone = test_random(&rng, total);
    kernels->columns_add(alone, n, NULL, 0, in, ld, a, b, ROWS, n);
    test_close("columns_add to nothing", alone, ey, ones, total, 1e-6);
    kernels->columns_backward(sums, grad, ld, in, ld, a, ROWS, n);
    test_close("columns_backward sums", sums, es, ones, n, 1e-6);
    test_close("columns_backward", test_reals(kernels, grad, ROWS, n), ed, ones, total, tolerance);
    kernels->columns(in, ld, in, ld, a, b, ROWS, n);
    test_same("columns in place", test_reals(kernels, in, ROWS, n), y, total);
    test_guarded_release();
}

static void columns_at_level(const graft_kernels *kernels)
{
    enum { SUMS = 5, N = 19 };
    for (size_t i = 0; i < N_WIDTHS; i++) {
        columns_width(kernels, widths[i], false);
        columns_width(kernels, widths[i], true);
    }
    graft_real *da = test_random(&rng, N), *w = test_random(&rng, N);
    graft_real *sums = test_random(&rng, (SUMS - 1) * (N + 1) + N);
    double *expected = doubles(N, 0), *ones = doubles(N, 4.0);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t k = 0; k < SUMS; k++) {
            sum += (double)sums[k * (N + 1) + i];
        }
        expected[i] = (double)da[i] + 0.5 * (double)w[i] * sum;
    }
    kernels->columns_grad(da, sums, N + 1, SUMS, w, GRAFT_REAL(0.5), N);
    test_close("columns_grad", da, expected, ones, N, 1e-6);
}

static void columns(void **state)
{
    (void)state;
    test_each_level(&rng, columns_at_level);
}

/* Both conventions, forward and back again, with columns behind d_rope that stay. */
static void rope_shape(const graft_kernels *kernels, size_t d_head, size_t d_rope, bool halves)
{
    enum { HEADS = 3 };
    size_t n = HEADS * d_head, ld = graft_act_ld(kernels, n), total = ROWS * n;
    graft_real *x = test_random(&rng, total), *cos_sin = test_guarded(ROWS * d_rope, sizeof *x);
    double *expected = doubles(total, 0), *back = doubles(total, 0), *ones = doubles(total, 1);
    for (size_t i = 0; i < ROWS * d_rope / 2; i++) {
        double angle = 7.0 * graft_rng_uniform(&rng);
        cos_sin[2 * i] = (graft_real)cos(angle);
        cos_sin[2 * i + 1] = (graft_real)sin(angle);
    }
    graft_act *in = test_acts(kernels, x, ROWS, n);
    for (size_t i = 0; i < total; i++) {
        back[i] = expected[i] = (double)x[i];
        ones[i] = kernels->half ? 1.5 : 1;
    }
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t h = 0; h < HEADS; h++) {
            for (size_t i = 0; i < d_rope / 2; i++) {
                size_t at = r * n + h * d_head + (halves ? i : 2 * i);
                size_t other = at + (halves ? d_rope / 2 : 1);
                double c = (double)cos_sin[r * d_rope + 2 * i];
                double s = (double)cos_sin[r * d_rope + 2 * i + 1];
                expected[at] = (double)x[at] * c - (double)x[other] * s;
                expected[other] = (double)x[at] * s + (double)x[other] * c;
            }
        }
    }
    (halves ? kernels->rope_halves : kernels->rope_pairs)(in, ld, cos_sin, ROWS, HEADS, d_head,
                                                          d_rope, GRAFT_REAL(1.0));
    test_close("rope", test_reals(kernels, in, ROWS, n), expected, ones, total,
               test_act_tolerance(kernels, 4e-7));
    (halves ? kernels->rope_halves : kernels->rope_pairs)(in, ld, cos_sin, ROWS, HEADS, d_head,
                                                          d_rope, GRAFT_REAL(-1.0));
    test_close("rope back", test_reals(kernels, in, ROWS, n), back, ones, total,
               2 * test_act_tolerance(kernels, 4e-7));
    test_guarded_release();
}

static void ropes_at_level(const graft_kernels *kernels)
{
    static const size_t shapes[][2] = {{64, 64}, {128, 128}, {64, 32}, {6, 6}, {80, 20}, {4, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        rope_shape(kernels, shapes[i][0], shapes[i][1], false);
        rope_shape(kernels, shapes[i][0], shapes[i][1], true);
    }
}

static void ropes(void **state)
{
    (void)state;
    test_each_level(&rng, ropes_at_level);
}

/* The gate and its slope. */
static double gate_of(bool gelu, double x, double *slope)
{
    double argument = x, inner = 1;
    if (gelu) { /* x / 2 (1 + tanh(..)), in the form that loses nothing where x is negative */
        double c = 2 * sqrt(2 / acos(-1));
        argument = c * (x + 0.044715 * x * x * x);
        inner = c * (1 + 3 * 0.044715 * x * x);
    }
    double s = 1 / (1 + exp(-argument)), rest = 1 / (1 + exp(argument));
    *slope = s + x * s * rest * inner;
    return x * s;
}

static void gated_width(const graft_kernels *kernels, size_t n, bool gelu)
{
    size_t total = ROWS * n, ld = graft_act_ld(kernels, n);
    graft_real *gate = test_random(&rng, total), *up = test_random(&rng, total);
    graft_real *dy = test_random(&rng, total);
    double *ey = doubles(total, 0), *eg = doubles(total, 0), *eu = doubles(total, 0);
    double *scale = doubles(total, 0), tolerance = test_act_tolerance(kernels, 4e-7);
    void (*make)(graft_act *, const graft_act *, const graft_act *, size_t, size_t, size_t) =
        gelu ? kernels->geglu : kernels->swiglu;
    for (size_t i = 0; i < total; i++) {
        gate[i] *= i % 3 == 0 ? GRAFT_REAL(120.0) : GRAFT_REAL(6.0);
    }
    graft_act *in_gate = test_acts(kernels, gate, ROWS, n), *in_up = test_acts(kernels, up, ROWS, n);
    graft_act *in_dy = test_acts(kernels, dy, ROWS, n);
    graft_act *y = test_acts(kernels, test_random(&rng, total), ROWS, n);
    for (size_t i = 0; i < total; i++) {
        double slope, value = gate_of(gelu, (double)gate[i], &slope);
        ey[i] = value * (double)up[i];
        eg[i] = (double)dy[i] * (double)up[i] * slope;
        eu[i] = (double)dy[i] * value;
        scale[i] = 2 + fabs((double)gate[i]);
    }
    make(y, in_gate, in_up, ld, ROWS, n);
    graft_real *got = test_reals(kernels, y, ROWS, n);
    test_close("gated", got, ey, scale, total, tolerance);
    graft_act *over_gate = test_acts(kernels, gate, ROWS, n);
    make(over_gate, over_gate, in_up, ld, ROWS, n);
    test_same("gated over its gate", test_reals(kernels, over_gate, ROWS, n), got, total);
    graft_act *over_up = test_acts(kernels, up, ROWS, n);
    make(over_up, in_gate, over_up, ld, ROWS, n);
    test_same("gated over its up", test_reals(kernels, over_up, ROWS, n), got, total);
    (gelu ? kernels->geglu_backward : kernels->swiglu_backward)(in_dy, in_gate, in_up, ld, ROWS,
                                                                n);
    test_same("gated again", test_reals(kernels, in_dy, ROWS, n), got, total);
    test_close("gate backward", test_reals(kernels, in_gate, ROWS, n), eg, scale, total,
               tolerance);
    test_close("up backward", test_reals(kernels, in_up, ROWS, n), eu, scale, total, tolerance);
    test_guarded_release();
}

static void gated_at_level(const graft_kernels *kernels)
{
    for (size_t i = 0; i < N_WIDTHS; i++) {
        gated_width(kernels, widths[i], false);
        gated_width(kernels, widths[i], true);
    }
    graft_real far[4] = {-(graft_real)INFINITY, GRAFT_REAL(-1e30), GRAFT_REAL(1e30),
                         (graft_real)NAN};
    graft_real one[4] = {1, 1, 1, 1};
    size_t ld = graft_act_ld(kernels, 4);
    for (int gelu = 0; gelu < 2; gelu++) {
        graft_act *gate = test_acts(kernels, far, 1, 4), *up = test_acts(kernels, one, 1, 4);
        graft_act *y = test_acts(kernels, one, 1, 4), *dy = test_acts(kernels, one, 1, 4);
        (gelu ? kernels->geglu : kernels->swiglu)(y, gate, up, ld, 1, 4);
        graft_real *value = test_reals(kernels, y, 1, 4);
        assert_true(value[1] == 0 && value[2] == far[2] && isnan(value[3]));
        (gelu ? kernels->geglu_backward : kernels->swiglu_backward)(dy, gate, up, ld, 1, 4);
        graft_real *slope = test_reals(kernels, gate, 1, 4);
        assert_true(slope[1] == 0 && slope[2] == 1 && isnan(slope[3]));
    }
}

static void gated_units(void **state)
{
    (void)state;
    test_each_level(&rng, gated_at_level);
}

/* Logits within +- spread, capped first where there is a cap. */
static void softmax_width(const graft_kernels *kernels, size_t n, double spread, double cap)
{
    graft_real *logits = test_random(&rng, n);
    double *expected = doubles(n, 0), *scale = doubles(n, 0), *ones = doubles(n, 0);
    double max = -INFINITY, sum = 0;
    size_t target = n / 3;
    for (size_t i = 0; i < n; i++) {
        logits[i] *= (graft_real)spread;
        expected[i] = cap * tanh((double)logits[i] / cap);
        ones[i] = fabs(expected[i]);
    }
    if (cap > 0) {
        kernels->softcap(logits, (graft_real)cap, n);
        test_close("softcap", logits, expected, ones, n, 5e-7);
    }
    for (size_t i = 0; i < n; i++) {
        max = (double)logits[i] > max ? (double)logits[i] : max;
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - max);
    }
    double lse = kernels->log_sum_exp(logits, n);
    assert_true(fabs(lse - (max + log(sum))) <= 3e-7 * (1 + fabs(max)));
    for (size_t i = 0; i < n; i++) {
        double p = exp((double)logits[i] - (double)(graft_real)lse);
        double t = cap > 0 ? (double)logits[i] / cap : 0;
        expected[i] = -0.3 * (p - (i == target ? 1 : 0)) * (1 - t * t);
        scale[i] = (1 + fabs(max)) * p + (i == target ? 1 : 0) + 1e-37;
    }
    kernels->softmax_gradient(logits, logits, n, (graft_real)lse, target, GRAFT_REAL(-0.3),
                              (graft_real)cap);
    test_close("softmax_gradient", test_reals(kernels, logits, 1, n), expected, scale, n,
               test_act_tolerance(kernels, 1e-6));
    test_guarded_release();
}

static void softmax_at_level(const graft_kernels *kernels)
{
    for (size_t i = 0; i < N_WIDTHS; i++) {
        softmax_width(kernels, widths[i], 1.0, 0);
        softmax_width(kernels, widths[i], 90.0, 0);
        softmax_width(kernels, widths[i], 1.0, 30.0);
        softmax_width(kernels, widths[i], 90.0, 30.0);
    }
    softmax_width(kernels, 49152 + 5, 10.0, 0);
    softmax_width(kernels, 49152 + 5, 10.0, 15.0);
    for (size_t bad = 0; bad < 19; bad++) { /* at every place: the caller must see it */
        graft_real *logits = test_random(&rng, 19);
        logits[bad] = (graft_real)NAN;
        assert_true(isnan(kernels->log_sum_exp(logits, 19)));
        logits[bad] = (graft_real)INFINITY;
        assert_true(isnan(kernels->log_sum_exp(logits, 19)));
        logits[bad] = -(graft_real)INFINITY; /* probability zero is a number */
        assert_true(isfinite(kernels->log_sum_exp(logits, 19)));
        logits[bad] = (graft_real)NAN; /* a cap does not hide it, and bounds what is infinite */
        kernels->softcap(logits, GRAFT_REAL(30.0), 19);
        assert_true(isnan(logits[bad]));
        logits[bad] = -(graft_real)INFINITY;
        kernels->softcap(logits, GRAFT_REAL(30.0), 19);
        assert_true(logits[bad] == -30);
    }
}

static void softmax_over_a_vocabulary(void **state)
{
    (void)state;
    test_each_level(&rng, softmax_at_level);
}

static void optimizer_width(const graft_kernels *kernels, size_t n)
{
    graft_real *x = test_random(&rng, n), *y = test_random(&rng, n);
    graft_real *p = test_random(&rng, n), *m = test_random(&rng, n), *v = test_random(&rng, n);
    double *ey = doubles(n, 0), *ep = doubles(n, 0), *em = doubles(n, 0), *ev = doubles(n, 0);
    double *scale = doubles(n, 2.0);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] *= v[i];
        double g = (double)x[i] * 0.5;
        sum += (double)x[i] * (double)x[i];
        ey[i] = (double)y[i] + 0.75 * (double)x[i];
        em[i] = (double)GRAFT_REAL(0.9) * (double)m[i] + (1 - (double)GRAFT_REAL(0.9)) * g;
        ev[i] = (double)GRAFT_REAL(0.99) * (double)v[i] + (1 - (double)GRAFT_REAL(0.99)) * g * g;
        ep[i] = (double)p[i] * 0.875 - 0.01 * em[i] / (sqrt(ev[i]) / 0.5 + 1e-3);
    }
    kernels->axpy(y, x, GRAFT_REAL(0.75), n);
    test_close("axpy", y, ey, scale, n, 2e-7);
    for (size_t i = 0; i < n; i++) {
        ey[i] = (double)y[i] * 2.5;
    }
    kernels->scale(y, GRAFT_REAL(2.5), n);
    test_close("scale", y, ey, scale, n, 4e-7);
    double got = kernels->sum_squares(x, n);
    assert_true(fabs(got - sum) <= 1e-12 * sum);
    kernels->adamw(p, m, v, x, n, GRAFT_REAL(0.5), GRAFT_REAL(0.9), GRAFT_REAL(0.99),
                   GRAFT_REAL(1e-3), GRAFT_REAL(0.875), GRAFT_REAL(0.01), GRAFT_REAL(0.5));
    test_close("adamw p", p, ep, scale, n, 4e-7);
    test_close("adamw m", m, em, scale, n, 2e-7);
    test_close("adamw v", v, ev, scale, n, 2e-7);
    test_guarded_release();
}

static void optimizer_at_level(const graft_kernels *kernels)
{
    for (size_t i = 0; i < N_WIDTHS; i++) {
        optimizer_width(kernels, widths[i]);
    }
    graft_real x[11] = {0}; /* non-finite numbers must show in the norm */
    x[9] = (graft_real)NAN;
    assert_true(isnan(kernels->sum_squares(x, 11)));
    x[9] = (graft_real)INFINITY;
    assert_true(isinf(kernels->sum_squares(x, 11)));
}

static void optimizer_steps(void **state)
{
    (void)state;
    test_each_level(&rng, optimizer_at_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(norms, setup, teardown),
        cmocka_unit_test_setup_teardown(head_norms, setup, teardown),
        cmocka_unit_test_setup_teardown(columns, setup, teardown),
        cmocka_unit_test_setup_teardown(ropes, setup, teardown),
        cmocka_unit_test_setup_teardown(gated_units, setup, teardown),
        cmocka_unit_test_setup_teardown(softmax_over_a_vocabulary, setup, teardown),
        cmocka_unit_test_setup_teardown(optimizer_steps, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
