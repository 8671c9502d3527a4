/* io/gguf.h: what is written reads back; keys by name, type and range. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"
#include "io/gguf.h"

static const float matrix[6] = {1, 2, 3, 4, 5, 6};
static const uint8_t blocks[3 * 20] = {7, 8, 9};

static graft_gguf *write_and_open(graft_gguf_writer *w, const char *name)
{
    graft_gguf *file;
    const char *path = test_temp_path(name);
    assert_ok(graft_gguf_write(w, path));
    graft_gguf_writer_free(w);
    assert_ok(graft_gguf_open(&file, path));
    return file;
}

static graft_gguf_writer *sample(void)
{
    graft_gguf_writer *w;
    const graft_format *q4_1 = graft_format_find(3);
    assert_non_null(q4_1);
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_set_string(w, "general.architecture", "llama", 5));
    assert_ok(graft_gguf_set_string(w, "bytes", "a\0\xff", 3));
    assert_ok(graft_gguf_set_string(w, "nothing", NULL, 0));
    assert_ok(graft_gguf_set_u32(w, "u32", UINT32_MAX));
    assert_ok(graft_gguf_set_u64(w, "u64", UINT64_MAX));
    assert_ok(graft_gguf_set_f32(w, "f32", 0.1f));
    assert_ok(graft_gguf_set_f32(w, "nan", NAN));
    assert_ok(graft_gguf_set_bool(w, "yes", true));
    assert_ok(graft_gguf_add_tensor(w, "a.weight", &graft_format_f32, 2,
                                    (const uint64_t[4]){3, 2}, matrix));
    assert_ok(graft_gguf_add_tensor(w, "q", q4_1, 3, (const uint64_t[4]){32, 1, 3}, blocks));
    return w;
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    graft_gguf *file = write_and_open(sample(), "a.gguf");
    assert_int_equal(graft_gguf_n_kv(file), 8);
    assert_int_equal(graft_gguf_n_tensors(file), 2);
    assert_int_equal(graft_gguf_size(file) % 32, 0);
    assert_contains(graft_gguf_path(file), "a.gguf");
    const graft_gguf_tensor *t = graft_gguf_find_tensor(file, "a.weight");
    assert_ptr_equal(t, graft_gguf_tensor_at(file, 0));
    assert_string_equal(t->name, "a.weight");
    assert_string_equal(t->format->name, "F32");
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->ne[0], 3);
    assert_int_equal(t->ne[1], 2);
    assert_int_equal(t->ne[3], 1);
    assert_int_equal(t->row_bytes, 12);
    assert_int_equal(t->n_bytes, sizeof matrix);
    assert_memory_equal(t->data, matrix, sizeof matrix);
    t = graft_gguf_find_tensor(file, "q");
    assert_int_equal(t->row_bytes, 20);
    assert_int_equal(t->n_bytes, sizeof blocks);
    assert_memory_equal(t->data, blocks, sizeof blocks);
    assert_null(graft_gguf_find_tensor(file, "a"));
    assert_null(graft_gguf_tensor_at(file, 2));
    assert_null(graft_gguf_kv_at(file, 8));
    graft_gguf_close(file);
    graft_gguf_close(NULL);
}

static void wanted_keys_are_checked(void **state)
{
    (void)state;
    graft_gguf *file = write_and_open(sample(), "a.gguf");
    graft_gguf_string s = {0};
    uint64_t u = 7;
    double d = 7;
    bool b = false;
    assert_ok(graft_gguf_get_string(file, "bytes", &s));
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.data, "a\0\xff", 3);
    assert_ok(graft_gguf_want_string(file, "nothing", &s));
    assert_int_equal(s.len, 0);
    assert_ok(graft_gguf_get_u64(file, "u32", 0, UINT64_MAX, &u));
    assert_true(u == UINT32_MAX);
    assert_ok(graft_gguf_get_u64(file, "u64", 0, UINT64_MAX, &u));
    assert_true(u == UINT64_MAX);
    assert_ok(graft_gguf_get_f64(file, "f32", &d));
    assert_true(d == (double)0.1f);
    assert_ok(graft_gguf_want_bool(file, "yes", &b));
    assert_true(b);
    u = 7;
    assert_ok(graft_gguf_want_u64(file, "none", 0, 1, &u));
    assert_ok(graft_gguf_want_f64(file, "none", &d));
    assert_ok(graft_gguf_want_bool(file, "none", &b));
    assert_ok(graft_gguf_want_string(file, "none", &s));
    assert_int_equal(u, 7);
    assert_fails(graft_gguf_get_u64(file, "none", 0, 1, &u), GRAFT_E_MODEL,
                 "a.gguf: key \"none\" is missing");
    assert_fails(graft_gguf_get_f64(file, "none", &d), GRAFT_E_MODEL, "key \"none\" is missing");
    assert_fails(graft_gguf_get_string(file, "none", &s), GRAFT_E_MODEL, "key \"none\" is missing");
    assert_fails(graft_gguf_want_u64(file, "u32", 1, 100, &u), GRAFT_E_MODEL,
                 "a.gguf: key \"u32\" is 4294967295, not from 1 to 100");
    assert_fails(graft_gguf_want_u64(file, "f32", 1, 100, &u), GRAFT_E_MODEL,
                 "key \"f32\" is f32, not an integer");
    assert_fails(graft_gguf_want_f64(file, "u32", &d), GRAFT_E_MODEL, "is u32, not a float");
    assert_fails(graft_gguf_want_f64(file, "nan", &d), GRAFT_E_MODEL, "key \"nan\" is not finite");
    assert_fails(graft_gguf_want_bool(file, "u32", &b), GRAFT_E_MODEL, "is u32, not a bool");
    assert_fails(graft_gguf_want_string(file, "yes", &s), GRAFT_E_MODEL, "is bool, not a string");
    graft_gguf_close(file);
}

/* A key of any type, as a reader would have handed it over. */
static void copy(graft_gguf_writer *w, const char *key, graft_gguf_type type,
                 graft_gguf_type element, uint64_t n, const void *data, size_t n_bytes)
{
    const graft_gguf_kv kv = {.key = {key, strlen(key)}, .type = type, .element_type = element,
                              .n = n, .data = data, .n_bytes = n_bytes};
    assert_ok(graft_gguf_copy_kv(w, &kv));
}

