/* Ops at the levels of this machine: that layouts, caches and threads change no bit of attention
 * with a window and a cap, and what is not differentiated. */
#include <math.h>
#include <string.h>

#include "autograd/ops.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "support/test.h"

enum { TRUNK = 150, LEAF = 90, N_TREE = TRUNK + 2 * LEAF, N_PLAIN = 2 * (TRUNK + LEAF) };
enum { N_HEAD = 4, N_KV = 2, D_HEAD = 32, WIDTH = N_HEAD * D_HEAD, KV_WIDTH = N_KV * D_HEAD };

/* Calls the test for every level, with the activations that it is made for. */
static void each_level(void (*test)(graft_compute *compute))
{
    for (int i = 0; i < 2 * GRAFT_CPU_N_LEVELS; i++) {
        graft_cpu_level level = (graft_cpu_level)(i / 2);
        bool half = i % 2 != 0;
        graft_compute compute;
        if (!graft_cpu_has(level) || (half && !graft_kernels_know_half(level))) {
            continue;
        }
        assert_ok(graft_compute_init(&compute, level, half));
        assert_ok(graft_compute_prepare(&compute, D_HEAD));
        test(&compute);
        graft_compute_clear(&compute);
    }
}

static graft_real *random_reals(size_t n, uint64_t seed)
{
    graft_real *x = NULL;
    graft_rng rng;
    graft_rng_init(&rng, seed, GRAFT_RNG_TEST, 5);
    assert_ok(graft_alloc(&x, n, sizeof *x));
    for (size_t i = 0; i < n; i++) {
        x[i] = (graft_real)graft_rng_normal(&rng);
    }
    return x;
}

/* --- attention: a trunk with two leaves, and the same as two spans --- */

static const graft_span tree_spans[] = {
    {0, TRUNK, 0, TRUNK, -1, 0},
    {TRUNK, LEAF, TRUNK, LEAF, 0, TRUNK},
    {TRUNK + LEAF, LEAF, TRUNK + LEAF, LEAF, 0, TRUNK},
};
static const graft_span plain_spans[] = {
    {0, TRUNK + LEAF, 0, TRUNK + LEAF, -1, 0},
    {TRUNK + LEAF, TRUNK + LEAF, TRUNK + LEAF, TRUNK + LEAF, -1, 0},
};

/* The row of the tree that stands in this row of the plain layout. */
static size_t tree_row(size_t plain)
{
    size_t at = plain % (TRUNK + LEAF);
    return at < TRUNK ? at : at + plain / (TRUNK + LEAF) * LEAF;
}

/* Random numbers by tree row, [N_TREE][3 * WIDTH]: q, k and v; and the gradient of the output. */
static graft_real *numbers, *douts;

typedef struct attended {
    graft_tensor *q, *k, *v, *out;
    graft_act *result; /* what out was before gradients came */
} attended;

static void fill(const graft_kernels *kernels, graft_tensor *to, const graft_real *from,
                 size_t ld, size_t n_rows, bool plain)
{
    for (size_t i = 0; i < n_rows; i++) {
        kernels->to_act((char *)to->data + i * to->ld * kernels->act_bytes, to->ld,
                        from + (plain ? tree_row(i) : i) * ld, ld, 1, to->n_cols);
    }
}

static const graft_attention_shape shape = {N_HEAD, N_KV, D_HEAD, GRAFT_REAL(0.3),
                                            GRAFT_REAL(1.5), 100};

/* Forward and backward over one of the layouts; of a row that the plain one has twice, the output's
 * gradient counts once. */
