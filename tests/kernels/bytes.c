/* kernels/bytes.h at every level: bytes as the rounding says, and products of them against sums in
 * double; bit for bit over threads and over the grouping of rows, and never a byte outside the
 * operands. */
#include "support/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/threads.h"
#include "kernels/portable/act.h"

static graft_rng rng;

static int setup(void **state)
{
    (void)state;
    graft_rng_init(&rng, 11, GRAFT_RNG_TEST, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_guarded_release();
    graft_threads_set(0);
    return 0;
}

static void (*at_level)(const graft_kernels *kernels);

static void with_bytes(const graft_kernels *kernels)
{
    graft_kernels copy = *kernels;
    copy.bytes = true;
    at_level(&copy);
}

static void each_level(void (*test)(const graft_kernels *kernels))
{
    at_level = test;
    test_each_level(&rng, with_bytes);
}

/* Element k of the turned group is the sum of x[i], with the sign (-1)^(bits that i and k share). */
static void turn(float x[GRAFT_GROUP])
{
    static const size_t bits[] = {1, 32, 2, 4, 8, 16};
    double sum[GRAFT_GROUP] = {0};
    for (size_t k = 0; k < GRAFT_GROUP; k++) {
        for (size_t i = 0; i < GRAFT_GROUP; i++) {
            sum[k] += __builtin_popcountll(i & k) % 2 == 0 ? (double)x[i] : -(double)x[i];
        }
    }
    for (size_t b = 0; b < 6; b++) { /* the same in the steps that the bits depend on */
        float y[GRAFT_GROUP];
        for (size_t i = 0; i < GRAFT_GROUP; i++) {
            y[i] = (i & bits[b]) == 0 ? x[i] + x[i ^ bits[b]] : x[i ^ bits[b]] - x[i];
        }
        memcpy(x, y, sizeof y);
    }
    double largest = 0;
    for (size_t k = 0; k < GRAFT_GROUP; k++) {
        largest = fmax(largest, fabs(sum[k]));
    }
    for (size_t k = 0; k < GRAFT_GROUP; k++) {
        assert_true(fabs((double)x[k] - sum[k]) <= 1e-5 * largest);
    }
}

enum { RUN = GRAFT_RUN_GROUPS * GRAFT_GROUP };

/* What n numbers, step apart, become: the largest, after groups are turned, is `most`. */
static void round_groups(const float *x, size_t n, size_t step, int most, bool backward,
                         int8_t q[RUN], float *scale)
{
    float numbers[RUN] = {0}, largest = 0;
    size_t padded = graft_bytes_groups(n) * GRAFT_GROUP;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = x[i * step];
    }
    for (size_t k = 0; k < padded && !backward; k += GRAFT_GROUP) {
        turn(numbers + k);
    }
    for (size_t i = 0; i < padded; i++) {
        largest = fmaxf(largest, fabsf(numbers[i]));
    }
    *scale = largest / (float)most * (backward ? 1 : 0.125f);
    for (size_t i = 0; i < padded; i++) {
        q[i] = largest < 0x1p-100f ? 0 : (int8_t)nearbyintf(numbers[i] * ((float)most / largest));
    }
}

static graft_bytes bytes_of(const graft_kernels *kernels, const graft_act *x, size_t n_tok,
                            size_t n, bool backward)
{
    graft_bytes b = {.ld = graft_bytes_ld(n), .n_groups = graft_bytes_groups(n)};
    b.q = test_guarded((n_tok - 1) * b.ld + b.n_groups * GRAFT_GROUP, 1);
    b.groups = test_guarded(n_tok * b.n_groups, sizeof *b.groups);
    graft_bytes_make(kernels, &b, x, graft_act_ld(kernels, n), NULL, n_tok, n, backward);
    return b;
}

