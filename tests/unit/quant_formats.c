/* quant/format.h: the table, and what every block format must have in common. That the values are
 * ggml's, bit for bit, is what tests/oracle/test_quant.py shows. */
#include "support/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/half.h"
#include "quant/format.h"
#include "quant/grids.h"

static graft_rng rng;

static int setup(void **state)
{
    (void)state;
    graft_rng_init(&rng, 5, GRAFT_RNG_TEST, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_guarded_release();
    return 0;
}

static void lookups(void **state)
{
    (void)state;
    size_t n = 0;
    for (const graft_format *const *f = graft_formats; *f != NULL; f++, n++) {
        assert_ptr_equal(graft_format_find((*f)->ggml_type), *f);
        assert_ptr_equal(graft_format_by_name((*f)->name), *f);
        size_t elems = (*f)->block_elems;
        assert_true(elems == 1 || (elems >= 32 && elems <= 256 && (elems & (elems - 1)) == 0));
    }
    assert_int_equal(n, 28);
    assert_ptr_equal(graft_format_by_name("q4_k"), graft_format_by_name("Q4_K"));
    assert_ptr_equal(graft_format_find(0), &graft_format_f32);
    assert_ptr_equal(graft_format_find(1), &graft_format_f16);
    assert_ptr_equal(graft_format_find(30), &graft_format_bf16);
    assert_null(graft_format_find(4)); /* Q4_2, which no file carries any more */
    assert_null(graft_format_find(UINT32_MAX));
    assert_null(graft_format_by_name("Q9_9"));
    assert_null(graft_format_by_name(""));
}

static void row_bytes(void **state)
{
    (void)state;
    const graft_format *q6_k = graft_format_by_name("Q6_K");
    size_t bytes = 0;
    assert_ok(graft_format_row_bytes(q6_k, 512, &bytes));
    assert_int_equal(bytes, 420);
    assert_ok(graft_format_row_bytes(&graft_format_f32, 3, &bytes));
    assert_int_equal(bytes, 12);
    assert_ok(graft_format_row_bytes(q6_k, 0, &bytes));
    assert_int_equal(bytes, 0);
    assert_fails(graft_format_row_bytes(q6_k, 576, &bytes), GRAFT_E_MODEL,
                 "a row of 576 numbers is not a multiple of 256 (Q6_K blocks)");
    assert_fails(graft_format_row_bytes(&graft_format_f32, SIZE_MAX / 2, &bytes), GRAFT_E_MODEL,
                 "does not fit into memory");
}

/* One block in guarded memory, at an odd address where it fits. */
static uint8_t *random_block(const graft_format *format)
{
    graft_weight w = test_random_weight(&rng, format, 1, format->block_elems);
    return (uint8_t *)w.data;
}

static void decode(const graft_format *format, const uint8_t *block, float *out)
{
    format->decode(block, out, 1);
}

static size_t count_changes(const float *a, const float *b, size_t n, size_t *last)
{
    size_t changes = 0;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) != 0) {
            changes++;
            *last = i;
        }
    }
    return changes;
}

/* Several numbers share a word of these. */
static bool has_code_book(const graft_format *format)
{
    static const char *const names[] = {"IQ1_S",   "IQ1_M",   "IQ2_XXS", "IQ2_XS",
                                        "IQ2_S",   "IQ3_XXS", "IQ3_S",   "TQ1_0"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        found = found || strcmp(names[i], format->name) == 0;
    }
    return found;
}

/* Codes without a zero, of which FP4 has two, and scales of NVFP4 with their unused bit. */
static size_t prepare_fp4(const graft_format *format, uint8_t *block)
{
    size_t n_scales = strcmp(format->name, "MXFP4") == 0   ? 1
                      : strcmp(format->name, "NVFP4") == 0 ? 4
                                                           : 0;
    for (size_t i = n_scales; n_scales > 0 && i < format->block_bytes; i++) {
        block[i] |= 0x22; /* no flip makes a zero of another */
    }
    for (size_t i = 0; n_scales == 4 && i < 4; i++) {
        block[i] = 0x31;
    }
    return n_scales == 4 ? 4 : 0;
}

/* Flips each bit of a block. Every number must have exactly as many bits of its own as the name of
 * its format says; all other bits are a scale's or a minimum's and move a whole group. */
