/* export/quantize.h with sources that are no GGUF file, and importance matrices as hostile bytes. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "export/quantize.h"

enum { ROW = 256, ROWS = 1000 };

/* Numbers that are a function of their place; row `bad` has one that is not finite. */
static uint64_t bad = UINT64_MAX;

static graft_status read_rows(const void *context, uint64_t first, size_t n_rows, float *out)
{
    const uint64_t *limit = context;
    if (first + n_rows > *limit) {
        return graft_fail(GRAFT_E_DISK, "row %d is not there", (int)*limit);
    }
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < ROW; j++) {
            out[i * ROW + j] = sinf((float)((first + i) * 7 + j * 13));
        }
        out[i * ROW + 3] = first + i >= bad ? INFINITY : out[i * ROW + 3];
    }
    return GRAFT_OK;
}

static graft_status write_model(graft_quantized *result, const char *mix, const uint64_t *limit,
                                const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf_writer *w = NULL;
    const graft_tensor_source sources[] = {
        {.name = "token_embd.weight", .n_dims = 2, .ne = {ROW, ROWS}, .format = &graft_format_bf16,
         .read = read_rows, .context = limit},
        {.name = "blk.0.attn_v.weight", .n_dims = 2, .ne = {ROW, 3}, .format = &graft_format_bf16,
         .read = read_rows, .context = limit},
        {.name = "blk.0.attn_norm.weight", .n_dims = 1, .ne = {ROW}, .format = &graft_format_f32,
         .read = read_rows, .context = limit},
    };
    graft_quantize_job job = {.tensors = sources, .n_tensors = 3,
                              .model = {.arch = "llama", .n_layer = 1, .n_head = 1, .n_kv = 1}};
    GRAFT_TRY(graft_mix_get(&job.mix, mix));
    GRAFT_TRY(graft_gguf_writer_new(&w));
    GRAFT_TRY(graft_gguf_set_string(w, "general.architecture", "llama", 5));
    GRAFT_TRY(graft_quantize_write(result, w, &job, path));
done:
    graft_gguf_writer_free(w);
    return status;
}

static void rows_come_from_a_function(void **state)
{
    (void)state;
    const uint64_t limit = ROWS;
    static float values[ROWS * ROW];
    static uint8_t blocks[ROWS * 210];
    graft_quantized result;
    graft_gguf *file;
    const char *path = test_temp_path("q.gguf");
    assert_ok(write_model(&result, "q4_k_m", &limit, path));
    assert_int_equal(result.n_tensors, 3);
    assert_ok(graft_gguf_open(&file, path));
    const graft_gguf_tensor *t = graft_gguf_find_tensor(file, "token_embd.weight");
    assert_string_equal(t->format->name, "Q6_K");
    assert_ok(read_rows(&limit, 0, ROWS, values));
    t->format->encode(values, blocks, ROWS, NULL);
    assert_memory_equal(t->data, blocks, sizeof blocks);
    t = graft_gguf_find_tensor(file, "blk.0.attn_norm.weight");
    assert_ptr_equal(t->format, &graft_format_f32);
    assert_memory_equal(t->data, values, ROW * sizeof *values);
    graft_gguf_close(file);

    assert_ok(write_model(&result, "bf16", &limit, path));
    assert_int_equal(result.formats[0].n_tensors, 2);
    assert_int_equal(result.bytes_before, result.bytes_after);
}

/* What is said does not depend on threads: the first row that is wrong. */
static void the_first_failure_is_told(void **state)
{
    (void)state;
    graft_quantized result;
    const char *path = test_temp_path("none.gguf");
    uint64_t limit = ROWS;
    for (int threads = 1; threads < 5; threads++) {
        graft_threads_set(threads);
        bad = 500;
        assert_fails(write_model(&result, "q8_0", &limit, path), GRAFT_E_NUMERICS,
                     "tensor \"token_embd.weight\": row 500, column 3 is not a finite number");
        bad = UINT64_MAX;
        limit = 700;
        assert_fails(write_model(&result, "q8_0", &limit, path), GRAFT_E_DISK,
                     "row 700 is not there");
        limit = ROWS;
    }
    graft_threads_set(0);
    assert_false(test_file_exists(path));
}

static void memory_that_ends_leaves_nothing(void **state)
{
    (void)state;
    graft_quantized result;
    const uint64_t limit = ROWS;
    const char *path = test_temp_path("none.gguf");
    graft_status status = GRAFT_E_MEMORY;
    graft_threads_set(1);
    for (uint64_t n = 1; status != GRAFT_OK; n++) {
        graft_alloc_fail_at(n);
        status = write_model(&result, "q4_0", &limit, path);
        graft_alloc_fail_at(0);
        assert_true(status == GRAFT_OK || status == GRAFT_E_MEMORY);
        assert_int_equal(test_file_exists(path), status == GRAFT_OK);
        assert_true(n < 1000);
    }
    graft_threads_set(0);
}

/* --- importances --- */

