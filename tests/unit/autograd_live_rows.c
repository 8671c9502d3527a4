/* Rows that the way back leaves out: which they are, how the others are moved, and what of the gradients of a map
 * stays as it is. */
#include "autograd/live_rows.h"

#include <math.h>
#include <string.h>

#include "autograd/ops.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "core/rng.h"
#include "support/test.h"

enum { N = 50, COLS = 300 };

/* Calls the test with activations in single precision and in bfloat16. */
static void both_widths(void (*test)(graft_compute *compute))
{
    for (int half = 0; half < 2; half++) {
        graft_compute compute;
        assert_ok(graft_compute_init(&compute, GRAFT_CPU_PORTABLE, half != 0));
        assert_ok(graft_compute_prepare(&compute, 32));
        test(&compute);
        graft_compute_clear(&compute);
    }
}

/* The gradient of a new tensor, all elements of row i alike. */
static graft_tensor *with_grads(graft_tape *tape, size_t n_cols, bool act, const graft_real *rows)
{
    graft_tensor *t = NULL;
    const graft_kernels *kernels = &tape->compute->kernels;
    size_t size = act ? kernels->act_bytes : sizeof(graft_real);
    assert_ok(graft_tensor_new(tape, &t, N, n_cols, act, true));
    assert_ok(act ? graft_tensor_grad_new(tape, t) : graft_tensor_grad_add(tape, t));
    for (size_t i = 0; i < N; i++) {
        graft_real row[COLS];
        for (size_t k = 0; k < n_cols; k++) {
            row[k] = k % 2 == 0 ? rows[i] : -rows[i];
        }
        char *to = (char *)t->grad + i * t->ld * size;
        if (act) {
            kernels->to_act(to, t->ld, row, n_cols, 1, n_cols);
        } else {
            memcpy(to, row, n_cols * sizeof *row);
        }
    }
    return t;
}

static bool has(const graft_live_rows *live, uint32_t row)
{
    for (size_t i = 0; i < live->n; i++) {
        if (live->rows[i] == row) {
            return true;
        }
    }
    return false;
}

static void found(graft_compute *compute)
{
    graft_tape tape;
    graft_real some[N] = {0}, others[N] = {0};
    graft_live_rows live;
    some[3] = 1;
    some[7] = GRAFT_REAL(0x1p-90); /* its square is nothing in single precision */
    some[9] = (graft_real)NAN;
    others[20] = GRAFT_REAL(-2.0);
    graft_tape_begin(&tape, compute, true);
    for (int act = 0; act < 2; act++) {
        graft_tensor *both[] = {with_grads(&tape, COLS, act != 0, some),
                                with_grads(&tape, 7, true, others)};
        assert_ok(graft_live_rows_find(&tape, &live, both, 2, 0));
        assert_int_equal(live.of, N);
        assert_int_equal(live.n, 4); /* zeros of both signs are zeros */
        assert_true(has(&live, 3) && has(&live, 7) && has(&live, 9) && has(&live, 20));
        assert_ok(graft_live_rows_find(&tape, &live, both, 1, 0));
        assert_true(live.n == 3 && live.rows[0] == 3 && live.rows[2] == 9);
        assert_ok(graft_live_rows_find(&tape, &live, both, 2, 0.5));
        assert_int_equal(live.n, N); /* beside what is no number nothing is small */
    }
}

static void which_rows(void **state)
{
    (void)state;
    both_widths(found);
}

static void shares(graft_compute *compute)
{
    graft_tape tape;
    graft_real rows[N], nothing[N] = {0};
    graft_live_rows live;
    for (size_t i = 0; i < N; i++) {
        rows[i] = i % 5 == 0 ? 1 : GRAFT_REAL(0.0625); /* mean square 0.203, small rows 0.0039 */
    }
    graft_tape_begin(&tape, compute, true);
    for (int act = 0; act < 2; act++) {
        graft_tensor *t = with_grads(&tape, COLS, act != 0, rows);
        assert_ok(graft_live_rows_find(&tape, &live, &t, 1, 1.0 / 50));
        assert_int_equal(live.n, N / 5);
        for (size_t i = 0; i < live.n; i++) {
            assert_int_equal(live.rows[i], 5 * i);
        }
        assert_ok(graft_live_rows_find(&tape, &live, &t, 1, 1.0 / 54));
        assert_int_equal(live.n, N);
        t = with_grads(&tape, COLS, act != 0, nothing);
        assert_ok(graft_live_rows_find(&tape, &live, &t, 1, 0));
        assert_int_equal(live.n, 0);
    }
}

