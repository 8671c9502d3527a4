/* The products of level amx with its tiles emulated, against those of avx512bf16: the same panels,
 * the same operands, other sums. On a machine that has tiles tests/kernels/product.c runs the real
 * ones as well. */
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,f16c,avx2")
#define GRAFT_AMX_EMULATED
#include "kernels/amx/gemm.c"
#endif

#include "support/kernels.h"

#include <math.h>

#include "core/threads.h"
#include "kernels/portable/act.h"

#if defined(__x86_64__)
static graft_rng rng;

static void compare(const graft_kernels *tiles, const graft_kernels *reference, size_t n_tok,
                    size_t n_out, size_t n_in, size_t rank)
{
    graft_weight w = test_random_weight(&rng, graft_format_by_name("F32"), n_out, n_in);
    graft_weight b = test_random_weight(&rng, graft_format_by_name("F32"), n_out, rank);
    graft_workspace ws = test_workspace(reference, n_tok, n_in + rank);
    graft_act *x = test_acts(reference, test_random(&rng, n_tok * n_in), n_tok, n_in);
    graft_act *h = test_acts(reference, test_random(&rng, n_tok * rank), n_tok, rank);
    graft_real *add = test_random(&rng, n_tok * n_out);
    graft_real *got = test_random(&rng, n_tok * n_out), *want = test_random(&rng, n_tok * n_out);
    graft_act *got_act = test_acts(reference, test_random(&rng, n_tok * n_out), n_tok, n_out);
    graft_product p[2] = {{.terms = {{x, graft_act_ld(reference, n_in), &w, false},
                                     {h, graft_act_ld(reference, rank), &b, false}},
                           .n_terms = 2, .y = got, .ldy = n_out, .scale = 0.5f, .add = add,
                           .ldadd = n_out}};
    p[1] = p[0];
    p[1].y = got_act;
    p[1].ldy = graft_act_ld(reference, n_out);
    p[1].y_act = true;
    graft_products_run(tiles, &ws, p, 2, n_tok);
    p[0].y = want;
    graft_products_run(reference, &ws, p, 1, n_tok);
    graft_real *rounded = test_reals(reference, got_act, n_tok, n_out);
    for (size_t i = 0; i < n_tok * n_out; i++) {
        double size = 1 + sqrt((double)n_in);
        if (!(fabs((double)(got[i] - want[i])) <= 1e-5 * size)) {
            fail_msg("%zux%zux%zu entry %zu: %.9g, without tiles %.9g", n_tok, n_out, n_in, i,
                     (double)got[i], (double)want[i]);
        }
        assert_true(rounded[i] == graft_bf16_to_f32(graft_f32_to_bf16(got[i])));
    }
    test_guarded_release();
}

static void like_pairs(void **state)
{
    static const size_t shapes[][4] = {{1, 1, 1, 1},    {16, 32, 64, 16},  {33, 130, 40, 5},
                                       {17, 70, 31, 3}, {32, 64, 32, 32},  {100, 20, 96, 16},
                                       {49, 96, 2300, 16}};
    graft_kernels reference, tiles;
    struct graft_gemm gemm;
    (void)state;
    if (!graft_cpu_has(GRAFT_CPU_AVX512BF16)) {
        print_message("skip: like_pairs: panels are made with AVX-512 BF16, which this CPU lacks\n");
        skip();
    }
    graft_rng_init(&rng, 5, GRAFT_RNG_TEST, 0);
    graft_threads_set(1); /* the emulated registers are those of the process */
    assert_ok(graft_kernels_init(&reference, GRAFT_CPU_AVX512BF16, true));
    tiles = reference;
    graft_amx_gemm(&tiles, &gemm);
    tiles.gemm = &gemm;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        compare(&tiles, &reference, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
    }
}

/* A row alone, among a few and among many: the same bits, whatever fills up its tile. */
static void rows_alone(void **state)
{
    enum { TOK = 70, OUT = 48, IN = 100 };
    graft_kernels tiles;
    struct graft_gemm gemm;
    (void)state;
    if (!graft_cpu_has(GRAFT_CPU_AVX512BF16)) {
        print_message("skip: rows_alone: panels are made with AVX-512 BF16, which this CPU lacks\n");
        skip();
    }
    graft_threads_set(1);
    assert_ok(graft_kernels_init(&tiles, GRAFT_CPU_AVX512BF16, true));
    graft_amx_gemm(&tiles, &gemm);
    tiles.gemm = &gemm;
    graft_weight w = test_random_weight(&rng, graft_format_by_name("F32"), OUT, IN);
    graft_workspace ws = test_workspace(&tiles, TOK, IN);
    graft_act *x = test_acts(&tiles, test_random(&rng, TOK * IN), TOK, IN);
    graft_real *all = test_random(&rng, TOK * OUT), *part = test_random(&rng, TOK * OUT);
    size_t ld = graft_act_ld(&tiles, IN);
    graft_product_run(&tiles, &ws, all, OUT, x, ld, &w, false, TOK, 1.0f, false);
    for (size_t group = 1; group < 40; group += 12) {
        for (size_t t = 0; t < TOK; t += group) {
            size_t n = TOK - t < group ? TOK - t : group;
            graft_product_run(&tiles, &ws, part + t * OUT, OUT, act_at(x, t * ld, true), ld, &w,
                              false, n, 1.0f, false);
        }
        test_same("rows", part, all, TOK * OUT);
    }
    test_guarded_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(like_pairs), cmocka_unit_test(rows_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void not_here(void **state)
{
    (void)state;
    print_message("skip: not_here: tiles are of x86-64\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
