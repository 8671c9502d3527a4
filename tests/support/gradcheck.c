#include "support/gradcheck.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "support/test.h"

#define MAX_CONSTANTS 16
static graft_real *constants[MAX_CONSTANTS];
static size_t n_constants;

void gradcheck_init(gradcheck *check)
{
    memset(check, 0, sizeof *check);
    graft_rng_init(&check->rng, 7, GRAFT_RNG_TEST, 0);
    assert_ok(graft_compute_init(&check->compute, GRAFT_CPU_PORTABLE, false));
    assert_ok(graft_compute_prepare(&check->compute, 64));
}

void gradcheck_clear(gradcheck *check)
{
    for (size_t i = 0; i < check->n_inputs; i++) {
        graft_free(check->inputs[i].data);
    }
    for (size_t i = 0; i < check->n_params; i++) {
        graft_free(check->params[i]->data);
        graft_free(check->params[i]->grad);
    }
    for (size_t i = 0; i < n_constants; i++) {
        graft_free(constants[i]);
    }
    n_constants = 0;
    graft_compute_clear(&check->compute);
}

static graft_real *random_reals(gradcheck *check, size_t n, double size)
{
    graft_real *values = NULL;
    assert_ok(graft_alloc(&values, n, sizeof *values));
    for (size_t i = 0; i < n; i++) {
        values[i] = (graft_real)(graft_rng_normal(&check->rng) * size);
    }
    return values;
}

graft_real *gradcheck_constant(gradcheck *check, size_t n, double size)
{
    assert_true(n_constants < MAX_CONSTANTS);
    return constants[n_constants++] = random_reals(check, n, size);
}

void gradcheck_input(gradcheck *check, size_t n_rows, size_t n_cols, double size)
{
    assert_true(check->n_inputs < GRADCHECK_MAX);
    size_t i = check->n_inputs++;
    check->inputs[i].data = random_reals(check, n_rows * n_cols, size);
    check->inputs[i].n_rows = n_rows;
    check->inputs[i].n_cols = n_cols;
    check->inputs[i].wants_grad = true;
}

void gradcheck_param(gradcheck *check, graft_param *param, size_t n_rows, size_t n_cols,
                     double size)
{
    assert_true(check->n_params < GRADCHECK_MAX);
    param->n_rows = n_rows;
    param->n_cols = n_cols;
    param->data = random_reals(check, n_rows * n_cols, size);
    param->grad = random_reals(check, n_rows * n_cols, 0);
    check->params[check->n_params++] = param;
}

/* Ops may work in place, so every run starts from fresh copies. */
static graft_tensor *forward(gradcheck *check, graft_tape *tape, bool recording)
{
    graft_tensor *out = NULL;
    graft_tape_begin(tape, &check->compute, recording);
    for (size_t i = 0; i < check->n_inputs; i++) {
        graft_tensor **t = &check->inputs[i].tensor;
        size_t n = check->inputs[i].n_rows * check->inputs[i].n_cols;
        assert_ok(graft_tensor_new(tape, t, check->inputs[i].n_rows, check->inputs[i].n_cols,
                                   false, check->inputs[i].wants_grad));
        memcpy((*t)->data, check->inputs[i].data, n * sizeof(graft_real));
    }
    assert_ok(check->build(tape, check, &out));
    return out;
}

static double dot(const graft_real *a, const graft_real *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static void compare(gradcheck *check, const char *name, graft_real *values,
                    const graft_real *analytic, size_t n, const graft_real *r, size_t n_out)
{
    graft_tape tape;
    double largest = 0, square = 0, tolerance = check->tolerance > 0 ? check->tolerance : 1e-7;
    size_t n_samples = check->max_samples == 0 || check->max_samples > n ? n : check->max_samples;
    for (size_t i = 0; i < n; i++) {
        assert_true(isfinite(analytic[i]));
        largest = fmax(largest, fabs((double)analytic[i]));
        square += (double)values[i] * (double)values[i];
    }
    double size = sqrt(square / (double)n);
    assert_true(largest > 0);
    for (size_t s = 0; s < n_samples; s++) {
        size_t i = n_samples == n ? s : (size_t)graft_rng_below(&check->rng, n);
        graft_real was = values[i];
        double h = 2e-5 * fmax(size, fabs((double)was));
        values[i] = (graft_real)((double)was + h);
        double up = dot(r, forward(check, &tape, false)->data, n_out);
        values[i] = (graft_real)((double)was - h);
        double down = dot(r, forward(check, &tape, false)->data, n_out);
        values[i] = was;
        double numeric = (up - down) / (2 * h), a = (double)analytic[i];
        double absolute = fabs(a - numeric), scale = fmax(fabs(a), fabs(numeric));
        double relative = scale > 0 ? absolute / scale : 0;
        if (scale >= 1e-2 * largest) {
            check->worst = fmax(check->worst, relative);
        }
        /* the excuse: below what differences of L can resolve */
        if (relative > tolerance && absolute > 1e-9 * largest) {
            fail_msg("%s: element %zu: analytic %.12g, differences %.12g, relative error %.2g",
                     name, i, a, numeric, relative);
        }
    }
}

void gradcheck_run(gradcheck *check, const char *name)
{
    graft_tape tape;
    graft_real *analytic[2 * GRADCHECK_MAX] = {NULL};
    graft_tensor *out = forward(check, &tape, true);
    size_t n_out = out->n_rows * out->n_cols, n_analytic = 0;
    graft_real *r = random_reals(check, n_out, 1.0);
    for (size_t i = 0; check->unit_output && i < n_out; i++) {
        r[i] = GRAFT_REAL(1.0);
    }
    for (size_t p = 0; p < check->n_params; p++) {
        graft_param *param = check->params[p];
        memset(param->grad, 0, param->n_rows * param->n_cols * sizeof(graft_real));
    }
    assert_ok(graft_tensor_grad_add(&tape, out));
    memcpy(out->grad, r, n_out * sizeof *r);
    assert_ok(graft_tape_backward(&tape));
    for (size_t i = 0; i < check->n_inputs; i++) { /* the tape is rebuilt below: keep copies */
        graft_tensor *t = check->inputs[i].tensor;
        if (t->wants_grad) {
            assert_non_null(t->grad);
            assert_ok(graft_alloc(&analytic[i], t->n_rows * t->n_cols, sizeof(graft_real)));
            memcpy(analytic[i], t->grad, t->n_rows * t->n_cols * sizeof(graft_real));
        }
        n_analytic = i + 1;
    }
    for (size_t i = 0; i < check->n_inputs; i++) {
        if (analytic[i] != NULL) {
            compare(check, name, check->inputs[i].data, analytic[i],
                    check->inputs[i].n_rows * check->inputs[i].n_cols, r, n_out);
        }
    }
    for (size_t p = 0; p < check->n_params; p++) {
        graft_param *param = check->params[p];
        compare(check, name, param->data, param->grad, param->n_rows * param->n_cols, r, n_out);
    }
    print_message("%s: worst relative error %.1e\n", name, check->worst);
    for (size_t i = 0; i < n_analytic; i++) {
        graft_free(analytic[i]);
    }
    graft_free(r);
}