static void which_share(void **state)
{
    (void)state;
    both_widths(shares);
}

static void gathered_and_spread(void **state)
{
    enum { ROW = 2500 }; /* three jobs */
    static const uint32_t rows[] = {0, 1, 5, 6, N - 1};
    const graft_live_rows live = {rows, 5, N}, all = {NULL, N, N};
    unsigned char *matrix = NULL, *to = NULL;
    (void)state;
    assert_ok(graft_alloc(&matrix, N, ROW));
    assert_ok(graft_alloc(&to, N, ROW));
    for (size_t i = 0; i < (size_t)N * ROW; i++) {
        matrix[i] = (unsigned char)(1 + i / ROW + i % ROW % 7);
    }
    graft_live_rows_gather(&all, matrix, matrix, ROW);
    graft_live_rows_gather(&live, to, matrix, ROW);
    graft_live_rows_gather(&live, matrix, matrix, ROW);
    assert_memory_equal(matrix, to, 5 * ROW);
    graft_live_rows_spread(&all, matrix, ROW);
    graft_live_rows_spread(&live, matrix, ROW);
    for (size_t i = 0; i < (size_t)N * ROW; i++) {
        bool there = has(&live, (uint32_t)(i / ROW));
        assert_int_equal(matrix[i], there ? 1 + i / ROW + i % ROW % 7 : 0);
    }
    graft_free(matrix);
    graft_free(to);
}

/* --- maps --- */

enum { N_IN = 128, N_OUT = 64, RANK = 4 };

typedef struct grads {
    graft_real *in, a[RANK * N_IN], b[N_OUT * RANK]; /* in: [N, N_IN] */
} grads;

static void fill(graft_real *x, size_t n, uint64_t seed)
{
    graft_rng rng;
    graft_rng_init(&rng, seed, GRAFT_RNG_TEST, 5);
    for (size_t i = 0; i < n; i++) {
        x[i] = (graft_real)graft_rng_normal(&rng);
    }
}

/* Gradients of a map whose output has rows of this size. dropout: of what goes into its low-rank part. */
static void run_map(graft_compute *compute, const graft_real *sizes, graft_real dropout, grads *out)
{
    static graft_real w[N_OUT * N_IN], a[RANK * N_IN], b[N_OUT * RANK], x[N * N_IN], dy[N * N_OUT];
    graft_tape tape;
    const graft_kernels *kernels = &compute->kernels;
    graft_tensor *in = NULL, *onto = NULL, *y = NULL;
    fill(w, N_OUT * N_IN, 1);
    fill(a, RANK * N_IN, 2);
    fill(b, N_OUT * RANK, 3);
    fill(x, N * N_IN, 4);
    fill(dy, N * N_OUT, 5);
    memset(out->a, 0, sizeof out->a);
    memset(out->b, 0, sizeof out->b);
    graft_weight weight = graft_weight_dense(w, N_OUT, N_IN);
    graft_low_rank part = {.a = {a, out->a, RANK, N_IN}, .b = {b, out->b, N_OUT, RANK},
                           .scale = GRAFT_REAL(0.5), .dropout = dropout};
    graft_linear map = {.w = &weight, .low_rank = &part};
    graft_tape_begin(&tape, compute, true);
    assert_ok(graft_tensor_new(&tape, &in, N, N_IN, true, true));
    assert_ok(graft_tensor_new(&tape, &onto, N, N_OUT, false, true));
    kernels->to_act(in->data, in->ld, x, N_IN, N, N_IN);
    memset(onto->data, 0, sizeof dy);
    graft_feed feed = {.kind = GRAFT_FEED_PLAIN, .x = in};
    assert_ok(graft_op_linears(&tape, &y, &feed, &map, 1, onto, false));
    assert_ok(graft_tensor_grad_add(&tape, y));
    for (size_t i = 0; i < (size_t)N * N_OUT; i++) {
        ((graft_real *)y->grad)[i] = sizes[i / N_OUT] * dy[i];
    }
    assert_ok(graft_tape_backward(&tape));
    assert_ptr_equal(onto->grad, y->grad); /* what flows along the stream is whole */
    assert_ok(graft_alloc(&out->in, (size_t)N * N_IN, sizeof *out->in));
    for (size_t i = 0; i < (size_t)N * N_IN; i++) {
        size_t at = i / N_IN * in->ld + i % N_IN;
        uint32_t bits = kernels->half ? (uint32_t)((uint16_t *)in->grad)[at] << 16 : 0;
        float value;
        memcpy(&value, &bits, sizeof value);
        out->in[i] = kernels->half ? (graft_real)value : ((graft_real *)in->grad)[at];
    }
}