/* x [n_tok, n] becomes what its bytes stand for. */
static void rounding_at_level(const graft_kernels *kernels)
{
    static const size_t widths[] = {1, 2, 31, 32, 33, 64, 65, 100, 128, 512, 577};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        size_t n = widths[w], n_tok = 37;
        bool backward = w % 2 != 0;
        graft_real *x = test_random(&rng, n_tok * n);
        for (size_t i = 0; i < n_tok * n; i++) {
            int exponent = (int)(graft_rng_u32(&rng) % 8) - (i / n % 3 == 2 ? 110 : 0);
            x[i] = i / n % 7 == 6 ? 0 : (graft_real)ldexp((double)x[i], exponent);
        }
        graft_act *in = test_acts(kernels, x, n_tok, n);
        graft_bytes b = bytes_of(kernels, in, n_tok, n, backward);
        for (size_t t = 0; t < n_tok; t++) {
            for (size_t k = 0; k < n; k += RUN) {
                size_t n_k = n - k < RUN ? n - k : RUN;
                int8_t q[RUN];
                float scale, numbers[RUN];
                for (size_t i = 0; i < n_k; i++) {
                    numbers[i] = (float)x[t * n + k + i];
                }
                round_groups(numbers, n_k, 1, kernels->byte_limits.x, backward, q, &scale);
                for (size_t g = 0; g < graft_bytes_groups(n_k); g++) {
                    const graft_byte_group *group = &b.groups[t * b.n_groups + k / GRAFT_GROUP + g];
                    const int8_t *bytes = q + g * GRAFT_GROUP;
                    int sum = 0;
                    assert_memory_equal(b.q + t * b.ld + k + g * GRAFT_GROUP, bytes, GRAFT_GROUP);
                    assert_memory_equal(&group->scale, &scale, sizeof scale);
                    for (size_t i = 0; i < GRAFT_GROUP; i++) {
                        sum += bytes[i];
                    }
                    assert_int_equal(group->centre, -kernels->byte_limits.raised * sum);
                }
            }
        }
        test_guarded_release();
    }
}

static void bytes_are_rounded_numbers(void **state)
{
    (void)state;
    each_level(rounding_at_level);
}

typedef struct reference {
    double *value, *magnitude;
} reference;

/* The product of what the bytes of X and W stand for. */
static reference multiply(const graft_kernels *kernels, const graft_bytes *x,
                          const graft_weight *w, size_t n_tok, bool backward)
{
    size_t n = backward ? w->n_in : w->n_out, n_k = backward ? w->n_out : w->n_in;
    size_t n_groups = graft_bytes_groups(n_k);
    float *all = test_guarded(w->n_out * w->n_in, sizeof *all);
    float *column = test_guarded(n_groups * GRAFT_GROUP, sizeof *column);
    reference r = {test_guarded(n_tok * n, sizeof *r.value),
                   test_guarded(n_tok * n, sizeof *r.magnitude)};
    size_t c_step = backward ? 1 : w->n_in, k_step = backward ? w->n_in : 1;
    for (size_t o = 0; o < w->n_out; o++) {
        w->format->decode((const uint8_t *)w->data + o * w->row_bytes, all + o * w->n_in,
                          w->n_in / w->format->block_elems);
    }
    for (size_t i = 0; i < w->n_out * w->n_in; i++) {
        all[i] = test_weight(kernels, all[i]);
    }
    for (size_t c = 0; c < n; c++) {
        for (size_t k = 0; k < n_k; k += GRAFT_GROUP) {
            int8_t q[RUN];
            float scale;
            size_t left = n_k - k < GRAFT_GROUP ? n_k - k : GRAFT_GROUP;
            round_groups(all + c * c_step + k * k_step, left, k_step, kernels->byte_limits.w,
                         backward, q, &scale);
            for (size_t i = 0; i < GRAFT_GROUP; i++) {
                column[k + i] = (float)q[i] * scale;
            }
        }
        for (size_t t = 0; t < n_tok; t++) {
            for (size_t k = 0; k < n_groups * GRAFT_GROUP; k++) {
                double left = (double)x->q[t * x->ld + k] *
                              (double)x->groups[t * x->n_groups + k / GRAFT_GROUP].scale;
                double product = left * (double)column[k];
                r.value[t * n + c] += product;
                r.magnitude[t * n + c] += fabs(product);
            }
        }
    }
    return r;
}

static void run(const graft_kernels *kernels, graft_workspace *ws, graft_real *y, size_t row,
                const graft_bytes *x, const graft_weight *w, size_t n_tok, bool backward)
{
    graft_bytes from = {x->q + row * x->ld, x->groups + row * x->n_groups, x->ld, x->n_groups};
    graft_product p = {.terms = {{NULL, 0, w, backward, &from}}, .n_terms = 1, .y = y,
                       .ldy = backward ? w->n_in : w->n_out, .scale = GRAFT_REAL(0.5)};
    graft_products_run(kernels, ws, &p, 1, n_tok);
}

