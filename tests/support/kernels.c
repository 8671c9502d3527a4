#include "support/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/half.h"
#include "core/threads.h"
#include "kernels/portable/act.h"
#include "support/emulated_amx.h"

/* Whether a level is to be tested. On an emulated CPU one is long enough. */
static bool asked_for(graft_cpu_level level)
{
    const char *only = getenv("GRAFT_TEST_LEVEL");
    return only == NULL || strcmp(only, graft_cpu_level_name(level)) == 0;
}

void test_each_level(graft_rng *draws, void (*test)(const graft_kernels *kernels))
{
    const graft_rng before = *draws;
    bool any = false;
    for (int i = 0; i < 2 * GRAFT_CPU_N_LEVELS; i++) {
        graft_cpu_level level = (graft_cpu_level)(i / 2);
        graft_kernels kernels;
        bool half = i % 2 != 0;
        if (graft_cpu_has(level) && asked_for(level) &&
            (!half || level == GRAFT_CPU_PORTABLE || graft_kernels_know_half(level))) {
            assert_ok(graft_kernels_init(&kernels, level, half));
            test(&kernels);
            *draws = before;
            any = true;
        }
    }
    graft_kernels emulated;
    if (asked_for(GRAFT_CPU_AMX) && test_emulated_amx(&emulated)) {
        test(&emulated);
        *draws = before;
        any = true;
    }
    assert_true(any);
}

float test_weight(const graft_kernels *kernels, float value)
{
    bool exact = kernels->level == GRAFT_CPU_AVX2 || kernels->level == GRAFT_CPU_AVX512;
    return kernels->half && !exact ? graft_bf16_to_f32(graft_f32_to_bf16(value)) : value;
}

graft_act *test_acts(const graft_kernels *kernels, graft_real *x, size_t n_rows, size_t n_cols)
{
    size_t ld = graft_act_ld(kernels, n_cols);
    graft_act *y = test_guarded((n_rows - 1) * ld + n_cols + n_cols % 2, kernels->act_bytes);
    for (size_t i = 0; i < n_rows * n_cols; i++) {
        size_t at = i / n_cols * ld + i % n_cols;
        act_put(y, at, x[i], kernels->half);
        x[i] = act_get(y, at, kernels->half);
    }
    return y;
}

graft_real *test_reals(const graft_kernels *kernels, const graft_act *y, size_t n_rows,
                       size_t n_cols)
{
    size_t ld = graft_act_ld(kernels, n_cols);
    graft_real *x = test_guarded(n_rows * n_cols, sizeof *x);
    for (size_t i = 0; i < n_rows * n_cols; i++) {
        x[i] = act_get(y, i / n_cols * ld + i % n_cols, kernels->half);
    }
    return x;
}

double test_act_tolerance(const graft_kernels *kernels, double single)
{
    return kernels->half ? 0x1p-8 + single : single;
}

static struct {
    void *base;
    size_t bytes;
} mappings[4096];
static size_t n_mappings;

/* Emulators read the whole vector of a masked load (QEMU 7.2 does); there only writes are caught. */
static int guard_protection(void)
{
    const char *asked = getenv("GRAFT_TEST_GUARD");
    return asked != NULL && strcmp(asked, "writes") == 0 ? PROT_READ : PROT_NONE;
}

void *test_guarded(size_t n, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = n * size;
    size_t whole = (bytes + page - 1) / page * page;
    assert_true(n_mappings < sizeof mappings / sizeof *mappings);
    char *base = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + whole, page, guard_protection()), 0);
    mappings[n_mappings].base = base;
    mappings[n_mappings++].bytes = whole + page;
    return base + whole - bytes;
}

void test_guarded_release(void)
{
    while (n_mappings > 0) {
        n_mappings--;
        munmap(mappings[n_mappings].base, mappings[n_mappings].bytes);
    }
}

graft_real *test_random(graft_rng *rng, size_t n)
{
    graft_real *x = test_guarded(n, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[i] = (graft_real)(2.0 * graft_rng_uniform(rng) - 1.0);
    }
    return x;
}

