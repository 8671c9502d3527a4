/* support/gradcheck.h - analytic gradients against central differences, in double precision.
 *
 * L = sum(R * f(inputs, params)) for a fixed random R. Every element of every input and parameter
 * (or a seeded sample) is moved by +-h and dL compared with what backward says. The relative error
 * |a - n| / max(|a|, |n|) certifies; an absolute error far below the largest gradient only excuses
 * tiny values, whose differences are rounding noise. Programs using it are built with BUILD=double. */
#ifndef GRAFT_TESTS_SUPPORT_GRADCHECK_H
#define GRAFT_TESTS_SUPPORT_GRADCHECK_H

#include "autograd/ops.h"
#include "core/rng.h"

#define GRADCHECK_MAX 8

typedef struct gradcheck {
    /* filled by the caller */
    graft_status (*build)(graft_tape *tape, struct gradcheck *check, graft_tensor **out);
    void *context;
    double tolerance;   /* relative; 0: 1e-7 */
    size_t max_samples; /* elements checked per tensor; 0: all */
    bool unit_output;   /* R = 1: for losses, whose backward starts by itself */
    /* filled through gradcheck_input / gradcheck_param */
    struct {
        graft_real *data;
        size_t n_rows, n_cols;
        graft_tensor *tensor; /* of the tape being built: what `build` uses */
        bool wants_grad;
    } inputs[GRADCHECK_MAX];
    size_t n_inputs;
    graft_param *params[GRADCHECK_MAX];
    size_t n_params;
    graft_compute compute;
    graft_rng rng;
    /* filled by gradcheck_run */
    double worst;
} gradcheck;

/* Prepares compute (portable level). */
void gradcheck_init(gradcheck *check);
void gradcheck_clear(gradcheck *check);

/* Adds an input of random normal values times `size`. */
void gradcheck_input(gradcheck *check, size_t n_rows, size_t n_cols, double size);
/* Makes a random parameter with a gradient buffer. */
void gradcheck_param(gradcheck *check, graft_param *param, size_t n_rows, size_t n_cols,
                     double size);
/* A random dense vector or matrix that is not differentiated. Freed by gradcheck_clear. */
graft_real *gradcheck_constant(gradcheck *check, size_t n, double size);

/* Fails the running cmocka test if a gradient is wrong; prints the worst error. */
void gradcheck_run(gradcheck *check, const char *name);

#endif