static void integers_of_every_type_are_ranged(void **state)
{
    (void)state;
    graft_gguf_writer *w;
    uint64_t u;
    static const struct {
        const char *key;
        graft_gguf_type type;
        size_t n_bytes;
        uint64_t value;
    } cases[] = {
        {"u8", GRAFT_GGUF_U8, 1, UINT8_MAX}, {"u16", GRAFT_GGUF_U16, 2, UINT16_MAX},
        {"u32", GRAFT_GGUF_U32, 4, UINT32_MAX}, {"u64", GRAFT_GGUF_U64, 8, UINT64_MAX},
        {"i8", GRAFT_GGUF_I8, 1, 0}, {"i16", GRAFT_GGUF_I16, 2, 0},
        {"i32", GRAFT_GGUF_I32, 4, 0}, {"i64", GRAFT_GGUF_I64, 8, 0},
    };
    enum { N = sizeof cases / sizeof *cases };
    assert_ok(graft_gguf_writer_new(&w));
    for (size_t i = 0; i < N; i++) {
        copy(w, cases[i].key, cases[i].type, cases[i].type, 1, "\xff\xff\xff\xff\xff\xff\xff\xff",
             cases[i].n_bytes);
    }
    copy(w, "i32+", GRAFT_GGUF_I32, GRAFT_GGUF_I32, 1, "\x05\0\0\0", 4);
    graft_gguf *file = write_and_open(w, "ints.gguf");
    for (size_t i = 0; i < N; i++) {
        if (cases[i].key[0] == 'u') {
            assert_ok(graft_gguf_get_u64(file, cases[i].key, 0, UINT64_MAX, &u));
            assert_true(u == cases[i].value);
        } else {
            assert_fails(graft_gguf_get_u64(file, cases[i].key, 1, UINT64_MAX, &u), GRAFT_E_MODEL,
                         "\" is -1, less than 1");
        }
    }
    assert_ok(graft_gguf_get_u64(file, "i32+", 5, 5, &u));
    assert_int_equal(u, 5);
    graft_gguf_close(file);
}