/* Rows of next to nothing: what goes back is nothing, and other rows are what they are when those are a little
 * larger; the factors of the map itself get what they got. */
static void faint_in_map(graft_compute *compute)
{
    for (int way = 0; way < 4; way++) {
        bool bytes = way % 2 != 0, drops = way / 2 != 0;
        graft_real dropout = drops ? GRAFT_REAL(0.25) : 0, sizes[N];
        static grads whole, faint, exact;
        for (size_t i = 0; i < N; i++) {
            sizes[i] = i % 3 != 1 ? 1 : bytes ? GRAFT_REAL(0.09) : GRAFT_REAL(0.04);
        } /* 0.0121 and 0.0024 of the mean square: above 1 / 256 and 1 / 1024 */
        compute->kernels.bytes = bytes;
        graft_compute_sparsify(compute);
        run_map(compute, sizes, dropout, &whole);
        for (size_t i = 1; i < N; i += 3) {
            sizes[i] = bytes ? GRAFT_REAL(0.04) : GRAFT_REAL(0.02); /* 0.0024, 0.0006: below them */
        }
        run_map(compute, sizes, dropout, &faint);
        compute->kernels.bytes = false;
        compute->left_out = (graft_left_out){0};
        run_map(compute, sizes, dropout, &exact);
        for (size_t row = 0; row < N; row++) {
            double largest[3] = {0};
            for (size_t i = row * N_IN; i < (row + 1) * N_IN; i++) {
                largest[0] = fmax(largest[0], fabs((double)whole.in[i]));
                largest[1] = fmax(largest[1], fabs((double)faint.in[i]));
                largest[2] = fmax(largest[2], fabs((double)exact.in[i]));
                assert_true(row % 3 == 1 || whole.in[i] == faint.in[i]);
            }
            assert_true(largest[0] > 0 && largest[2] > 0);
            /* with dropout the low-rank part goes back beside the map, for all rows */
            assert_true(row % 3 != 1 || drops || largest[1] == 0);
        }
        for (size_t i = 0; i < RANK * N_IN; i++) {
            assert_true(fabs((double)(faint.a[i] - exact.a[i])) <= 0.02 * (1 + fabs((double)exact.a[i])));
        }
        for (size_t i = 0; i < N_OUT * RANK; i++) {
            assert_true(fabs((double)(faint.b[i] - exact.b[i])) <= 0.02 * (1 + fabs((double)exact.b[i])));
        }
        graft_free(whole.in);
        graft_free(faint.in);
        graft_free(exact.in);
    }
}

static void faint_rows(void **state)
{
    (void)state;
    both_widths(faint_in_map);
}

/* --- maps behind a norm --- */

enum { N_MAPS = 3 }; /* the last two have one A */

typedef struct norm_grads {
    graft_real in[N * N_IN], a[2][RANK * N_IN], b[N_MAPS][N_OUT * RANK];
} norm_grads;

