/* support/kernels.h - what the tests of kernels share: every level of this machine, memory that
 * ends at a forbidden page, random operands. */
#ifndef GRAFT_TESTS_SUPPORT_KERNELS_H
#define GRAFT_TESTS_SUPPORT_KERNELS_H

#include "core/rng.h"
#include "kernels/product.h"
#include "support/test.h"

/* Calls test for each level that this machine has, with activations in single precision; and in
 * bfloat16 where a level has kernels of its own for that, and for the portable ones; and for level
 * amx with its tiles emulated. With GRAFT_TEST_LEVEL=NAME in the environment only for that level.
 * Each time `draws` is what it was before, so that what is tested does not depend on how many levels
 * the CPU has. */
void test_each_level(graft_rng *draws, void (*test)(const graft_kernels *kernels));

/* A weight as products take it: AVX2, which has no instructions for bfloat16, does not round it. */
float test_weight(const graft_kernels *kernels, float value);

/* x [n_rows, n_cols] as guarded activations, graft_act_ld apart; x becomes what they hold. */
graft_act *test_acts(const graft_kernels *kernels, graft_real *x, size_t n_rows, size_t n_cols);
/* And back: guarded reals. */
graft_real *test_reals(const graft_kernels *kernels, const graft_act *y, size_t n_rows,
                       size_t n_cols);
/* How exact results are that are rounded to activations: `single`, or a unit of bfloat16. */
double test_act_tolerance(const graft_kernels *kernels, double single);

/* n * size bytes whose last one lies just before a page that must not be touched; zeroed. Released
 * all together by test_guarded_release. With GRAFT_TEST_GUARD=writes in the environment the page
 * may be read. */
void *test_guarded(size_t n, size_t size);
void test_guarded_release(void);

/* Guarded, uniform in [-1, 1). */
graft_real *test_random(graft_rng *rng, size_t n);

/* Where the f16 scale of a block stands; a minimum follows it. SIZE_MAX: it is kept otherwise. */
size_t test_scale_at(const graft_format *format);

/* Guarded random blocks of the format with scales of about 2^-6. */
graft_weight test_random_weight(graft_rng *rng, const graft_format *format, size_t n_out,
                                size_t n_in);

/* Checks a product of n_tok rows with a weight [n_out, n_in] of a format. */
typedef void test_product(const graft_kernels *kernels, const graft_format *format, size_t n_tok,
                          size_t n_out, size_t n_in);
/* Calls it for every format, in part and whole blocks and in two slices of the reduction axis; and for
 * single precision in odd shapes. */
void test_product_formats(const graft_kernels *kernels, test_product *check);
void test_product_shapes(const graft_kernels *kernels, test_product *check);

/* A workspace for graft_threads() threads, guarded too. */
graft_workspace test_workspace(const graft_kernels *kernels);

/* |got - expected| <= tolerance * scale for each of n, else fails and names `what` and the place.*/
void test_close(const char *what, const graft_real *got, const double *expected,
                const double *scale, size_t n, double tolerance);

/* The same bits. */
void test_same(const char *what, const graft_real *got, const graft_real *expected, size_t n);

#endif