static void arrays_are_unpacked(void **state)
{
    (void)state;
    static const char strings[] = "\1\0\0\0\0\0\0\0a" "\0\0\0\0\0\0\0\0" "\2\0\0\0\0\0\0\0bc";
    static const int32_t ints[3] = {-1, 0, INT32_MAX};
    static const uint64_t big[1] = {UINT64_MAX};
    static const double doubles[2] = {0.5, -2};
    graft_gguf_writer *w;
    graft_gguf_string *s;
    int64_t *i;
    double *d;
    size_t n;
    assert_ok(graft_gguf_writer_new(&w));
    copy(w, "s", GRAFT_GGUF_ARRAY, GRAFT_GGUF_STRING, 3, strings, sizeof strings - 1);
    copy(w, "i", GRAFT_GGUF_ARRAY, GRAFT_GGUF_I32, 3, ints, sizeof ints);
    copy(w, "b", GRAFT_GGUF_ARRAY, GRAFT_GGUF_BOOL, 2, "\1\0", 2);
    copy(w, "big", GRAFT_GGUF_ARRAY, GRAFT_GGUF_U64, 1, big, sizeof big);
    copy(w, "d", GRAFT_GGUF_ARRAY, GRAFT_GGUF_F64, 2, doubles, sizeof doubles);
    copy(w, "f", GRAFT_GGUF_ARRAY, GRAFT_GGUF_F32, 1, matrix, 4);
    copy(w, "none", GRAFT_GGUF_ARRAY, GRAFT_GGUF_F32, 0, NULL, 0);
    graft_gguf *file = write_and_open(w, "arrays.gguf");
    assert_ok(graft_gguf_array_strings(file, "s", &s, &n));
    assert_int_equal(n, 3);
    assert_int_equal(s[1].len, 0);
    assert_memory_equal(s[2].data, "bc", 2);
    graft_free(s);
    assert_ok(graft_gguf_array_i64(file, "i", &i, &n));
    assert_int_equal(n, 3);
    assert_true(i[0] == -1 && i[1] == 0 && i[2] == INT32_MAX);
    graft_free(i);
    assert_ok(graft_gguf_array_i64(file, "b", &i, &n));
    assert_true(n == 2 && i[0] == 1 && i[1] == 0);
    graft_free(i);
    assert_fails(graft_gguf_array_i64(file, "big", &i, &n), GRAFT_E_MODEL,
                 "key \"big\": element 0 is 18446744073709551615, more than 63 bits");
    assert_null(i);
    assert_ok(graft_gguf_array_f64(file, "d", &d, &n));
    assert_true(n == 2 && d[0] == 0.5 && d[1] == -2);
    graft_free(d);
    assert_ok(graft_gguf_array_f64(file, "f", &d, &n));
    assert_true(n == 1 && d[0] == 1);
    graft_free(d);
    assert_ok(graft_gguf_array_f64(file, "none", &d, &n));
    assert_int_equal(n, 0);
    graft_free(d);
    assert_fails(graft_gguf_array_strings(file, "i", &s, &n), GRAFT_E_MODEL,
                 "key \"i\" is an array of i32, not an array of strings");
    assert_fails(graft_gguf_array_i64(file, "s", &i, &n), GRAFT_E_MODEL, "an array of string, not");
    assert_fails(graft_gguf_array_f64(file, "i", &d, &n), GRAFT_E_MODEL, "not an array of floats");
    assert_fails(graft_gguf_array_i64(file, "x", &i, &n), GRAFT_E_MODEL, "key \"x\" is missing");
    uint64_t u;
    assert_fails(graft_gguf_get_u64(file, "i", 0, 1, &u), GRAFT_E_MODEL,
                 "key \"i\" is an array of i32, not an integer");
    graft_gguf_close(file);
}

static void a_copy_is_the_same_file(void **state)
{
    (void)state;
    graft_gguf_writer *w = sample(), *again;
    assert_ok(graft_gguf_set_u32(w, "general.alignment", 64));
    graft_gguf *file = write_and_open(w, "a.gguf");
    assert_int_equal(graft_gguf_size(file) % 64, 0);
    assert_ok(graft_gguf_writer_new(&again));
    for (size_t i = 0; i < graft_gguf_n_kv(file); i++) {
        assert_ok(graft_gguf_copy_kv(again, graft_gguf_kv_at(file, i)));
    }
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        assert_ok(graft_gguf_add_tensor(again, t->name, t->format, t->n_dims, t->ne, t->data));
    }
    graft_gguf *second = write_and_open(again, "b.gguf");
    graft_mapped a, b;
    assert_ok(graft_mapped_open(&a, graft_gguf_path(file)));
    assert_ok(graft_mapped_open(&b, graft_gguf_path(second)));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    graft_mapped_close(&a);
    graft_mapped_close(&b);
    graft_gguf_close(file);
    graft_gguf_close(second);
}

