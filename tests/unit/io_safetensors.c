/* io/safetensors.h: round trip, and files that must be refused. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/safetensors.h"

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const float a[6] = {1, 2, 3, 4, 5, 6}, scalar[1] = {7};
    static const uint64_t dims[2] = {2, 3}, none[3] = {4, 0, 2};
    graft_safetensors_writer *w;
    graft_safetensors *file;
    const char *path = test_temp_path("w.safetensors");
    assert_ok(graft_safetensors_writer_new(&w));
    assert_ok(graft_safetensors_add(w, "layer.\xc3\xa9.weight", 2, dims, a));
    assert_ok(graft_safetensors_add(w, "scalar", 0, NULL, scalar));
    assert_ok(graft_safetensors_add(w, "nothing", 3, none, a));
    assert_ok(graft_safetensors_set_metadata(w, "format", "pt"));
    assert_ok(graft_safetensors_write(w, path));
    assert_fails(graft_safetensors_add(w, "scalar", 0, NULL, scalar), GRAFT_E_FAILED,
                 "tensor \"scalar\" is written twice");
    assert_fails(graft_safetensors_add(w, "__metadata__", 0, NULL, scalar), GRAFT_E_FAILED,
                 "reserved");
    assert_fails(graft_safetensors_add(w, "\xff", 0, NULL, scalar), GRAFT_E_FAILED,
                 "\"\\xff\" is not valid UTF-8");
    graft_safetensors_writer_free(w);
    assert_ok(graft_safetensors_open(&file, path));
    assert_int_equal(graft_safetensors_n(file), 3);
    const graft_safetensors_tensor *t = graft_safetensors_find(file, "layer.\xc3\xa9.weight");
    assert_non_null(t);
    assert_ptr_equal(t, graft_safetensors_at(file, 0));
    assert_string_equal(t->dtype, "F32");
    assert_ptr_equal(t->format, &graft_format_f32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->n_elements, 6);
    assert_memory_equal(t->data, a, sizeof a);
    t = graft_safetensors_find(file, "nothing");
    assert_int_equal(t->n_bytes, 0);
    assert_int_equal(graft_safetensors_find(file, "scalar")->n_dims, 0);
    assert_null(graft_safetensors_find(file, "none"));
    assert_null(graft_safetensors_at(file, 3));
    assert_string_equal(graft_safetensors_metadata(file, "format"), "pt");
    assert_null(graft_safetensors_metadata(file, "other"));
    graft_safetensors_close(file);
    graft_safetensors_close(NULL);
    graft_safetensors_writer_free(NULL);
}

/* A file with this header and n_data bytes behind it. */
static const char *make_file(const char *header, size_t n_data)
{
    static char bytes[4096];
    size_t n = strlen(header);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (char)(n & 0xff);
    bytes[1] = (char)(n >> 8);
    memcpy(bytes + 8, header, n);
    return test_temp_file("x.safetensors", bytes, 8 + n + n_data);
}

#define T(dtype, shape, offsets) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void every_dtype_is_sized(void **state)
{
    (void)state;
    graft_safetensors *file;
    assert_ok(graft_safetensors_open(
        &file, make_file("{\"b\":" T("BF16", "[3]", "[8,14]") ",\"h\":" T("F16", "[1]", "[14,16]")
                         ",\"i\":" T("I64", "[]", "[0,8]") ",\"u\":" T("U8", "[2,2]", "[16,20]")
                         "}   ", 20)));
    assert_ptr_equal(graft_safetensors_find(file, "b")->format, &graft_format_bf16);
    assert_ptr_equal(graft_safetensors_find(file, "h")->format, &graft_format_f16);
    assert_null(graft_safetensors_find(file, "i")->format);
    assert_string_equal(graft_safetensors_find(file, "i")->dtype, "I64");
    assert_int_equal(graft_safetensors_find(file, "u")->n_elements, 4);
    graft_safetensors_close(file);
    assert_ok(graft_safetensors_open(&file, make_file("{}", 0)));
    assert_int_equal(graft_safetensors_n(file), 0);
    graft_safetensors_close(file);
}