size_t test_scale_at(const graft_format *format)
{
    static const struct {
        const char *name;
        size_t at;
    } places[] = {{"Q2_K", 80},         {"Q3_K", 108},       {"Q6_K", 208},
                  {"TQ1_0", 52},        {"TQ2_0", 64},       {"MXFP4", SIZE_MAX},
                  {"NVFP4", SIZE_MAX},  {"IQ1_M", SIZE_MAX}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strcmp(places[i].name, format->name) == 0) {
            return places[i].at;
        }
    }
    return 0;
}

/* Makes the f16 at p a number between 2^-6 and 2^-5, keeping its sign and fraction. */
static void tame_half(uint8_t *p)
{
    p[1] = (uint8_t)((p[1] & 0x83u) | 0x24u);
}

static void tame_block(const graft_format *format, uint8_t *block)
{
    size_t at = test_scale_at(format);
    if (at != SIZE_MAX) {
        tame_half(block + at);
        if (at + 4 <= format->block_bytes) {
            tame_half(block + at + 2); /* a minimum, or quanta */
        }
    } else if (strcmp(format->name, "MXFP4") == 0) {
        block[0] = (uint8_t)(120 + (block[0] & 3)); /* 2^-8 to 2^-5 */
    } else if (strcmp(format->name, "IQ1_M") == 0) { /* an f16 in the top nibbles of four words */
        block[53] = (uint8_t)((block[53] & 0x3fu) | 0x40u);
        block[55] = (uint8_t)((block[55] & 0x8fu) | 0x20u);
    }
}

graft_weight test_random_weight(graft_rng *rng, const graft_format *format, size_t n_out,
                                size_t n_in)
{
    size_t row_bytes = 0;
    assert_ok(graft_format_row_bytes(format, n_in, &row_bytes));
    uint8_t *data = test_guarded(n_out, row_bytes);
    for (size_t i = 0; i < n_out * row_bytes; i++) {
        data[i] = (uint8_t)graft_rng_u32(rng);
    }
    for (size_t i = 0; i < n_out * row_bytes; i += format->block_bytes) {
        if (format->block_elems == 1) {
            float value = (float)(2.0 * graft_rng_uniform(rng) - 1.0);
            format->encode(&value, data + i, 1, NULL);
        } else {
            tame_block(format, data + i);
        }
    }
    return (graft_weight){data, format, n_out, n_in, row_bytes};
}

graft_workspace test_workspace(const graft_kernels *kernels)
{
    graft_workspace ws = {.n_threads = graft_threads()};
    ws.per_thread_bytes = graft_product_thread_bytes(kernels);
    ws.per_thread = test_guarded((size_t)ws.n_threads, sizeof(void *));
    for (int t = 0; t < ws.n_threads; t++) {
        ws.per_thread[t] = test_guarded(ws.per_thread_bytes, 1);
    }
    return ws;
}

void test_close(const char *what, const graft_real *got, const double *expected,
                const double *scale, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)got[i] - expected[i]);
        if (!(error <= tolerance * scale[i])) {
            fail_msg("%s: entry %zu is %.9g, expected %.9g (allowed %.3g)", what, i,
                     (double)got[i], expected[i], tolerance * scale[i]);
        }
    }
}

void test_same(const char *what, const graft_real *got, const graft_real *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0) {
            fail_msg("%s: entry %zu is %a, elsewhere %a", what, i, (double)got[i],
                     (double)expected[i]);
        }
    }
}

void test_product_formats(const graft_kernels *kernels, test_product *check)
{
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        size_t block = (*f)->block_elems;
        check(kernels, *f, 5, 37, block == 1 ? 83 : block == 32 ? 160 : 256);
        check(kernels, *f, 14, 96, 1280); /* two slices of the reduction axis, or one */
    }
}

void test_product_shapes(const graft_kernels *kernels, test_product *check)
{
    static const size_t shapes[][3] = {
        {1, 1, 1},    {1, 129, 64},  {2, 200, 31}, {3, 70, 9},   {4, 16, 40}, {6, 48, 8},
        {7, 8, 130},  {11, 24, 70},  {12, 5, 33},  {13, 17, 65}, {31, 9, 3},  {33, 300, 20},
        {250, 33, 7}, {490, 130, 5}, {64, 7, 1100}, {3, 1100, 7}, {40, 1, 12}, {5, 9, 2300},
        {4, 2180, 6},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(kernels, &graft_format_f32, shapes[i][0], shapes[i][1], shapes[i][2]);
    }
}