static void every_bit_belongs_somewhere(void **state)
{
    (void)state;
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        size_t n = (*f)->block_elems;
        if (n == 1 || has_code_book(*f)) {
            continue;
        }
        size_t bits = (size_t)atoi(strpbrk((*f)->name, "0123456789")), own[256] = {0};
        uint8_t *block = random_block(*f);
        float before[256], after[256];
        size_t n_unused = prepare_fp4(*f, block);
        /* scales and minima that are not zero, whatever bit of them is flipped */
        if (strcmp((*f)->name, "IQ4_XS") == 0) {
            memset(block + 2, 0x5b, 6);
        } else if (n == 256 && strcmp((*f)->name, "TQ2_0") != 0) {
            bool first = bits == 4 || bits == 5;
            memset(block + (bits == 3 ? 96 : bits == 6 ? 192 : first ? 4 : 0), 0x5b,
                   bits == 2 || bits == 6 ? 16 : 12);
        }
        decode(*f, block, before);
        for (size_t bit = 0; bit < 8 * (*f)->block_bytes; bit++) {
            block[bit / 8] ^= (uint8_t)(1u << bit % 8);
            decode(*f, block, after);
            block[bit / 8] ^= (uint8_t)(1u << bit % 8);
            size_t last = 0, changes = count_changes(before, after, n, &last);
            if (changes == 0 && bit % 8 == 7 && bit / 8 < n_unused) {
                continue;
            }
            assert_true(changes >= 1);
            if (changes == 1) {
                own[last]++;
            } else {
                assert_true(changes >= 6); /* of 16, 32 or 256; zeros stay zero */
            }
        }
        for (size_t i = 0; i < n; i++) {
            if (own[i] != bits) {
                fail_msg("%s: number %zu has %zu bits of its own", (*f)->name, i, own[i]);
            }
        }
        test_guarded_release();
    }
}

/* Words stand in ascending order, so none comes twice; those of IQ2 and IQ3_XXS have an even sum. */
static void code_books(void **state)
{
    (void)state;
    static const struct {
        const uint16_t *words;
        size_t n;
        int bits, codes; /* of a code; to a word */
        bool even;
    } books[] = {{graft_grid_iq2_xxs, 256, 2, 8, true}, {graft_grid_iq2_xs, 512, 2, 8, true},
                 {graft_grid_iq2_s, 1024, 2, 8, true},  {graft_grid_iq1, 2048, 2, 8, false},
                 {graft_grid_iq3_xxs, 256, 3, 4, true}, {graft_grid_iq3_s, 512, 3, 4, false}};
    for (size_t b = 0; b < sizeof books / sizeof *books; b++) {
        for (size_t i = 0; i < books[b].n; i++) {
            unsigned word = books[b].words[i], sum = 0;
            assert_true(i == 0 || word > books[b].words[i - 1]);
            for (int j = 0; j < books[b].codes; j++, word >>= books[b].bits) {
                unsigned code = word & ((1u << books[b].bits) - 1);
                assert_true(books[b].bits == 3 || code <= 2);
                sum += code;
            }
            assert_int_equal(word, 0);
            assert_true(!books[b].even || sum % 2 == 0);
        }
    }
    for (unsigned i = 0; i < 128; i++) {
        unsigned signs = graft_iq_signs(i | 0x80);
        assert_int_equal(signs & 127, i);
        assert_int_equal(__builtin_popcount(signs) % 2, 0);
    }
}

/* Any bytes whatever, blocks at any address, and nothing read behind the last. */
static void any_pattern_decodes(void **state)
{
    (void)state;
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        size_t n = (*f)->block_elems, bytes = (*f)->block_bytes, count = n == 1 ? 4096 : 64;
        uint8_t *odd = test_guarded(count * bytes + 1, 1), *even = test_guarded(count, bytes);
        float *a = test_guarded(count * n, sizeof *a), *b = test_guarded(count * n, sizeof *b);
        for (size_t i = 0; i < count * bytes; i++) {
            even[i] = odd[i + 1] = (uint8_t)graft_rng_u32(&rng);
        }
        (*f)->decode(odd + 1, a, count);
        (*f)->decode(even, b, count);
        assert_memory_equal(a, b, count * n * sizeof *a);
        for (size_t i = 0; i < count; i++) { /* one by one the same */
            (*f)->decode(even + i * bytes, a + i * n, 1);
        }
        assert_memory_equal(a, b, count * n * sizeof *a);
        test_guarded_release();
    }
}