static void check_shape(const graft_kernels *kernels, const graft_format *format, size_t n_tok,
                        size_t n_out, size_t n_in)
{
    graft_weight w = test_random_weight(&rng, format, n_out, n_in);
    graft_workspace ws = test_workspace(kernels);
    char what[128];
    for (int backward = 0; backward < 2; backward++) {
        size_t n = n_tok * (backward ? n_in : n_out), n_k = backward ? n_out : n_in;
        graft_real *x = test_random(&rng, n_tok * n_k), *y = test_random(&rng, n);
        graft_bytes b = bytes_of(kernels, test_acts(kernels, x, n_tok, n_k), n_tok, n_k,
                                 backward != 0);
        reference r = multiply(kernels, &b, &w, n_tok, backward != 0);
        snprintf(what, sizeof what, "%s int8 %s %zux%zux%zu %s",
                 graft_cpu_level_name(kernels->level), format->name, n_tok, n_out, n_in,
                 backward ? "backward" : "forward");
        run(kernels, &ws, y, 0, &b, &w, n_tok, backward != 0);
        for (size_t i = 0; i < n; i++) {
            r.value[i] *= 0.5;
        }
        test_close(what, y, r.value, r.magnitude, n, 1e-5);
    }
    test_guarded_release();
}

static void formats_at_level(const graft_kernels *kernels)
{
    test_product_formats(kernels, check_shape);
}

static void every_format(void **state)
{
    (void)state;
    each_level(formats_at_level);
}

static void shapes_at_level(const graft_kernels *kernels)
{
    test_product_shapes(kernels, check_shape);
}

static void odd_shapes(void **state)
{
    (void)state;
    each_level(shapes_at_level);
}

/* Row i of a product is the same bits alone, among a few and among many, at any number of threads. */
static void grouping_at_level(const graft_kernels *kernels)
{
    enum { TOK = 75, OUT = 176, IN = 1056 };
    static const char *const names[] = {"F32", "Q4_1", "Q8_0"};
    for (size_t f = 0; f < 3; f++) {
        graft_weight w = test_random_weight(&rng, graft_format_by_name(names[f]), OUT, IN);
        for (int backward = 0; backward < 2; backward++) {
            size_t n = backward ? IN : OUT, n_k = backward ? OUT : IN;
            graft_real *x = test_random(&rng, TOK * n_k);
            graft_real *all = test_random(&rng, TOK * n), *part = test_random(&rng, TOK * n);
            graft_threads_set(3);
            graft_workspace ws = test_workspace(kernels);
            graft_bytes b = bytes_of(kernels, test_acts(kernels, x, TOK, n_k), TOK, n_k,
                                     backward != 0);
            run(kernels, &ws, all, 0, &b, &w, TOK, backward != 0);
            graft_threads_set(1);
            for (size_t group = 1; group < 40; group += group < 14 ? 1 : 11) {
                for (size_t t = 0; t < TOK; t += group) {
                    size_t rows = TOK - t < group ? TOK - t : group;
                    run(kernels, &ws, part + t * n, t, &b, &w, rows, backward != 0);
                }
                test_same(names[f], part, all, TOK * n);
            }
        }
        test_guarded_release();
    }
}

static void rows_do_not_know_their_neighbours(void **state)
{
    (void)state;
    each_level(grouping_at_level);
}

/* Bytes and activations as terms of one sum, as a frozen map and its low-rank part are. */
static void terms_at_level(const graft_kernels *kernels)
{
    enum { TOK = 130, OUT = 72, N = 4 };
    static const size_t widths[N] = {2304, 16, 96, 3};
    graft_workspace ws = test_workspace(kernels);
    graft_weight w[N];
    graft_bytes bytes[N];
    graft_product p = {.n_terms = N, .ldy = OUT, .scale = GRAFT_REAL(1.0)};
    graft_real *y = test_random(&rng, TOK * OUT), *one = test_random(&rng, TOK * OUT);
    double *value = test_guarded(TOK * OUT, sizeof *value);
    double *magnitude = test_guarded(TOK * OUT, sizeof *magnitude);
    p.y = y;
    for (size_t i = 0; i < N; i++) {
        graft_act *in = test_acts(kernels, test_random(&rng, TOK * widths[i]), TOK, widths[i]);
        size_t ld = graft_act_ld(kernels, widths[i]);
        w[i] = test_random_weight(&rng, graft_format_by_name(i == 0 ? "Q4_K" : "F32"), OUT,
                                  widths[i]);
        bytes[i] = bytes_of(kernels, in, TOK, widths[i], false);
        p.terms[i] = (graft_term){in, ld, &w[i], false, i % 2 == 0 ? &bytes[i] : NULL};
        graft_product single = {.terms = {p.terms[i]}, .n_terms = 1, .y = one, .ldy = OUT,
                                .scale = GRAFT_REAL(1.0)};
        graft_products_run(kernels, &ws, &single, 1, TOK);
        for (size_t t = 0; t < TOK * OUT; t++) {
            value[t] += (double)one[t];
            magnitude[t] += fabs((double)one[t]);
        }
    }
    graft_products_run(kernels, &ws, &p, 1, TOK);
    for (size_t t = 0; t < TOK * OUT; t++) {
        magnitude[t] += 100; /* what is summed is larger than the sums */
    }
    test_close("terms", y, value, magnitude, TOK * OUT, 1e-5);
    test_guarded_release();
}