static size_t put(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return n;
}

static size_t put_int(uint8_t *at, int32_t value)
{
    return put(at, &value, sizeof value);
}

/* Two entries, then chunks and the dataset's name. */
static size_t dat_file(uint8_t *out)
{
    const float values[3] = {2, 4, 8};
    size_t n = put_int(out, 2);
    for (int i = 0; i < 2; i++) {
        n += put_int(out + n, 1);
        n += put(out + n, i == 0 ? "a" : "b", 1);
        n += put_int(out + n, 2 * i);
        n += put_int(out + n, 3);
        n += put(out + n, values, sizeof values);
    }
    n += put_int(out + n, 7);
    n += put_int(out + n, 4);
    return n + put(out + n, "text", 4);
}

static void old_importances_are_read(void **state)
{
    (void)state;
    uint8_t bytes[128];
    size_t n = dat_file(bytes), n_values = 0, whole = n - 12;
    graft_importance *importance;
    assert_ok(graft_importance_open(&importance, test_temp_file("i.dat", bytes, n)));
    assert_int_equal(graft_importance_n(importance), 2);
    assert_int_equal(graft_importance_chunks(importance), 7);
    assert_string_equal(graft_importance_dataset(importance), "text");
    assert_true(graft_importance_find(importance, "b", &n_values)[1] == 2.0f); /* 2 calls */
    assert_true(graft_importance_find(importance, "a", &n_values)[1] == 4.0f); /* 0: as it is */
    assert_int_equal(n_values, 3);
    assert_null(graft_importance_find(importance, "c", &n_values));
    graft_importance_close(importance);
    for (size_t cut = 0; cut < n; cut++) { /* with nothing behind the entries it is an older file */
        const char *path = test_temp_file("cut.dat", bytes, cut);
        if (cut == whole) {
            assert_ok(graft_importance_open(&importance, path));
            graft_importance_close(importance);
        } else {
            assert_fails(graft_importance_open(&importance, path), GRAFT_E_MODEL, "cut.dat: ");
            assert_null(importance);
        }
    }
    for (size_t at = 0; at < n; at++) { /* anything may come out, but nothing breaks */
        bytes[at] ^= 0xff;
        if (graft_importance_open(&importance, test_temp_file("x.dat", bytes, n)) == GRAFT_OK) {
            graft_importance_close(importance);
        }
        bytes[at] ^= 0xff;
    }
}

static graft_status open_importance(const char *type, const float *sums, const float *counts,
                                    const uint64_t counts_ne[4], graft_importance **out)
{
    const uint64_t ne[4] = {2, 2, 1, 1};
    const char *path = test_temp_path("i.gguf");
    graft_gguf_writer *w;
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_set_string(w, "general.type", type, strlen(type)));
    assert_ok(graft_gguf_set_u32(w, "imatrix.chunk_count", 5));
    assert_ok(graft_gguf_add_tensor(w, "x.weight.in_sum2", &graft_format_f32, 2, ne, sums));
    if (counts != NULL) {
        assert_ok(graft_gguf_add_tensor(w, "x.weight.counts", &graft_format_f32, 2, counts_ne,
                                        counts));
    }
    assert_ok(graft_gguf_write(w, path));
    graft_gguf_writer_free(w);
    return graft_importance_open(out, path);
}

static void importances_are_checked(void **state)
{
    (void)state;
    const float sums[4] = {1, 2, 3, 4}, nan[4] = {1, NAN, 3, 4}, counts[4] = {4, 0, 1, 1};
    const uint64_t two[4] = {1, 2, 1, 1}, wrong[4] = {2, 1, 1, 1};
    graft_importance *importance;
    size_t n;
    assert_ok(open_importance("imatrix", sums, counts, two, &importance));
    const float *values = graft_importance_find(importance, "x.weight", &n);
    assert_int_equal(n, 4);
    assert_true(values[1] == 0.5f && values[2] == 1.0f); /* nothing counted: all alike */
    assert_int_equal(graft_importance_chunks(importance), 5);
    assert_null(graft_importance_dataset(importance));
    graft_importance_close(importance);
    assert_fails(open_importance("model", sums, counts, two, &importance), GRAFT_E_MODEL,
                 "general.type is not \"imatrix\"");
    assert_fails(open_importance("imatrix", sums, NULL, two, &importance), GRAFT_E_MODEL,
                 "tensor \"x.weight.counts\" is missing");
    assert_fails(open_importance("imatrix", sums, counts, wrong, &importance), GRAFT_E_MODEL,
                 "do not belong together");
    assert_fails(open_importance("imatrix", nan, counts, two, &importance), GRAFT_E_MODEL,
                 "tensor \"x.weight\": value 1 is not a mean of squares");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_from_a_function), cmocka_unit_test(the_first_failure_is_told),
        cmocka_unit_test(memory_that_ends_leaves_nothing),
        cmocka_unit_test(old_importances_are_read), cmocka_unit_test(importances_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