static void known_blocks(void **state)
{
    (void)state;
    float x[256];
    uint8_t q4_0[18] = {0x00, 0x38, 0x3c}; /* 0.5, then nibbles 12 and 3, then 0 and 0 */
    graft_format_by_name("Q4_0")->decode(q4_0, x, 1);
    assert_true(x[0] == 2.0f && x[16] == -2.5f && x[1] == -4.0f && x[31] == -4.0f);
    uint8_t q5_1[24] = {0x00, 0x40, 0x00, 0xbc, 0x01, 0, 0, 0x80, 0x21}; /* 2 and -1 */
    graft_format_by_name("Q5_1")->decode(q5_1, x, 1);
    assert_true(x[0] == 33.0f && x[16] == 3.0f && x[31] == 31.0f && x[1] == -1.0f);
    uint8_t q8_0[34] = {0x00, 0x3c, 0x80, 0x7f};
    graft_format_by_name("Q8_0")->decode(q8_0, x, 1);
    assert_true(x[0] == -128.0f && x[1] == 127.0f && x[2] == 0.0f);
    uint8_t iq4_nl[18] = {0x00, 0x3c, 0xf0};
    graft_format_by_name("IQ4_NL")->decode(iq4_nl, x, 1);
    assert_true(x[0] == -127.0f && x[16] == 113.0f);
    uint8_t q6_k[210] = {[0] = 0x21, [128] = 0x03, [192] = 0xff, [209] = 0x3c};
    graft_format_by_name("Q6_K")->decode(q6_k, x, 1);
    assert_true(x[0] == -17.0f && x[64] == 0.0f && x[1] == 32.0f); /* scale -1; 49 - 32 */
    uint8_t mxfp4[17] = {128, 0x97}; /* 1, then 7 and 9 */
    graft_format_by_name("MXFP4")->decode(mxfp4, x, 1);
    assert_true(x[0] == 12.0f && x[16] == -1.0f && x[1] == 0.0f);
    mxfp4[0] = 0;
    graft_format_by_name("MXFP4")->decode(mxfp4, x, 1);
    assert_true(x[0] == 0x1.8p-125f);
    uint8_t tq1_0[54] = {[0] = 0xff, [48] = 0xff, [53] = 0x40}; /* 2; all digits 2, the others 0 */
    graft_format_by_name("TQ1_0")->decode(tq1_0, x, 1);
    assert_true(x[0] == 2.0f && x[32] == 2.0f && x[128] == 2.0f && x[1] == -2.0f);
    assert_true(x[240] == 2.0f && x[252] == 2.0f && x[253] == -2.0f);
    uint8_t iq3_xxs[98] = {[1] = 0x3c, [66] = 0x03, [69] = 0x10}; /* 1 (1 + 1/2) / 2, signs 0, 1 */
    graft_format_by_name("IQ3_XXS")->decode(iq3_xxs, x, 1);
    assert_true(x[0] == -3.0f && x[1] == -3.0f && x[7] == 3.0f && x[32] == 1.0f);
}

/* A NaN or infinite scale makes its own block non-finite and touches no other. */
static void broken_scales(void **state)
{
    (void)state;
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        size_t n = (*f)->block_elems, bytes = (*f)->block_bytes;
        if (n == 1) {
            continue;
        }
        size_t at = test_scale_at(*f);
        uint8_t *blocks = (uint8_t *)test_random_weight(&rng, *f, 3, n).data;
        float x[3 * 256];
        if (strcmp((*f)->name, "IQ1_M") == 0) { /* a NaN in the top nibbles of four words */
            blocks[bytes + 53] |= 0xf0;
            blocks[bytes + 55] |= 0xf0;
        } else if (at == SIZE_MAX) {
            continue; /* FP4 has no broken scales */
        } else {
            blocks[bytes + at] = 0;
            blocks[bytes + at + 1] = 0x7e;
        }
        (*f)->decode(blocks, x, 3);
        for (size_t i = 0; i < 3 * n; i++) {
            assert_int_equal(isfinite(x[i]) != 0, i / n != 1);
        }
        test_guarded_release();
    }
}

static double worst_error(const graft_format *format, const float *values, size_t n_blocks)
{
    uint8_t *blocks = test_guarded(n_blocks, format->block_bytes);
    float *back = test_guarded(n_blocks * format->block_elems, sizeof *back);
    double worst = 0;
    format->encode(values, blocks, n_blocks, NULL);
    format->decode(blocks, back, n_blocks);
    for (size_t i = 0; i < n_blocks * format->block_elems; i++) {
        double error = fabs((double)back[i] - (double)values[i]);
        worst = error > worst ? error : worst;
    }
    return worst;
}

static void encoding(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double step; /* largest error for numbers within [-1, 1) */
    } limits[] = {{"F32", 0},       {"F16", 0x1p-12},     {"BF16", 0x1p-9},   {"Q4_0", 0.126},
                  {"Q4_1", 0.068},  {"Q5_0", 0.0635},     {"Q5_1", 0.033},    {"Q8_0", 0.0045},
                  {"Q2_K", 0.6},    {"Q3_K", 0.3},        {"Q4_K", 0.13},     {"Q5_K", 0.07},
                  {"Q6_K", 0.045},  {"IQ4_NL", 0.14}};
    float *values = test_random(&rng, 32 * 64);
    float *zeros = test_guarded(256, sizeof *zeros);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const graft_format *format = graft_format_by_name(limits[i].name);
        size_t n_blocks = 32 * 64 / format->block_elems;
        double worst = worst_error(format, values, n_blocks);
        if (worst > limits[i].step) {
            fail_msg("%s: error %g", format->name, worst);
        }
        assert_true(worst_error(format, zeros, 256 / format->block_elems) == 0);
    }
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        float odd[261] = {NAN, INFINITY, -INFINITY, 1e38f, -1e-38f}; /* gives anything */
        uint8_t blocks[1024];
        if ((*f)->encode != NULL) {
            (*f)->encode(odd, blocks, 256 / (*f)->block_elems, NULL);
            (*f)->encode(odd, blocks, 256 / (*f)->block_elems, odd + 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),
        cmocka_unit_test(row_bytes),
        cmocka_unit_test_setup_teardown(every_bit_belongs_somewhere, setup, teardown),
        cmocka_unit_test(code_books),
        cmocka_unit_test_setup_teardown(any_pattern_decodes, setup, teardown),
        cmocka_unit_test(known_blocks),
        cmocka_unit_test_setup_teardown(broken_scales, setup, teardown),
        cmocka_unit_test_setup_teardown(encoding, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