static void sums_of_both(void **state)
{
    (void)state;
    each_level(terms_at_level);
}

/* The largest sums that bytes can have: backward, where nothing is turned, all of a group's are the
 * largest there are. */
static void largest_at_level(const graft_kernels *kernels)
{
    enum { TOK = 13, OUT = 640, IN = 48 };
    graft_workspace ws = test_workspace(kernels);
    graft_weight w = test_random_weight(&rng, graft_format_by_name("F32"), OUT, IN);
    graft_real *x = test_random(&rng, TOK * OUT), *y = test_random(&rng, TOK * IN);
    for (int signs = 0; signs < 4; signs++) {
        float left = signs % 2 == 0 ? 1 : -1, right = signs / 2 == 0 ? 1 : -1;
        for (size_t i = 0; i < OUT * IN; i++) {
            ((float *)(uintptr_t)w.data)[i] = right;
        }
        for (size_t i = 0; i < TOK * OUT; i++) {
            x[i] = left;
        }
        graft_bytes b = bytes_of(kernels, test_acts(kernels, x, TOK, OUT), TOK, OUT, true);
        run(kernels, &ws, y, 0, &b, &w, TOK, true);
        for (size_t i = 0; i < TOK * IN; i++) {
            assert_float_equal(y[i], 0.5f * left * right * OUT, 1e-3f);
        }
    }
    test_guarded_release();
}

static void largest_sums(void **state)
{
    (void)state;
    each_level(largest_at_level);
}

/* What is not a number reaches all that it is part of, and nothing else: a step must see it. */
static void broken_at_level(const graft_kernels *kernels)
{
    enum { TOK = 9, OUT = 40, IN = 64, BAD = 21 };
    static const float broken[] = {NAN, INFINITY, -INFINITY};
    for (size_t kind = 0; kind < 3; kind++) {
        graft_weight w = test_random_weight(&rng, graft_format_by_name("Q8_0"), OUT, IN);
        graft_workspace ws = test_workspace(kernels);
        graft_real *x = test_random(&rng, TOK * IN), *y = test_random(&rng, TOK * IN);
        x[4 * IN + 33] = (graft_real)broken[kind];
        graft_bytes b = bytes_of(kernels, test_acts(kernels, x, TOK, IN), TOK, IN, false);
        run(kernels, &ws, y, 0, &b, &w, TOK, false);
        for (size_t i = 0; i < TOK * OUT; i++) {
            assert_int_equal(isfinite(y[i]) == 0, i / OUT == 4);
        }
        uint8_t *scale = (uint8_t *)w.data + BAD * w.row_bytes;
        scale[0] = 0;
        scale[1] = kind == 0 ? 0x7e : 0x7c; /* for the first 32 of 64 values of the row */
        x[4 * IN + 33] = 1;
        b = bytes_of(kernels, test_acts(kernels, x, TOK, IN), TOK, IN, false);
        run(kernels, &ws, y, 0, &b, &w, TOK, false);
        for (size_t i = 0; i < TOK * OUT; i++) {
            assert_int_equal(isfinite(y[i]) == 0, i % OUT == BAD);
        }
        b = bytes_of(kernels, test_acts(kernels, x, TOK, OUT), TOK, OUT, true);
        run(kernels, &ws, y, 0, &b, &w, TOK, true);
        for (size_t i = 0; i < TOK * IN; i++) {
            assert_int_equal(isfinite(y[i]) == 0, i % IN < 32);
        }
        test_guarded_release();
    }
}

static void broken_numbers_stay_where_they_are(void **state)
{
    (void)state;
    each_level(broken_at_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_are_rounded_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(every_format, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_do_not_know_their_neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_of_both, setup, teardown),
        cmocka_unit_test_setup_teardown(largest_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_numbers_stay_where_they_are, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
