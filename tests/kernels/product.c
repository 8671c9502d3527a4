/* kernels/product.h at every level: against sums in double, bit for bit over threads and over the
 * grouping of rows, and never a byte outside the operands. */
#include "support/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm.h"
#include "kernels/portable/act.h"

static graft_rng rng;

static int setup(void **state)
{
    (void)state;
    graft_rng_init(&rng, 7, GRAFT_RNG_TEST, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_guarded_release();
    graft_threads_set(0);
    return 0;
}

/* What a product should give, and the sum of magnitudes that rounding errors are measured in. */
typedef struct reference {
    double *value, *magnitude;
} reference;

static reference multiply(const graft_kernels *kernels, const graft_real *x, const graft_weight *w,
                          size_t n_tok, bool backward)
{
    size_t n = backward ? w->n_in : w->n_out, n_k = backward ? w->n_out : w->n_in;
    reference r = {test_guarded(n_tok * n, sizeof *r.value),
                   test_guarded(n_tok * n, sizeof *r.magnitude)};
    float *row = test_guarded(w->n_in, sizeof *row);
    for (size_t o = 0; o < w->n_out; o++) {
        const uint8_t *blocks = (const uint8_t *)w->data + o * w->row_bytes;
        w->format->decode(blocks, row, w->n_in / w->format->block_elems);
        for (size_t t = 0; t < n_tok; t++) {
            for (size_t i = 0; i < w->n_in; i++) {
                double product =
                    (double)x[t * n_k + (backward ? o : i)] * (double)test_weight(kernels, row[i]);
                r.value[t * n + (backward ? i : o)] += product;
                r.magnitude[t * n + (backward ? i : o)] += fabs(product);
            }
        }
    }
    return r;
}

static void run(const graft_kernels *kernels, graft_workspace *ws, graft_real *y,
                const graft_act *x, const graft_weight *w, size_t n_tok, bool backward,
                graft_real scale, bool accumulate)
{
    size_t width = backward ? w->n_out : w->n_in;
    graft_product_run(kernels, ws, y, backward ? w->n_in : w->n_out, x,
                      graft_act_ld(kernels, width), w, backward, n_tok, scale, accumulate);
}

/* One shape, both directions: plain, then scaled and added. */
static void check_shape(const graft_kernels *kernels, const graft_format *format, size_t n_tok,
                        size_t n_out, size_t n_in)
{
    graft_weight w = test_random_weight(&rng, format, n_out, n_in);
    graft_workspace ws = test_workspace(kernels);
    char what[128];
    for (int backward = 0; backward < 2; backward++) {
        size_t n = n_tok * (backward ? n_in : n_out), n_k = backward ? n_out : n_in;
        graft_real *x = test_random(&rng, n_tok * n_k), *y = test_random(&rng, n);
        graft_act *in = test_acts(kernels, x, n_tok, n_k);
        reference r = multiply(kernels, x, &w, n_tok, backward != 0);
        snprintf(what, sizeof what, "%s%s %s %zux%zux%zu %s",
                 graft_cpu_level_name(kernels->level), kernels->half ? " bf16" : "", format->name,
                 n_tok, n_out, n_in, backward ? "backward" : "forward");
        y[n / 2] = (graft_real)NAN; /* what was there does not matter */
        run(kernels, &ws, y, in, &w, n_tok, backward != 0, GRAFT_REAL(1.0), false);
        test_close(what, y, r.value, r.magnitude, n, 1e-5);
        run(kernels, &ws, y, in, &w, n_tok, backward != 0, GRAFT_REAL(-0.5), true);
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
    test_each_level(&rng, formats_at_level);
}

static void shapes_at_level(const graft_kernels *kernels)
{
    test_product_shapes(kernels, check_shape);
}

static void odd_shapes(void **state)
{
    (void)state;
    test_each_level(&rng, shapes_at_level);
}

/* Row i of a product is the same bits alone, among a few and among many. The other library does
 * not promise that. */
static void grouping_at_level(const graft_kernels *kernels)
{
    enum { TOK = 75, OUT = 176, IN = 1056 };
    static const char *const names[] = {"F32", "Q4_1", "Q8_0"};
    if (kernels->level == GRAFT_CPU_BLAS) {
        return;
    }
    for (size_t f = 0; f < 3; f++) {
        graft_weight w = test_random_weight(&rng, graft_format_by_name(names[f]), OUT, IN);
        graft_workspace ws = test_workspace(kernels);
        for (int backward = 0; backward < 2; backward++) {
            size_t n = backward ? IN : OUT, n_k = backward ? OUT : IN;
            graft_real *x = test_random(&rng, TOK * n_k);
            graft_real *all = test_random(&rng, TOK * n), *part = test_random(&rng, TOK * n);
            graft_act *in = test_acts(kernels, x, TOK, n_k);
            size_t ld = graft_act_ld(kernels, n_k);
            run(kernels, &ws, all, in, &w, TOK, backward != 0, GRAFT_REAL(0.7), false);
            for (size_t group = 1; group < 40; group += group < 14 ? 1 : 11) {
                for (size_t t = 0; t < TOK; t += group) {
                    size_t rows = TOK - t < group ? TOK - t : group;
                    run(kernels, &ws, part + t * n, act_at(in, t * ld, kernels->half), &w, rows, backward != 0,
                        GRAFT_REAL(0.7), false);
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
    test_each_level(&rng, grouping_at_level);
}

static void threads_at_level(const graft_kernels *kernels)
{
    enum { TOK = 300, OUT = 200, IN = 192 };
    static const int counts[] = {1, 2, 3, 4, 8};
    graft_weight w = test_random_weight(&rng, graft_format_by_name("Q5_1"), OUT, IN);
    graft_real *x = test_random(&rng, TOK * OUT), *first = NULL, *first_outer = NULL;
    graft_act *in = test_acts(kernels, x, TOK, OUT);
    size_t ld = graft_act_ld(kernels, OUT);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        graft_threads_set(counts[i]);
        graft_workspace ws = test_workspace(kernels);
        graft_real *y = test_guarded(TOK * OUT, sizeof *y);
        graft_real *dw = test_guarded(OUT * IN, sizeof *dw);
        graft_outer outer = {dw, IN, 1, in, in, ld, ld, 16, OUT, GRAFT_REAL(1.0)};
        graft_product_run(kernels, &ws, y, OUT, in, ld, &w, false, TOK, GRAFT_REAL(1.0), false);
        graft_product_run(kernels, &ws, y, OUT, in, ld, &w, true, TOK, GRAFT_REAL(1.0), true);
        outer.n = IN;
        graft_outers_run(kernels, &ws, &outer, 1, TOK);
        first = first == NULL ? y : first;
        first_outer = first_outer == NULL ? dw : first_outer;
        test_same("product", y, first, TOK * OUT);
        test_same("outer", dw, first_outer, OUT * IN);
    }
    test_guarded_release();
}

/* Rows so long that panels are not kept: how many rows are taken at once depends on the threads. */
static void threads_on_long_rows_at_level(const graft_kernels *kernels)
{
    enum { TOK = 500, OUT = 64, IN = 4608 };
    static const int counts[] = {1, 2, 3, 8};
    graft_weight w = test_random_weight(&rng, graft_format_by_name("Q4_1"), OUT, IN);
    graft_act *in = test_acts(kernels, test_random(&rng, TOK * IN), TOK, IN);
    graft_real *first = NULL;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        graft_threads_set(counts[i]);
        graft_workspace ws = test_workspace(kernels);
        graft_real *y = test_guarded(TOK * OUT, sizeof *y);
        graft_product_run(kernels, &ws, y, OUT, in, graft_act_ld(kernels, IN), &w, false, TOK, GRAFT_REAL(1.0),
                          false);
        first = first == NULL ? y : first;
        test_same("long rows", y, first, TOK * OUT);
    }
    test_guarded_release();
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    test_each_level(&rng, threads_at_level);
    test_each_level(&rng, threads_on_long_rows_at_level);
}

/* A [n_tok, m] and B [n_tok, n], added to dw as it is and transposed. */
static void outer_shape(const graft_kernels *kernels, size_t n_tok, size_t m, size_t n,
                        bool transposed)
{
    size_t rows = transposed ? n : m, cols = transposed ? m : n, ld = cols + 1;
    size_t total = (rows - 1) * ld + cols, lda = graft_act_ld(kernels, m);
    graft_workspace ws = test_workspace(kernels);
    graft_real *a = test_random(&rng, n_tok * m), *b = test_random(&rng, n_tok * n);
    graft_real *dw = test_random(&rng, total);
    graft_act *in_a = test_acts(kernels, a, n_tok, m), *in_b = test_acts(kernels, b, n_tok, n);
    double *value = test_guarded(total, sizeof *value);
    double *magnitude = test_guarded(total, sizeof *magnitude);
    for (size_t i = 0; i < total; i++) { /* between rows nothing may change */
        value[i] = (double)dw[i];
        magnitude[i] = i % ld < cols ? fabs(value[i]) : 0;
    }
    graft_outer outer = {dw, transposed ? 1 : ld, transposed ? ld : 1, in_a, in_b, lda,
                         graft_act_ld(kernels, n), m, n, GRAFT_REAL(0.25)};
    for (size_t t = 0; t < n_tok; t++) {
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++) {
                double product = (double)a[t * m + i] * (double)b[t * n + j];
                value[i * outer.row_step + j * outer.col_step] += 0.25 * product;
                magnitude[i * outer.row_step + j * outer.col_step] += fabs(product);
            }
        }
    }
    graft_outers_run(kernels, &ws, &outer, 1, n_tok);
    test_close("outer", dw, value, magnitude, total, 1e-5);
    test_guarded_release();
}

static void outer_at_level(const graft_kernels *kernels)
{
    static const size_t shapes[][3] = {{1, 1, 1},    {5, 8, 30},   {300, 16, 75}, {257, 70, 16},
                                       {600, 3, 64}, {256, 49, 8}, {31, 64, 130}, {2, 7, 33},
                                       {33, 130, 40}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        outer_shape(kernels, shapes[s][0], shapes[s][1], shapes[s][2], false);
        outer_shape(kernels, shapes[s][0], shapes[s][1], shapes[s][2], true);
    }
}

static void outer_products(void **state)
{
    (void)state;
    test_each_level(&rng, outer_at_level);
}

/* Several products at once, each the sum of terms with X of their own, some shared; to reals on top
 * of something else, and to activations: as maps with low-rank parts and their gradients are. */
static void terms_at_level(const graft_kernels *kernels)
{
    enum { TOK = 530, N = 3, K = 2304 }; /* more than a panel holds, more rows than a stage */
    static const size_t widths[N] = {K, 16, 96};
    graft_weight w[N];
    graft_act *in[N];
    graft_product p[2];
    size_t n_out = 72, ldy = graft_act_ld(kernels, n_out), total = TOK * n_out;
    graft_workspace ws = test_workspace(kernels);
    graft_real *y = test_random(&rng, total), *add = test_random(&rng, total);
    graft_act *act = test_acts(kernels, test_random(&rng, total), TOK, n_out);
    double *value = test_guarded(total, sizeof *value);
    double *magnitude = test_guarded(total, sizeof *magnitude);
    double *rounded = test_guarded(total, sizeof *rounded);
    for (size_t i = 0; i < N; i++) {
        const char *format = i == 0 ? "Q4_K" : "F32";
        graft_real *x = test_random(&rng, TOK * widths[i]);
        w[i] = test_random_weight(&rng, graft_format_by_name(format), n_out, widths[i]);
        in[i] = test_acts(kernels, x, TOK, widths[i]);
        reference r = multiply(kernels, x, &w[i], TOK, false);
        for (size_t t = 0; t < total; t++) {
            value[t] += r.value[t];
            magnitude[t] += r.magnitude[t];
        }
    }
    p[0] = (graft_product){.n_terms = N, .y = y, .ldy = n_out, .scale = GRAFT_REAL(0.5),
                           .add = add, .ldadd = n_out};
    for (size_t i = 0; i < N; i++) {
        p[0].terms[i] = (graft_term){in[i], graft_act_ld(kernels, w[i].n_in), &w[i], false, NULL};
    }
    p[1] = p[0];
    p[1].y = act;
    p[1].ldy = ldy;
    p[1].y_act = true;
    p[1].add = NULL;
    graft_products_run(kernels, &ws, p, 2, TOK);
    graft_real *got = test_reals(kernels, act, TOK, n_out);
    for (size_t t = 0; t < total; t++) {
        value[t] *= 0.5;
        magnitude[t] *= 0.5;
        rounded[t] = kernels->half ? fabs(value[t]) + 2e-3 * magnitude[t] : magnitude[t];
    }
    test_close("terms to activations", got, value, rounded, total,
               test_act_tolerance(kernels, 1e-5));
    for (size_t t = 0; t < total; t++) {
        value[t] += (double)add[t];
        magnitude[t] += fabs((double)add[t]);
    }
    test_close("terms on top", y, value, magnitude, total, 1e-6);
    test_guarded_release();
}

static void sums_of_terms(void **state)
{
    (void)state;
    test_each_level(&rng, terms_at_level);
}

/* Where levels unpack more columns at once for long reductions: rows of a sum that takes two panels, to
 * reals and to activations; alone, as narrow panels make them, they are the same bits. */
static void wide_in(const graft_kernels *kernels, bool backward)
{
    enum { TOK = 1300, COLS = 608, K = 2304 };
    static const size_t rows[] = {0, 47, 479, 480, TOK - 1};
    size_t ld = graft_act_ld(kernels, K);
    graft_workspace ws = test_workspace(kernels);
    graft_weight w = test_random_weight(&rng, graft_format_by_name("Q8_0"), backward ? K : COLS,
                                        backward ? COLS : K);
    graft_real *x = test_random(&rng, TOK * K), *y = test_random(&rng, TOK * COLS);
    graft_real *alone = test_random(&rng, COLS);
    graft_act *in = test_acts(kernels, x, TOK, K), *act = test_acts(kernels, y, TOK, COLS);
    graft_product p = {.terms = {{in, ld, &w, backward, NULL}}, .n_terms = 1, .y = act,
                       .ldy = graft_act_ld(kernels, COLS), .y_act = true, .scale = GRAFT_REAL(1.0)};
    run(kernels, &ws, y, in, &w, TOK, backward, GRAFT_REAL(1.0), false);
    graft_products_run(kernels, &ws, &p, 1, TOK);
    graft_real *rounded = test_reals(kernels, act, TOK, COLS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t at = rows[i] * COLS;
        reference r = multiply(kernels, x + rows[i] * K, &w, 1, backward);
        test_close("wide panels", y + at, r.value, r.magnitude, COLS, 1e-5);
        run(kernels, &ws, alone, act_at(in, rows[i] * ld, kernels->half), &w, 1, backward,
            GRAFT_REAL(1.0), false);
        test_same("a row alone", y + at, alone, COLS);
        for (size_t c = 0; c < COLS; c++) {
            r.magnitude[c] = kernels->half ? fabs(r.value[c]) + 2e-3 * r.magnitude[c] : r.magnitude[c];
        }
        test_close("wide panels to activations", rounded + at, r.value, r.magnitude, COLS,
                   test_act_tolerance(kernels, 1e-5));
    }
    test_guarded_release();
}

static void wide_at_level(const graft_kernels *kernels)
{
    if (kernels->gemm->nc_short > 0) {
        wide_in(kernels, false);
        wide_in(kernels, true);
    }
}

static void wide_panels(void **state)
{
    (void)state;
    test_each_level(&rng, wide_at_level);
}

/* A broken scale reaches the outputs of its own row, or of its own columns, and no others. */
static void broken_at_level(const graft_kernels *kernels)
{
    enum { TOK = 9, OUT = 40, IN = 64, BAD = 21 };
    graft_weight w = test_random_weight(&rng, graft_format_by_name("Q8_0"), OUT, IN);
    graft_workspace ws = test_workspace(kernels);
    uint8_t *scale = (uint8_t *)w.data + BAD * w.row_bytes;
    scale[0] = 0;
    scale[1] = 0x7e; /* NaN, for the first 32 of 64 values of the row */
    graft_real *x = test_random(&rng, TOK * IN), *y = test_random(&rng, TOK * IN);
    graft_act *in = test_acts(kernels, x, TOK, IN), *back = test_acts(kernels, x, TOK, OUT);
    run(kernels, &ws, y, in, &w, TOK, false, GRAFT_REAL(1.0), false);
    for (size_t i = 0; i < TOK * OUT; i++) {
        assert_int_equal(isnan(y[i]) != 0, i % OUT == BAD);
    }
    run(kernels, &ws, y, back, &w, TOK, true, GRAFT_REAL(1.0), false);
    for (size_t i = 0; i < TOK * IN; i++) {
        assert_int_equal(isnan(y[i]) != 0, i % IN < 32);
    }
    test_guarded_release();
}

static void broken_scales_stay_where_they_are(void **state)
{
    (void)state;
    test_each_level(&rng, broken_at_level);
}

/* Rows of every format, any bit pattern, as its own decoder gives them. */
static void decode_at_level(const graft_kernels *kernels)
{
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        for (size_t n = (*f)->block_elems; n <= 3 * 256; n += 256) {
            size_t bytes = 0;
            assert_ok(graft_format_row_bytes(*f, n, &bytes));
            uint8_t *data = test_guarded(3, bytes);
            float *expected = test_guarded(n, sizeof *expected);
            graft_real *got = test_guarded(n, sizeof *got);
            graft_weight w = {data, *f, 3, n, bytes};
            for (size_t i = 0; i < 3 * bytes; i++) {
                data[i] = (uint8_t)graft_rng_u32(&rng);
            }
            for (size_t row = 0; row < 3; row++) {
                (*f)->decode(data + row * bytes, expected, n / (*f)->block_elems);
                kernels->decode_row(&w, row, got);
                for (size_t i = 0; i < n; i++) {
                    bool same = got[i] == (graft_real)expected[i] ||
                                (isnan(got[i]) && isnan(expected[i]));
                    if (!same) {
                        fail_msg("%s %s row %zu entry %zu: %a, decoder %a",
                                 graft_cpu_level_name(kernels->level), (*f)->name, row, i,
                                 (double)got[i], (double)expected[i]);
                    }
                }
            }
            test_guarded_release();
        }
    }
}

static void decoded_rows(void **state)
{
    (void)state;
    test_each_level(&rng, decode_at_level);
}

static void products_allocate_nothing(void **state)
{
    (void)state;
    graft_kernels kernels;
    assert_ok(graft_kernels_init(&kernels, GRAFT_CPU_PORTABLE, false));
    graft_weight w = test_random_weight(&rng, &graft_format_f16, 40, 40);
    graft_workspace ws = test_workspace(&kernels);
    graft_real *x = test_random(&rng, 160), *y = test_random(&rng, 160);
    uint64_t before = graft_alloc_count();
    run(&kernels, &ws, y, x, &w, 4, false, GRAFT_REAL(1.0), false);
    run(&kernels, &ws, y, x, &w, 0, false, GRAFT_REAL(1.0), false); /* no rows: nothing to do */
    assert_int_equal(graft_alloc_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_format, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_do_not_know_their_neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_change_no_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(outer_products, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_of_terms, setup, teardown),
        cmocka_unit_test_setup_teardown(wide_panels, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_scales_stay_where_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(decoded_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(products_allocate_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
