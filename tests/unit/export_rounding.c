/* export/rounding.h: what comes out of a linear map keeps more than by rounding each weight. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "export/quantize.h"
#include "kernels/symmetric.h"

enum { N = 256, N_TOK = 600, N_ROWS = 40, ROW_BYTES = 512 };

/* A number in (-1, 1) that is a function of its place. */
static float noise(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    i = (i ^ i >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    i ^= i >> 32;
    return (float)((double)(i >> 11) / (double)(UINT64_C(1) << 52) - 1);
}

/* Inputs as a model has them: a few directions have most, and columns go together. */
static float *inputs(void)
{
    float *x = NULL;
    assert_ok(graft_alloc(&x, N_TOK * N, sizeof *x));
    for (size_t t = 0; t < N_TOK; t++) {
        for (size_t k = 0; k < 12; k++) {
            float part = noise(t * 12 + k) * 4 / (float)(k + 1);
            for (size_t i = 0; i < N; i++) {
                x[t * N + i] += part * noise(100000 + k * N + i);
            }
        }
        for (size_t i = 0; i < N; i++) {
            x[t * N + i] += 0.1f * noise(200000 + t * N + i);
        }
    }
    return x;
}

static float *moments_of(const float *x, size_t n, size_t n_tok)
{
    float *m = NULL, *packed = NULL;
    assert_ok(graft_alloc(&m, n * n, sizeof *m));
    assert_ok(graft_alloc(&packed, graft_symmetric_packed(n, GRAFT_SYMMETRIC_ROWS), sizeof *packed));
    for (size_t at = 0, rows; at < n_tok; at += rows) {
        rows = n_tok - at < GRAFT_SYMMETRIC_ROWS ? n_tok - at : GRAFT_SYMMETRIC_ROWS;
        graft_symmetric_pack(packed, x + at * n, n, n, rows);
        graft_symmetric_add(m, n, n, packed, rows, 1);
    }
    for (size_t i = 0; i < n * n; i++) {
        m[i] /= (float)n_tok;
    }
    graft_free(packed);
    return m;
}

/* --- symmetric matrices --- */

static void sums_and_factors_of_odd_sizes(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 3, 8, 13, 64, 65, 130, 201};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t n = sizes[s], n_tok = 2 * n + 5;
        float *x = NULL, *scratch = NULL, *a, *one;
        assert_ok(graft_alloc(&x, n_tok * n, sizeof *x));
        for (size_t i = 0; i < n_tok * n; i++) {
            x[i] = noise(i + 77 * n);
        }
        graft_threads_set(1);
        one = moments_of(x, n, n_tok);
        graft_threads_set(3);
        a = moments_of(x, n, n_tok);
        assert_memory_equal(a, one, n * n * sizeof *a);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t t = 0; t < n_tok; t++) {
                    sum += (double)x[t * n + i] * (double)x[t * n + j];
                }
                sum = j >= i ? sum / (double)n_tok : 0; /* the lower triangle is not touched */
                assert_true(fabs((double)a[i * n + j] - sum) < 1e-5);
            }
        }
        assert_ok(graft_alloc(&scratch, graft_symmetric_packed(n, 64), sizeof *scratch));
        assert_true(graft_symmetric_factor(a, n, scratch));
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i; j < n; j++) {
                double sum = 0;
                for (size_t k = 0; k <= i; k++) {
                    sum += (double)a[k * n + i] * (double)a[k * n + j];
                }
                assert_true(fabs(sum - (double)one[i * n + j]) < 1e-5);
            }
        }
        one[n * n - 1] = -1; /* no such matrix has a factor */
        assert_false(graft_symmetric_factor(one, n, scratch));
        graft_free(x);
        graft_free(a);
        graft_free(one);
        graft_free(scratch);
    }
    graft_threads_set(0);
}

/* --- rows --- */

/* Mean square of what an error does to outputs, from the inputs themselves. */
static double output_error(const float *x, const float *errors)
{
    double sum = 0;
    for (size_t t = 0; t < N_TOK; t++) {
        double y = 0;
        for (size_t i = 0; i < N; i++) {
            y += (double)x[t * N + i] * (double)errors[i];
        }
        sum += y * y;
    }
    return sum / N_TOK;
}

static double error_of(const graft_format *f, const uint8_t *row, const float *w, const float *x)
{
    float q[N];
    f->decode(row, q, N / f->block_elems);
    for (size_t i = 0; i < N; i++) {
        q[i] -= w[i];
    }
    return output_error(x, q);
}

typedef struct rounded {
    uint8_t nearest[N_ROWS * ROW_BYTES], aware[N_ROWS * ROW_BYTES];
    double costs[N_ROWS];
} rounded;