/* Writes the rows of the matrix, or too little, or too much. */
static graft_status fill(void *context, size_t i, graft_writer *out)
{
    const size_t *n = context;
    assert_int_equal(i, 0);
    return graft_writer_write(out, matrix, *n);
}

static void tensors_can_be_made_while_the_file_is_written(void **state)
{
    (void)state;
    const uint64_t ne[4] = {3, 2, 1, 1};
    const char *path = test_temp_path("filled.gguf");
    graft_gguf_writer *w;
    graft_gguf *file;
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_add_tensor(w, "made", &graft_format_f32, 2, ne, NULL));
    assert_ok(graft_gguf_add_tensor(w, "there", &graft_format_f32, 2, ne, matrix));
    assert_fails(graft_gguf_write(w, path), GRAFT_E_FAILED, "tensor \"made\" has no data");
    assert_fails(graft_gguf_write_with(w, path, fill, &(size_t){20}), GRAFT_E_FAILED,
                 "tensor \"made\": 20 bytes came instead of 24");
    assert_fails(graft_gguf_open(&file, path), GRAFT_E_DISK, "No such file");
    assert_ok(graft_gguf_write_with(w, path, fill, &(size_t){24}));
    assert_ok(graft_gguf_open(&file, path));
    assert_memory_equal(graft_gguf_find_tensor(file, "made")->data, matrix, 24);
    assert_memory_equal(graft_gguf_find_tensor(file, "there")->data, matrix, 24);
    graft_gguf_close(file);
    graft_gguf_writer_free(w);
}

static void what_readers_refuse_is_not_written(void **state)
{
    (void)state;
    char long_name[65];
    const graft_format *f32 = &graft_format_f32;
    const uint64_t ne[4] = {2, 1, 1, 1}, zero[4] = {2, 0, 1, 1};
    const uint64_t huge[4] = {UINT64_C(1) << 40, UINT64_C(1) << 40, 1, 1};
    graft_gguf_writer *w = sample();
    memset(long_name, 'x', 64);
    long_name[64] = '\0';
    assert_fails(graft_gguf_set_u32(w, "u32", 1), GRAFT_E_FAILED, "key \"u32\" is written twice");
    assert_fails(graft_gguf_set_u32(w, "", 1), GRAFT_E_FAILED, "has 0 bytes");
    assert_fails(graft_gguf_set_u32(w, "\xff", 1), GRAFT_E_FAILED, "\"\\xff\" is not valid UTF-8");
    assert_fails(graft_gguf_set_u32(w, "general.alignment", 24), GRAFT_E_FAILED,
                 "general.alignment must be a u32, a power of two");
    assert_fails(graft_gguf_add_tensor(w, "a.weight", f32, 1, ne, matrix), GRAFT_E_FAILED,
                 "tensor \"a.weight\" is written twice");
    assert_fails(graft_gguf_add_tensor(w, long_name, f32, 1, ne, matrix), GRAFT_E_FAILED,
                 "has 64 bytes (1 to 63 can be written)");
    assert_fails(graft_gguf_add_tensor(w, "t", f32, 0, ne, matrix), GRAFT_E_FAILED,
                 "tensor \"t\": its shape cannot be written as F32");
    assert_fails(graft_gguf_add_tensor(w, "t", f32, 5, ne, matrix), GRAFT_E_FAILED, "its shape");
    assert_fails(graft_gguf_add_tensor(w, "t", f32, 2, zero, matrix), GRAFT_E_FAILED, "its shape");
    assert_fails(graft_gguf_add_tensor(w, "t", f32, 2, huge, matrix), GRAFT_E_FAILED, "its shape");
    assert_fails(graft_gguf_add_tensor(w, "t", graft_format_find(3), 1, ne, matrix), GRAFT_E_FAILED,
                 "its shape cannot be written as Q4_1");
    long_name[63] = '\0';
    assert_ok(graft_gguf_add_tensor(w, long_name, f32, 1, ne, matrix));
    graft_gguf *file = write_and_open(w, "a.gguf"); /* what failed left nothing behind */
    assert_int_equal(graft_gguf_n_kv(file), 8);
    assert_int_equal(graft_gguf_n_tensors(file), 3);
    graft_gguf_close(file);
    graft_gguf_writer_free(NULL);
}