static attended attend(graft_compute *compute, graft_tape *tape, bool plain)
{
    attended a = {NULL};
    const graft_kernels *kernels = &compute->kernels;
    size_t n = plain ? N_PLAIN : N_TREE;
    graft_pass pass = {.n_tok = n, .spans = plain ? plain_spans : tree_spans,
                       .n_spans = plain ? 2 : 3};
    graft_tape_begin(tape, compute, true);
    assert_ok(graft_tensor_new(tape, &a.q, n, WIDTH, true, true));
    assert_ok(graft_tensor_new(tape, &a.k, n, KV_WIDTH, true, true));
    assert_ok(graft_tensor_new(tape, &a.v, n, KV_WIDTH, true, true));
    fill(kernels, a.q, numbers, 3 * WIDTH, n, plain);
    fill(kernels, a.k, numbers + WIDTH, 3 * WIDTH, n, plain);
    fill(kernels, a.v, numbers + 2 * WIDTH, 3 * WIDTH, n, plain);
    assert_ok(graft_op_attention(tape, &a.out, a.q, a.k, a.v, &pass, &shape, NULL));
    assert_ok(graft_act_alloc(tape, &a.result, n, WIDTH));
    memcpy(a.result, a.out->data, n * a.out->ld * kernels->act_bytes);
    assert_ok(graft_tensor_grad_new(tape, a.out));
    memset(a.out->grad, 0, n * a.out->ld * kernels->act_bytes);
    for (size_t i = 0; i < n; i++) {
        if (!plain || i < TRUNK + LEAF || tree_row(i) >= TRUNK) {
            kernels->to_act((char *)a.out->grad + i * a.out->ld * kernels->act_bytes, a.out->ld,
                            douts + (plain ? tree_row(i) : i) * WIDTH, WIDTH, 1, WIDTH);
        }
    }
    assert_ok(graft_tape_backward(tape));
    return a;
}

static void *copy_of(const void *data, size_t bytes)
{
    char *copy = NULL;
    assert_ok(graft_alloc(&copy, bytes, 1));
    memcpy(copy, data, bytes);
    return copy;
}