static void round_rows(const graft_rounding *rounding, const graft_levels *l, const float *w,
                       const uint8_t *own, size_t n_rows, rounded *out)
{
    float *scratch = NULL;
    const graft_format *f = l->format;
    size_t bytes = N / f->block_elems * f->block_bytes;
    assert_ok(graft_alloc(&scratch, graft_rounding_scratch(l, N), sizeof *scratch));
    f->encode(w, out->nearest, n_rows * N / f->block_elems, NULL);
    memcpy(out->aware, out->nearest, n_rows * bytes);
    for (size_t at = 0, n; at < n_rows; at += n) {
        n = n_rows - at < GRAFT_ROUNDING_ROWS ? n_rows - at : GRAFT_ROUNDING_ROWS;
        graft_rounding_rows rows = {l, w + at * N, n, own != NULL ? own + at * bytes : NULL,
                                    out->aware + at * bytes, bytes, out->costs + at};
        graft_rounding_run(rounding, &rows, scratch);
    }
    graft_free(scratch);
}

/* No row is worse on the inputs that were given, all together are far better, and what a row is said to
 * cost is what its bytes cost. */
static void outputs_keep_more_than_by_the_nearest(void **state)
{
    (void)state;
    float *x = inputs(), *m = moments_of(x, N, N_TOK);
    static float w[N_ROWS * N];
    static rounded out;
    graft_rounding rounding;
    assert_ok(graft_rounding_open(&rounding, N, m));
    for (size_t i = 0; i < N_ROWS * N; i++) {
        w[i] = noise(i) * noise(i + 9999);
    }
    memset(w, 0, N * sizeof *w); /* a row of zeros */
    for (const graft_levels *const *l = graft_levels_all; *l != NULL; l++) {
        const graft_format *f = (*l)->format;
        size_t bytes = N / f->block_elems * f->block_bytes;
        double nearest = 0, aware = 0;
        round_rows(&rounding, *l, w, NULL, N_ROWS, &out);
        for (size_t r = 0; r < N_ROWS; r++) {
            double was = error_of(f, out.nearest + r * bytes, w + r * N, x);
            double is = error_of(f, out.aware + r * bytes, w + r * N, x);
            assert_true(is <= was * (1 + 1e-3) + 1e-12);
            assert_true(fabs(out.costs[r] - is) <= 1e-3 * (is + was) + 1e-9);
            nearest += was;
            aware += is;
        }
        assert_true(aware < 0.5 * nearest);
    }
    graft_rounding_close(&rounding);
    graft_free(x);
    graft_free(m);
}

/* A fine-tune that is small beside the step of its base: by the nearest nearly all weights stay what they
 * were; in what comes out most of it is there. */
static void small_changes_survive_in_the_type_of_the_base(void **state)
{
    (void)state;
    float *x = inputs(), *m = moments_of(x, N, N_TOK);
    static float w[N_ROWS * N], d[N_ROWS * N];
    static uint8_t own[N_ROWS * ROW_BYTES];
    static rounded out;
    graft_rounding rounding;
    assert_ok(graft_rounding_open(&rounding, N, m));
    for (const graft_levels *const *l = graft_levels_all; *l != NULL; l++) {
        const graft_format *f = (*l)->format;
        size_t bytes = N / f->block_elems * f->block_bytes;
        double change = 0, nearest = 0, aware = 0;
        for (size_t i = 0; i < N_ROWS * N; i++) {
            w[i] = noise(i + 31) * noise(i + 777);
        }
        f->encode(w, own, N_ROWS * N / f->block_elems, NULL);
        f->decode(own, w, N_ROWS * N / f->block_elems);
        float step = 2.0f / (float)((*l)->high - (*l)->low);
        for (size_t i = 0; i < N_ROWS * N; i++) { /* of rank one */
            d[i] = 0.1f * step * noise(i / N + 50) * noise(i % N + 60);
            w[i] += d[i];
        }
        round_rows(&rounding, *l, w, own, N_ROWS, &out);
        for (size_t r = 0; r < N_ROWS; r++) {
            change += output_error(x, d + r * N);
            nearest += error_of(f, out.nearest + r * bytes, w + r * N, x);
            aware += error_of(f, out.aware + r * bytes, w + r * N, x);
        }
        assert_true(aware < 0.8 * change);
        assert_true(aware < 0.5 * nearest);
    }
    graft_rounding_close(&rounding);
    graft_free(x);
    graft_free(m);
}