static void opening_fails_without_memory(void **state)
{
    (void)state;
    graft_gguf_close(write_and_open(sample(), "a.gguf"));
    const char *path = test_temp_path("a.gguf");
    uint64_t n = 1;
    for (;; n++) {
        graft_gguf *file;
        graft_alloc_fail_at(n);
        graft_status status = graft_gguf_open(&file, path);
        graft_alloc_fail_at(0);
        if (status == GRAFT_OK) {
            graft_gguf_close(file);
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        assert_null(file);
    }
    assert_in_range(n, 5, 40);
}

/* Opening costs the same number of allocations whatever the length of the arrays. */
static void arrays_cost_nothing_to_open(void **state)
{
    (void)state;
    enum { N = 150000 };
    static char strings[N * 10];
    uint64_t counts[2];
    for (size_t i = 0; i < N; i++) {
        memcpy(strings + i * 10, "\2\0\0\0\0\0\0\0tk", 10);
    }
    for (size_t pass = 0; pass < 2; pass++) {
        size_t n = pass == 0 ? 1 : N;
        graft_gguf_writer *w;
        graft_gguf *file;
        assert_ok(graft_gguf_writer_new(&w));
        copy(w, "tokens", GRAFT_GGUF_ARRAY, GRAFT_GGUF_STRING, n, strings, n * 10);
        assert_ok(graft_gguf_write(w, test_temp_path("vocab.gguf")));
        graft_gguf_writer_free(w);
        uint64_t before = graft_alloc_count();
        assert_ok(graft_gguf_open(&file, test_temp_path("vocab.gguf")));
        counts[pass] = graft_alloc_count() - before;
        graft_gguf_close(file);
    }
    assert_int_equal(counts[0], counts[1]);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    graft_mapped whole;
    static char bytes[4096];
    graft_gguf_close(write_and_open(sample(), "a.gguf"));
    assert_ok(graft_mapped_open(&whole, test_temp_path("a.gguf")));
    size_t n = whole.size;
    assert_in_range(n, 100, sizeof bytes);
    memcpy(bytes, whole.data, n);
    graft_mapped_close(&whole);
    for (size_t cut = 0; cut < n - 4; cut++) { /* the last 4 bytes are padding */
        graft_gguf *file;
        assert_int_equal(graft_gguf_open(&file, test_temp_file("cut.gguf", bytes, cut)),
                         GRAFT_E_MODEL);
        assert_null(file);
    }
}

static void a_real_model_opens(void **state)
{
    (void)state;
    graft_gguf *file;
    graft_gguf_string *tokens;
    size_t n;
    if (!test_file_exists(TEST_BASE_MODEL)) {
        test_skip("no base model (scripts/get-base)");
    }
    assert_ok(graft_gguf_open(&file, TEST_BASE_MODEL));
    assert_int_equal(graft_gguf_n_tensors(file), 272);
    const graft_gguf_tensor *t = graft_gguf_find_tensor(file, "blk.29.ffn_down.weight");
    assert_non_null(t);
    assert_int_equal(t->ne[0], 1536);
    assert_int_equal(t->ne[1], 576);
    assert_ok(graft_gguf_array_strings(file, "tokenizer.ggml.tokens", &tokens, &n));
    assert_int_equal(n, 49152);
    assert_memory_equal(tokens[1].data, "<|im_start|>", tokens[1].len);
    graft_free(tokens);
    graft_gguf_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(wanted_keys_are_checked),
        cmocka_unit_test(integers_of_every_type_are_ranged),
        cmocka_unit_test(arrays_are_unpacked),
        cmocka_unit_test(a_copy_is_the_same_file),
        cmocka_unit_test(tensors_can_be_made_while_the_file_is_written),
        cmocka_unit_test(what_readers_refuse_is_not_written),
        cmocka_unit_test(opening_fails_without_memory),
        cmocka_unit_test(arrays_cost_nothing_to_open),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_real_model_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