static double act_at(const graft_kernels *kernels, const void *data, size_t at)
{
    if (kernels->half) {
        uint32_t bits = (uint32_t)((const uint16_t *)data)[at] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    return (double)((const graft_real *)data)[at];
}

/* Gradients of the tree, summed over the rows of the plain layout. */
static void compare_sums(const graft_kernels *kernels, const void *tree, const void *plain,
                         size_t ld, size_t n_cols)
{
    double tolerance = kernels->half ? 0.02 : 1e-5, largest = 0;
    for (size_t i = 0; i < N_TREE; i++) {
        for (size_t c = 0; c < n_cols; c++) {
            double sum = 0, got = act_at(kernels, tree, i * ld + c);
            for (size_t row = 0; row < N_PLAIN; row++) {
                sum += tree_row(row) == i ? act_at(kernels, plain, row * ld + c) : 0;
            }
            largest = fmax(largest, fabs(got));
            assert_true(fabs(sum - got) <= tolerance * (1 + fabs(got)));
        }
    }
    assert_true(largest > 0.1);
}

static void layouts_at_level(graft_compute *compute)
{
    graft_tape tape;
    const graft_kernels *kernels = &compute->kernels;
    attended tree = attend(compute, &tape, false);
    size_t bytes = tree.q->ld * kernels->act_bytes, kv_bytes = tree.k->ld * kernels->act_bytes;
    char *out = copy_of(tree.result, N_TREE * bytes);
    void *grads[3] = {copy_of(tree.q->grad, N_TREE * bytes),
                      copy_of(tree.k->grad, N_TREE * kv_bytes),
                      copy_of(tree.v->grad, N_TREE * kv_bytes)};
    attended plain = attend(compute, &tape, true);
    for (size_t i = 0; i < N_PLAIN; i++) {
        assert_memory_equal((char *)plain.result + i * bytes, out + tree_row(i) * bytes,
                            WIDTH * kernels->act_bytes);
    }
    compare_sums(kernels, grads[0], plain.q->grad, plain.q->ld, WIDTH);
    compare_sums(kernels, grads[1], plain.k->grad, plain.k->ld, KV_WIDTH);
    compare_sums(kernels, grads[2], plain.v->grad, plain.v->ld, KV_WIDTH);
    graft_free(out);
    for (size_t i = 0; i < 3; i++) {
        graft_free(grads[i]);
    }
}

static void threads_at_level(graft_compute *compute)
{
    graft_tape tape;
    const graft_kernels *kernels = &compute->kernels;
    char *first[4] = {NULL};
    for (int n = 1; n <= 3; n++) {
        graft_threads_set(n);
        assert_ok(graft_compute_prepare(compute, D_HEAD));
        attended a = attend(compute, &tape, false);
        const void *now[4] = {a.result, a.q->grad, a.k->grad, a.v->grad};
        const size_t lds[4] = {a.q->ld, a.q->ld, a.k->ld, a.v->ld};
        const size_t widths[4] = {WIDTH, WIDTH, KV_WIDTH, KV_WIDTH};
        for (size_t i = 0; i < 4; i++) {
            size_t bytes = ((N_TREE - 1) * lds[i] + widths[i]) * kernels->act_bytes;
            if (n == 1) {
                first[i] = copy_of(now[i], bytes);
            }
            for (size_t row = 0; row < N_TREE; row++) {
                size_t at = row * lds[i] * kernels->act_bytes;
                assert_memory_equal((const char *)now[i] + at, first[i] + at,
                                    widths[i] * kernels->act_bytes);
            }
        }
    }
    for (size_t i = 0; i < 4; i++) {
        graft_free(first[i]);
    }
    graft_threads_set(0);
}

/* The first of the plain spans token by token and in larger pieces behind a cache, beside another
 * conversation: the same bits as at once. */
static void cached_at_level(graft_compute *compute)
{
    static const size_t steps[] = {100, 1, 1, 61, 1, 30, 46};
    enum { N = TRUNK + LEAF, OTHER = 20 };
    graft_tape tape;
    const graft_kernels *kernels = &compute->kernels;
    attended whole = attend(compute, &tape, true);
    size_t bytes = whole.q->ld * kernels->act_bytes, kv_bytes = whole.k->ld * kernels->act_bytes;
    char *out = copy_of(whole.out->data, N * bytes);
    char *q = copy_of(whole.q->data, N * bytes), *k = copy_of(whole.k->data, N * kv_bytes);
    char *v = copy_of(whole.v->data, N * kv_bytes);
    graft_key_cache cache = {NULL, NULL, N + OTHER};
    assert_ok(graft_alloc(&cache.k, (N + OTHER) * kv_bytes, 1));
    assert_ok(graft_alloc(&cache.v, (N + OTHER) * kv_bytes, 1));
    for (size_t s = 0, at = 0; s < sizeof steps / sizeof *steps; at += steps[s++]) {
        attended a = {NULL};
        uint32_t n = (uint32_t)steps[s];
        graft_span spans[] = {{0, n, 0, (uint32_t)at + n, -1, 0},
                              {n, 1, N, 1 + (uint32_t)s, -1, 0}};
        graft_pass pass = {.n_tok = n + 1, .spans = spans, .n_spans = 2};
        graft_tape_begin(&tape, compute, false);
        assert_ok(graft_tensor_new(&tape, &a.q, n + 1, WIDTH, true, false));
        assert_ok(graft_tensor_new(&tape, &a.k, n + 1, KV_WIDTH, true, false));
        assert_ok(graft_tensor_new(&tape, &a.v, n + 1, KV_WIDTH, true, false));
        memcpy(a.q->data, q + at * bytes, n * bytes);
        memcpy(a.k->data, k + at * kv_bytes, n * kv_bytes);
        memcpy(a.v->data, v + at * kv_bytes, n * kv_bytes);
        memcpy((char *)a.q->data + n * bytes, q + s * bytes, bytes);
        memcpy((char *)a.k->data + n * kv_bytes, k + (N - 1 - s) * kv_bytes, kv_bytes);
        memcpy((char *)a.v->data + n * kv_bytes, v + (N - 1 - s) * kv_bytes, kv_bytes);
        assert_ok(graft_op_attention(&tape, &a.out, a.q, a.k, a.v, &pass, &shape, &cache));
        for (size_t i = 0; i < n; i++) {
            assert_memory_equal((char *)a.out->data + i * bytes, out + (at + i) * bytes,
                                WIDTH * kernels->act_bytes);
        }
    }
    void *all[] = {out, q, k, v, cache.k, cache.v};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        graft_free(all[i]);
    }
}