static void malformed_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *message;
        size_t n_data;
    } cases[] = {
        {"[]", "not a safetensors file: its header does not begin with '{'", 0},
        {" {}", "not a safetensors file: its header does not begin with '{'", 0},
        {"{\"a\":1", "header: at byte 6: the text ends where", 0},
        {"{\"a\":1}", "tensor \"a\" is not described by an object", 0},
        {"{\"a\":{}}", "tensor \"a\": no dtype", 0},
        {"{\"a\":" T("F99", "[]", "[0,4]") "}", "tensor \"a\": unknown dtype \"F99\"", 4},
        {"{\"a\":{\"dtype\":5}}", "tensor \"a\": no dtype", 0},
        {"{\"a\":" T("F32", "3", "[0,4]") "}", "shape is not a list of at most 8 sizes", 4},
        {"{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", "list of at most 8 sizes", 4},
        {"{\"a\":" T("F32", "[1,-1]", "[0,4]") "}", "dimension 1 is not a size", 4},
        {"{\"a\":" T("F32", "[1.0]", "[0,4]") "}", "dimension 0 is not a size", 4},
        {"{\"a\":" T("F32", "[4294967296,4294967296]", "[0,4]") "}", "elements overflows", 4},
        {"{\"a\":" T("F32", "[4611686018427387904]", "[0,0]") "}",
         "0 bytes of data do not fit its shape and dtype", 4},
        {"{\"a\":" T("F32", "[1]", "[0]") "}", "data_offsets is not a pair", 4},
        {"{\"a\":" T("F32", "[1]", "[0,4,8]") "}", "data_offsets is not a pair", 4},
        {"{\"a\":" T("F32", "[1]", "[4,0]") "}", "data_offsets is not a pair", 4},
        {"{\"a\":" T("F32", "[1]", "[-4,0]") "}", "data_offsets is not a pair", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", "data_offsets is not a pair", 4},
        {"{\"a\":" T("F32", "[2]", "[0,8]") "}", "its data ends at 8, but the file has 7", 7},
        {"{\"a\":" T("F32", "[2]", "[0,4]") "}", "4 bytes of data do not fit its shape", 4},
        {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F32", "[1]", "[2,6]") "}",
         "tensor \"b\" overlaps the one before it", 6},
        {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F32", "[1]", "[0,4]") "}",
         "overlaps the one before it", 4},
        {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F32", "[1]", "[5,9]") "}",
         "tensor \"b\" leaves a hole before it", 9},
        {"{\"a\":" T("F32", "[1]", "[1,5]") "}", "tensor \"a\" leaves a hole before it", 5},
        {"{\"a\":" T("F32", "[1]", "[0,4]") "}", "1 bytes after the last tensor", 5},
        {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"a\":" T("F32", "[1]", "[4,8]") "}",
         "header: at byte 54: duplicate key \"a\"", 8},
        {"{\"__metadata__\":[]}", "__metadata__ is not an object", 0},
        {"{\"__metadata__\":{\"a\":1}}", "__metadata__ holds something that is not a string", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_safetensors *file;
        assert_fails(graft_safetensors_open(&file, make_file(cases[i].header, cases[i].n_data)),
                     GRAFT_E_MODEL, cases[i].message);
        assert_contains(graft_error_message(), "x.safetensors: ");
        assert_null(file);
    }
}

/* mlx says null where it has no metadata: adapters that mlx-lm trained were not read. */
static void null_is_no_metadata(void **state)
{
    (void)state;
    graft_safetensors *file;
    assert_ok(graft_safetensors_open(
        &file, make_file("{\"__metadata__\":null,\"a\":" T("F32", "[1]", "[0,4]") "}", 4)));
    assert_int_equal(graft_safetensors_n(file), 1);
    assert_null(graft_safetensors_metadata(file, "format"));
    graft_safetensors_close(file);
}

static void header_length_is_bounded(void **state)
{
    (void)state;
    graft_safetensors *file;
    const char *name = "l.safetensors";
    assert_fails(graft_safetensors_open(&file, test_temp_file(name, "\x10\0\0\0\0\0\0", 7)),
                 GRAFT_E_MODEL, "not a safetensors file: 7 bytes");
    assert_fails(graft_safetensors_open(&file, test_temp_file(name, "\0\0\0\0\0\0\0\0", 8)),
                 GRAFT_E_MODEL, "does not begin with '{'");
    assert_fails(graft_safetensors_open(&file, test_temp_file(name, "\x03\0\0\0\0\0\0\0{}", 10)),
                 GRAFT_E_MODEL, "a header of 3 bytes, but the file has only 2 left");
    assert_fails(graft_safetensors_open(&file, test_temp_file(name, "\x01\xe1\xf5\x05\0\0\0\0{}", 10)),
                 GRAFT_E_MODEL, "a header of 100000001 bytes (at most 100000000)");
    assert_fails(graft_safetensors_open(&file, test_temp_file(name, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)),
                 GRAFT_E_MODEL, "a header of 18446744073709551615 bytes");
    assert_fails(graft_safetensors_open(&file, test_temp_path("none")), GRAFT_E_DISK, "cannot open");
}

/* Every truncation of a valid file fails and none crashes. */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    graft_mapped whole;
    graft_safetensors *file;
    static char copy[512];
    assert_ok(graft_mapped_open(
        &whole, make_file("{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("I8", "[3]", "[8,11]") "}",
                          11)));
    size_t n = whole.size;
    memcpy(copy, whole.data, n);
    graft_mapped_close(&whole);
    for (size_t cut = 0; cut < n; cut++) {
        const char *path = test_temp_file("cut.safetensors", copy, cut);
        assert_int_equal(graft_safetensors_open(&file, path), GRAFT_E_MODEL);
        assert_null(file);
    }
    assert_ok(graft_safetensors_open(&file, test_temp_file("cut.safetensors", copy, n)));
    graft_safetensors_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_dtype_is_sized),
        cmocka_unit_test(malformed_headers_are_refused),
        cmocka_unit_test(null_is_no_metadata),
        cmocka_unit_test(header_length_is_bounded),
        cmocka_unit_test(every_truncation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