/* Columns that no input ever had, and inputs fewer than columns. */
static void little_is_known_of_inputs(void **state)
{
    (void)state;
    float *m = NULL, w[N] = {0};
    static rounded out;
    graft_rounding rounding;
    assert_ok(graft_alloc(&m, N * N, sizeof *m));
    for (int known = 0; known < 2; known++) {
        assert_ok(graft_rounding_open(&rounding, N, m));
        for (size_t i = 0; i < N; i++) {
            w[i] = noise(i);
        }
        for (const graft_levels *const *l = graft_levels_all; *l != NULL; l++) {
            float q[N];
            round_rows(&rounding, *l, w, NULL, 1, &out);
            (*l)->format->decode(out.aware, q, N / (*l)->format->block_elems);
            for (size_t i = 0; i < N; i++) {
                assert_true(isfinite(q[i]) && fabsf(q[i]) < 4);
            }
        }
        graft_rounding_close(&rounding);
        m[0] = 2; /* one input, in one column */
    }
    m[5] = NAN;
    assert_fails(graft_rounding_open(&rounding, N, m), GRAFT_E_NUMERICS, "no factor");
    assert_null(rounding.factor);
    graft_free(m);
}

/* --- files --- */

static const float *of_file; /* moments */
static graft_rounding opened;

static graft_status read_rows(const void *context, uint64_t first, size_t n_rows, float *out)
{
    (void)context;
    for (size_t i = 0; i < n_rows * N; i++) {
        out[i] = noise(first * N + i) * noise(first * N + i + 5);
    }
    return GRAFT_OK;
}

static graft_status find(graft_rounding_source *source, const char *tensor,
                         const graft_rounding **out)
{
    (void)source;
    *out = strstr(tensor, "attn_q") != NULL ? &opened : NULL;
    return GRAFT_OK;
}

static void write_file(const char *path, bool aware, graft_quantized *result)
{
    graft_gguf_writer *w;
    graft_rounding_source source = {.find = find, .aware = aware, .note = "a test"};
    const graft_tensor_source sources[] = {
        {.name = "blk.0.attn_q.weight", .n_dims = 2, .ne = {N, 1000}, .format = &graft_format_bf16,
         .read = read_rows},
        {.name = "blk.0.attn_v.weight", .n_dims = 2, .ne = {N, 100}, .format = &graft_format_bf16,
         .read = read_rows},
    };
    graft_quantize_job job = {.tensors = sources, .n_tensors = 2, .rounding = &source,
                              .model = {.arch = "llama", .n_layer = 1, .n_head = 1, .n_kv = 1}};
    assert_ok(graft_mix_get(&job.mix, "q4_0"));
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_set_string(w, "general.architecture", "llama", 5));
    assert_ok(graft_quantize_write(result, w, &job, path));
    graft_gguf_writer_free(w);
}

/* The same bytes at any number of threads; with "nearest", and where there are no moments, the encoder's. */
static void files_do_not_depend_on_threads(void **state)
{
    (void)state;
    static float values[1000 * N];
    static uint8_t blocks[1000 * N / 32 * 18], first[1000 * N / 32 * 18];
    float *x = inputs();
    graft_quantized result;
    graft_gguf *file;
    graft_gguf_string text;
    of_file = moments_of(x, N, N_TOK);
    assert_ok(graft_rounding_open(&opened, N, of_file));
    assert_ok(read_rows(NULL, 0, 1000, values));
    graft_levels_q4_0.format->encode(values, blocks, 1000 * N / 32, NULL);
    for (int threads = 1; threads <= 4; threads *= 2) {
        graft_threads_set(threads);
        for (int aware = 0; aware < 2; aware++) {
            write_file(test_temp_path("r.gguf"), aware != 0, &result);
            assert_int_equal(result.n_aware, aware);
            assert_ok(graft_gguf_open(&file, test_temp_path("r.gguf")));
            assert_ok(graft_gguf_get_string(file, "graft.rounding", &text));
            assert_int_equal(text.len, aware ? 5 : 7);
            const graft_gguf_tensor *q = graft_gguf_find_tensor(file, "blk.0.attn_q.weight");
            const graft_gguf_tensor *v = graft_gguf_find_tensor(file, "blk.0.attn_v.weight");
            assert_memory_equal(v->data, blocks, 100 * N / 32 * 18);
            if (aware && threads == 1) {
                memcpy(first, q->data, sizeof first);
                assert_memory_not_equal(first, blocks, sizeof first);
            } else {
                assert_memory_equal(q->data, aware ? first : blocks, sizeof first);
            }
            graft_gguf_close(file);
        }
    }
    graft_threads_set(0);
    graft_rounding_close(&opened);
    graft_free((void *)(uintptr_t)of_file);
    graft_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_factors_of_odd_sizes),
        cmocka_unit_test(outputs_keep_more_than_by_the_nearest),
        cmocka_unit_test(small_changes_survive_in_the_type_of_the_base),
        cmocka_unit_test(little_is_known_of_inputs),
        cmocka_unit_test(files_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