static int numbers_new(void **state)
{
    (void)state;
    numbers = random_reals((size_t)N_TREE * 3 * WIDTH, 1);
    douts = random_reals((size_t)N_TREE * WIDTH, 2);
    return 0;
}

static int numbers_free(void **state)
{
    (void)state;
    graft_free(numbers);
    graft_free(douts);
    return 0;
}

static void shared_equals_plain(void **state)
{
    (void)state;
    each_level(layouts_at_level);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    each_level(threads_at_level);
}

static void cached_equals_whole(void **state)
{
    (void)state;
    each_level(cached_at_level);
}

/* --- linear maps --- */

enum { N_IN = 2500, N_OUT = 71, N_TOK = 5 }; /* the reduction is several panels long */

/* Bias and scale, onto a stream and without one. */
static void biased_at_level(graft_compute *compute)
{
    graft_tape tape;
    const graft_kernels *kernels = &compute->kernels;
    graft_real *w = random_reals((size_t)N_OUT * N_IN, 3), *bias = random_reals(N_OUT, 4);
    graft_real *x = random_reals((size_t)N_TOK * N_IN, 5);
    graft_real *stream = random_reals((size_t)N_TOK * N_OUT, 6);
    graft_weight weight = graft_weight_dense(w, N_OUT, N_IN);
    for (size_t i = 0; i < (size_t)N_TOK * N_IN; i++) { /* both are bfloat16 as they are */
        x[i] = (graft_real)(int)(4 * x[i]) / 8;
    }
    for (size_t i = 0; i < (size_t)N_OUT * N_IN; i++) {
        w[i] = (graft_real)(int)(4 * w[i]) / 64;
    }
    for (int kind = 0; kind < 4; kind++) {
        bool residual = kind % 2 != 0, scaled = kind >= 2;
        graft_tensor *in = NULL, *out = NULL, *onto = NULL;
        graft_linear map = {.w = &weight, .bias = bias, .scale = scaled ? GRAFT_REAL(0.25) : 0};
        graft_tape_begin(&tape, compute, false);
        assert_ok(graft_tensor_new(&tape, &in, N_TOK, N_IN, true, false));
        assert_ok(graft_tensor_new(&tape, &onto, N_TOK, N_OUT, false, false));
        kernels->to_act(in->data, in->ld, x, N_IN, N_TOK, N_IN);
        memcpy(onto->data, stream, sizeof *stream * N_TOK * N_OUT);
        graft_feed feed = {.kind = GRAFT_FEED_PLAIN, .x = in};
        assert_ok(graft_op_linears(&tape, &out, &feed, &map, 1, residual ? onto : NULL, false));
        for (size_t i = 0; i < (size_t)N_TOK * N_OUT; i++) {
            size_t row = i / N_OUT, col = i % N_OUT;
            double sum = 0, got;
            for (size_t k = 0; k < N_IN; k++) {
                sum += (double)x[row * N_IN + k] * (double)w[col * N_IN + k];
            }
            sum = (sum + (double)bias[col]) * (scaled ? 0.25 : 1);
            sum += residual ? (double)stream[i] : 0;
            got = residual ? (double)*(graft_tensor_reals(out, row) + col)
                           : act_at(kernels, out->data, row * out->ld + col);
            double tolerance = !residual && kernels->half ? 0x1p-8 : 2e-6;
            assert_true(fabs(got - sum) <= tolerance * (2 + fabs(sum)));
        }
    }
    void *all[] = {w, bias, x, stream};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        graft_free(all[i]);
    }
}

static void bias_and_scale(void **state)
{
    (void)state;
    each_level(biased_at_level);
}

enum { SHARED_IN = 192, SHARED_OUT = 40, SHARED_TOK = 70, RANK = 4, N_SHARED = 3 };

/* Gradients of three maps that are rows of one, so that they have the same A, for any number of
 * threads. */