/* sizes: of the rows that go back into each map. */
static void run_norm(graft_compute *compute, const graft_real sizes[N_MAPS][N], graft_real dropout,
                     norm_grads *out)
{
    static graft_real w[N_MAPS][N_OUT * N_IN], a[2][RANK * N_IN], b[N_MAPS][N_OUT * RANK];
    static graft_real x[N * N_IN], dy[N * N_OUT], gain[N_IN];
    graft_tape tape;
    graft_weight weights[N_MAPS];
    graft_low_rank parts[N_MAPS];
    graft_linear maps[N_MAPS];
    graft_tensor *in = NULL, *ys[N_MAPS];
    memset(out, 0, sizeof *out);
    fill(x, N * N_IN, 4);
    fill(gain, N_IN, 6);
    for (size_t m = 0; m < N_MAPS; m++) {
        size_t owner = m > 0;
        fill(w[m], N_OUT * N_IN, 10 + m);
        fill(a[owner], RANK * N_IN, 20 + owner);
        fill(b[m], N_OUT * RANK, 30 + m);
        weights[m] = graft_weight_dense(w[m], N_OUT, N_IN);
        parts[m] = (graft_low_rank){.a = {a[owner], out->a[owner], RANK, N_IN},
                                    .b = {b[m], out->b[m], N_OUT, RANK},
                                    .scale = GRAFT_REAL(0.5), .dropout = dropout};
        maps[m] = (graft_linear){.w = &weights[m], .low_rank = &parts[m]};
    }
    graft_tape_begin(&tape, compute, true);
    assert_ok(graft_tensor_new(&tape, &in, N, N_IN, false, true));
    memcpy(in->data, x, sizeof x);
    graft_feed feed = {.kind = GRAFT_FEED_NORM, .x = in, .gain = gain, .eps = GRAFT_REAL(1e-5)};
    assert_ok(graft_op_linears(&tape, ys, &feed, maps, N_MAPS, NULL, false));
    for (size_t m = 0; m < N_MAPS; m++) {
        assert_ok(graft_tensor_grad_new(&tape, ys[m]));
        fill(dy, N * N_OUT, 40 + m);
        for (size_t i = 0; i < (size_t)N * N_OUT; i++) {
            dy[i] *= sizes[m][i / N_OUT];
        }
        compute->kernels.to_act(ys[m]->grad, ys[m]->ld, dy, N_OUT, N, N_OUT);
    }
    assert_ok(graft_tape_backward(&tape));
    memcpy(out->in, in->grad, sizeof out->in);
}

static void near(const graft_real *x, const graft_real *y, size_t n, double bound)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fabs((double)y[i]) > largest ? fabs((double)y[i]) : largest;
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs((double)(x[i] - y[i])) <= bound * largest); /* not of NaN */
    }
}

/* Rows that are zeros in all maps are gone for all that is computed; what comes out is what rows of next to
 * nothing give. */
static void zeros_in_norm(graft_compute *compute)
{
    for (int way = 0; way < 4; way++) {
        static norm_grads zeros, tiny;
        graft_real sizes[N_MAPS][N], dropout = way / 2 != 0 ? GRAFT_REAL(0.25) : 0;
        compute->kernels.bytes = way % 2 != 0;
        graft_compute_sparsify(compute); /* what is next to nothing is left out elsewhere */
        for (int nothing = 0; nothing < 2; nothing++) {
            for (size_t i = 0; i < (size_t)N_MAPS * N; i++) {
                bool here = i / N == i % N % 5 || i % N % 5 > N_MAPS; /* one map, none, or all */
                sizes[i / N][i % N] = here ? 1 : nothing != 0 ? 0 : GRAFT_REAL(1e-15);
            }
            run_norm(compute, sizes, dropout, nothing != 0 ? &zeros : &tiny);
        }
        near(zeros.in, tiny.in, N * N_IN, 1e-5);
        near(zeros.a[0], tiny.a[0], RANK * N_IN, 1e-5);
        near(zeros.a[1], tiny.a[1], RANK * N_IN, 1e-5);
        for (size_t m = 0; m < N_MAPS; m++) {
            near(zeros.b[m], tiny.b[m], N_OUT * RANK, 1e-5);
        }
        for (size_t i = 0; i < (size_t)N * N_IN; i++) {
            assert_true(i / N_IN % 5 != N_MAPS || (zeros.in[i] == 0 && tiny.in[i] != 0));
        }
        memset(sizes, 0, sizeof sizes);
        run_norm(compute, sizes, dropout, &zeros);
        for (size_t i = 0; i < sizeof zeros / sizeof(graft_real); i++) {
            assert_true(((graft_real *)&zeros)[i] == 0);
        }
    }
    compute->kernels.bytes = false;
    compute->left_out = (graft_left_out){0};
}

static void zero_rows(void **state)
{
    (void)state;
    both_widths(zeros_in_norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_rows),
        cmocka_unit_test(which_share),
        cmocka_unit_test(gathered_and_spread),
        cmocka_unit_test(faint_rows),
        cmocka_unit_test(zero_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