static void shared_a_at_level(graft_compute *compute)
{
    enum { N_A = RANK * SHARED_IN, N_W = N_SHARED * SHARED_OUT * SHARED_IN };
    graft_tape tape;
    const graft_kernels *kernels = &compute->kernels;
    graft_real *w = random_reals(N_W, 11), *a = random_reals(2 * N_A, 12), first[N_A];
    graft_real *b = random_reals((size_t)N_SHARED * SHARED_OUT * RANK, 13);
    graft_real *x = random_reals((size_t)SHARED_TOK * SHARED_IN, 14);
    for (int n = 1; n <= 3; n++) {
        graft_weight weights[N_SHARED];
        graft_low_rank parts[N_SHARED];
        graft_linear maps[N_SHARED];
        graft_tensor *in = NULL, *outs[N_SHARED] = {NULL};
        graft_threads_set(n);
        assert_ok(graft_compute_prepare(compute, D_HEAD));
        memset(a + N_A, 0, N_A * sizeof *a);
        graft_tape_begin(&tape, compute, true);
        assert_ok(graft_tensor_new(&tape, &in, SHARED_TOK, SHARED_IN, true, false));
        kernels->to_act(in->data, in->ld, x, SHARED_IN, SHARED_TOK, SHARED_IN);
        for (size_t i = 0; i < N_SHARED; i++) {
            weights[i] = graft_weight_dense(w + i * SHARED_OUT * SHARED_IN, SHARED_OUT, SHARED_IN);
            parts[i] = (graft_low_rank){.a = {a, a + N_A, RANK, SHARED_IN},
                                        .b = {b + i * SHARED_OUT * RANK, NULL, SHARED_OUT, RANK},
                                        .scale = GRAFT_REAL(0.5)};
            maps[i] = (graft_linear){.w = &weights[i], .low_rank = &parts[i]};
        }
        graft_feed feed = {.kind = GRAFT_FEED_PLAIN, .x = in};
        assert_ok(graft_op_linears(&tape, outs, &feed, maps, N_SHARED, NULL, false));
        for (size_t i = 0; i < N_SHARED; i++) {
            assert_ok(graft_tensor_grad_new(&tape, outs[i]));
            memcpy(outs[i]->grad, outs[i]->data, SHARED_TOK * outs[i]->ld * kernels->act_bytes);
        }
        assert_ok(graft_tape_backward(&tape));
        if (n == 1) {
            memcpy(first, a + N_A, sizeof first);
        }
        assert_memory_equal(a + N_A, first, sizeof first);
    }
    graft_threads_set(0);
    void *all[] = {w, a, b, x};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        graft_free(all[i]);
    }
}

static void shared_a(void **state)
{
    (void)state;
    each_level(shared_a_at_level);
}

static void scales_of_one_feed(void **state)
{
    graft_compute compute;
    graft_tape tape;
    graft_tensor *in = NULL, *outs[2] = {NULL, NULL};
    graft_real w[6] = {0};
    graft_weight weight = graft_weight_dense(w, 2, 3);
    graft_linear maps[2] = {{.w = &weight}, {.w = &weight, .scale = GRAFT_REAL(0.5)}};
    (void)state;
    assert_ok(graft_compute_init(&compute, GRAFT_CPU_PORTABLE, false));
    graft_tape_begin(&tape, &compute, false);
    assert_ok(graft_tensor_new(&tape, &in, 1, 3, true, false));
    graft_feed feed = {.kind = GRAFT_FEED_PLAIN, .x = in};
    assert_fails(graft_op_linears(&tape, outs, &feed, maps, 2, NULL, false), GRAFT_E_FAILED,
                 "maps that share what goes in differ in scale");
    graft_compute_clear(&compute);
}

/* --- both ends of a model --- */

static void scaled_embedding(void **state)
{
    enum { N_VOCAB = 9, N_EMBD = 21 };
    static const int32_t ids[] = {8, 0, 3, 3};
    graft_compute compute;
    graft_tape tape;
    graft_tensor *plain = NULL, *scaled = NULL;
    graft_real *w = random_reals(N_VOCAB * N_EMBD, 7);
    graft_weight weight = graft_weight_dense(w, N_VOCAB, N_EMBD);
    (void)state;
    assert_ok(graft_compute_init(&compute, GRAFT_CPU_PORTABLE, false));
    graft_tape_begin(&tape, &compute, false);
    assert_ok(graft_op_embedding(&tape, &plain, &weight, ids, 4, 0, false));
    assert_ok(graft_op_embedding(&tape, &scaled, &weight, ids, 4, GRAFT_REAL(4.5), false));
    for (size_t i = 0; i < 4 * N_EMBD; i++) {
        graft_real value = w[(size_t)ids[i / N_EMBD] * N_EMBD + i % N_EMBD];
        assert_true(((graft_real *)plain->data)[i] == value);
        assert_true(((graft_real *)scaled->data)[i] == GRAFT_REAL(4.5) * value);
    }
    graft_free(w);
    graft_compute_clear(&compute);
}

/* Logits as the formula has them, and the loss's log-probabilities as the logits have them. */
static void head_at_level(graft_compute *compute)
{
    enum { N_VOCAB = 53, N_EMBD = 24, ROWS = 4 };
    graft_tape tape;
    graft_tensor *x = NULL, *logits = NULL;
    double loss = 0, tolerance = compute->kernels.half ? 0.06 : 1e-5;
    float logprobs[ROWS];
    int32_t best[ROWS];
    graft_real *w = random_reals(N_VOCAB * N_EMBD, 8), *gain = random_reals(N_EMBD, 9);
    graft_real *stream = random_reals(ROWS * N_EMBD, 10);
    graft_weight weight = graft_weight_dense(w, N_VOCAB, N_EMBD);
    graft_head head = {&weight, gain, GRAFT_REAL(1e-5), GRAFT_REAL(0.7), GRAFT_REAL(3.0)};
    graft_prediction predictions[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        predictions[i] = (graft_prediction){i, (int32_t)(11 * i), 1.0f, 0, i};
    }
    graft_tape_begin(&tape, compute, false);
    assert_ok(graft_tensor_new(&tape, &x, ROWS, N_EMBD, false, false));
    memcpy(x->data, stream, sizeof *stream * ROWS * N_EMBD);
    assert_ok(graft_op_logits(&tape, &logits, x, &head));
    assert_ok(graft_op_head_loss(&tape, &loss, logprobs, best, x, &head, predictions, 1.0));
    for (size_t i = 0; i < ROWS; i++) {
        const graft_real *row = stream + i * N_EMBD;
        double square = 0, sum = 0;
        for (size_t k = 0; k < N_EMBD; k++) {
            square += (double)row[k] * (double)row[k] / N_EMBD;
        }
        for (size_t v = 0; v < N_VOCAB; v++) {
            double z = 0, got = (double)graft_tensor_reals(logits, i)[v];
            for (size_t k = 0; k < N_EMBD; k++) {
                z += (double)row[k] / sqrt(square + 1e-5) * (double)gain[k] *
                     (double)w[v * N_EMBD + k];
            }
            assert_true(fabs(got - 3 * tanh(0.7 * z / 3)) <= tolerance);
            sum += exp(got);
            assert_true(graft_tensor_reals(logits, i)[best[i]] >= graft_tensor_reals(logits, i)[v]);
        }
        double target = (double)graft_tensor_reals(logits, i)[predictions[i].target];
        assert_true(fabs((double)logprobs[i] - (target - log(sum))) <= 1e-5);
    }
    graft_free(w);
    graft_free(gain);
    graft_free(stream);
}

static void capped_logits(void **state)
{
    (void)state;
    each_level(head_at_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shared_equals_plain, numbers_new, numbers_free),
        cmocka_unit_test_setup_teardown(threads_change_no_bit, numbers_new, numbers_free),
        cmocka_unit_test_setup_teardown(cached_equals_whole, numbers_new, numbers_free),
        cmocka_unit_test(bias_and_scale),
        cmocka_unit_test(shared_a),
        cmocka_unit_test(scales_of_one_feed),
        cmocka_unit_test(scaled_embedding),
        cmocka_unit_test(capped_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
