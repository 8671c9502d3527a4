/* io/gguf.h: models in several files open as one from any of them, or say what does not fit. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/strings.h"
#include "io/files.h"
#include "io/gguf.h"

/* One file: a tensor of four numbers for each letter, which are the letter's. */
typedef struct part {
    const char *name, *tensors;
    uint64_t no, count, total; /* split.*; a count of NONE: no such keys */
    const char *arch;          /* general.architecture, or NULL */
} part;

#define NONE UINT64_MAX

static void write_part(const part *p)
{
    graft_gguf_writer *w;
    float values[26][4];
    assert_ok(graft_gguf_writer_new(&w));
    if (p->arch != NULL) {
        assert_ok(graft_gguf_set_string(w, "general.architecture", p->arch, strlen(p->arch)));
    }
    if (p->count != NONE) {
        assert_ok(graft_gguf_set_u64(w, "split.no", p->no));
        assert_ok(graft_gguf_set_u64(w, "split.count", p->count));
        assert_ok(graft_gguf_set_u64(w, "split.tensors.count", p->total));
    }
    for (const char *letter = p->tensors; *letter != '\0'; letter++) {
        float *row = values[letter - p->tensors];
        row[0] = row[1] = row[2] = row[3] = (float)*letter;
        assert_ok(graft_gguf_add_tensor(w, (const char[2]){*letter, '\0'}, &graft_format_f32, 1,
                                        (const uint64_t[4]){4}, row));
    }
    assert_ok(graft_gguf_write(w, test_temp_path(p->name)));
    graft_gguf_writer_free(w);
}

static void write_parts(const part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        write_part(&parts[i]);
    }
}

static const part sample[] = {
    {"m-00001-of-00003.gguf", "ab", 0, 3, 4, "llama"},
    {"m-00002-of-00003.gguf", "c", 1, 3, 4, NULL},
    {"m-00003-of-00003.gguf", "d", 2, 3, 4, "llama"}, /* what it repeats is the same */
};

static void any_part_opens_all(void **state)
{
    (void)state;
    char hash[65], all[65];
    graft_text bytes, one;
    uint64_t size = 0, total = 0;
    write_parts(sample, 3);
    graft_text_init(&bytes);
    graft_text_init(&one);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(graft_file_read(&one, test_temp_path(sample[i].name), 1 << 20));
        assert_ok(graft_text_append(&bytes, one.data, one.len));
    }
    assert_ok(graft_file_sha256(all, test_temp_file("all", bytes.data, bytes.len)));
    for (size_t i = 0; i < 3; i++) {
        graft_gguf *file;
        assert_ok(graft_gguf_open(&file, test_temp_path(sample[i].name)));
        assert_int_equal(graft_gguf_n_tensors(file), 4);
        for (size_t t = 0; t < 4; t++) {
            char name[2] = {"abcd"[t], '\0'};
            const graft_gguf_tensor *tensor = graft_gguf_find_tensor(file, name);
            assert_ptr_equal(tensor, graft_gguf_tensor_at(file, t));
            assert_true(((const float *)(const void *)tensor->data)[3] == (float)name[0]);
        }
        assert_non_null(graft_gguf_find(file, "general.architecture"));
        assert_true(graft_str_ends_with(graft_gguf_path(file), sample[0].name));
        assert_int_equal(graft_gguf_n_parts(file), 3);
        total = 0;
        for (size_t k = 0; k < 3; k++) {
            assert_true(graft_str_ends_with(graft_gguf_part(file, k, &size), sample[k].name));
            total += size;
        }
        assert_int_equal(graft_gguf_size(file), total);
        assert_int_equal(total, bytes.len);
        assert_ok(graft_gguf_sha256(file, hash));
        assert_string_equal(hash, all);
        graft_gguf_close(file);
    }
    graft_text_clear(&bytes);
    graft_text_clear(&one);
}

/* Another number in the last part is another base. */
static void every_part_is_hashed(void **state)
{
    (void)state;
    char before[65], after[65];
    graft_gguf *file;
    graft_text bytes;
    graft_text_init(&bytes);
    write_parts(sample, 3);
    assert_ok(graft_gguf_open(&file, test_temp_path(sample[0].name)));
    assert_ok(graft_gguf_sha256(file, before));
    graft_gguf_close(file);
    assert_ok(graft_file_read(&bytes, test_temp_path(sample[2].name), 1 << 20));
    bytes.data[bytes.len - 20] ^= 1;
    test_temp_file(sample[2].name, bytes.data, bytes.len);
    assert_ok(graft_gguf_open(&file, test_temp_path(sample[0].name)));
    assert_ok(graft_gguf_sha256(file, after));
    graft_gguf_close(file);
    assert_string_not_equal(before, after);
    graft_text_clear(&bytes);
}

/* What was merged from parts says split.count 0. */
static void whole_files_may_be_called_anything(void **state)
{
    (void)state;
    static const part whole[] = {
        {"a.gguf", "x", 0, 0, 9, "llama"},
        {"b.gguf", "x", 0, 1, 1, "llama"},
        {"c-00002-of-00003.gguf", "x", 0, NONE, 0, "llama"},
    };
    for (size_t i = 0; i < 3; i++) {
        graft_gguf *file;
        char hash[65], same[65];
        write_part(&whole[i]);
        assert_ok(graft_gguf_open(&file, test_temp_path(whole[i].name)));
        assert_int_equal(graft_gguf_n_parts(file), 1);
        assert_ok(graft_gguf_sha256(file, hash));
        assert_ok(graft_file_sha256(same, test_temp_path(whole[i].name)));
        assert_string_equal(hash, same);
        graft_gguf_close(file);
    }
}

static void refuse(const char *name, graft_status code, const char *message)
{
    graft_gguf *file;
    assert_fails(graft_gguf_open(&file, test_temp_path(name)), code, message);
    assert_null(file);
}

static void missing_parts_are_named(void **state)
{
    (void)state;
    char message[512];
    write_part(&(part){"gone-00002-of-00004.gguf", "a", 1, 4, 4, NULL});
    write_part(&(part){"gone-00004-of-00004.gguf", "b", 3, 4, 4, NULL});
    snprintf(message, sizeof message, "gone-00004-of-00004.gguf: 2 of 4 parts of the model are "
             "missing: %s, ", test_temp_path("gone-00001-of-00004.gguf"));
    refuse("gone-00004-of-00004.gguf", GRAFT_E_DISK, message);
    refuse("gone-00002-of-00004.gguf", GRAFT_E_DISK, "gone-00003-of-00004.gguf");
    write_part(&(part){"many-00001-of-65535.gguf", "a", 0, 65535, 4, "llama"});
    refuse("many-00001-of-65535.gguf", GRAFT_E_DISK, ": 65534 of 65535 parts of the model are "
           "missing: ");
    assert_contains(graft_error_message(), "many-00005-of-65535.gguf, ...");
}

static void names_tell_the_place(void **state)
{
    (void)state;
    write_part(&(part){"model.gguf", "a", 1, 3, 4, "llama"});
    refuse("model.gguf", GRAFT_E_MODEL, "model.gguf: part 2 of 3 of a model; its name must end in "
           "\"-00002-of-00003.gguf\" for the others to be found");
    write_part(&(part){"model-00001-of-00003.gguf", "a", 1, 3, 4, "llama"});
    refuse("model-00001-of-00003.gguf", GRAFT_E_MODEL, "part 2 of 3 of a model; its name must");
    write_part(&(part){"l-00001-of-00002.gguf", "a", 0, 65536, 4, "llama"});
    refuse("l-00001-of-00002.gguf", GRAFT_E_MODEL,
           "key \"split.count\" is 65536, not from 0 to 65535");
    write_part(&(part){"l-00001-of-00002.gguf", "a", 2, 2, 4, "llama"});
    refuse("l-00001-of-00002.gguf", GRAFT_E_MODEL, "key \"split.no\" is 2, not from 0 to 1");
    write_part(&(part){"l-00001-of-00002.gguf", "a", 0, 2, UINT64_C(1) << 40, "llama"});
    refuse("l-00001-of-00002.gguf", GRAFT_E_MODEL, "key \"split.tensors.count\" is 1099511627776");
}

/* A first part of two that hold "a" and "b", beside one that does not fit. */
static void parts_of_something_else(void **state)
{
    (void)state;
    static const char first[] = "p-00001-of-00002.gguf", second[] = "p-00002-of-00002.gguf";
    static const struct {
        part part;
        const char *message;
    } cases[] = {
        {{second, "b", 1, 3, 2, NULL}, "p-00002-of-00002.gguf: split.count is 3, in "},
        {{second, "b", 1, NONE, 2, NULL}, "p-00002-of-00002.gguf: split.count is 1, in "},
        {{second, "b", 0, 2, 2, NULL}, "p-00002-of-00002.gguf: split.no is 0, by its name it is "
                                       "part 2, which has 1"},
        {{second, "b", 1, 2, 7, NULL}, "p-00002-of-00002.gguf: a part of another model: "
                                       "split.tensors.count is 7, in "},
        {{second, "b", 1, 2, 2, "qwen2"}, "p-00002-of-00002.gguf: a part of another model: "},
        {{second, "a", 1, 2, 2, NULL}, "p-00002-of-00002.gguf: tensor \"a\" is in an earlier part "
                                       "as well"},
        {{second, "bc", 1, 2, 2, NULL}, "split.tensors.count is 2, the 2 parts have 3 tensors"},
        {{second, "", 1, 2, 2, NULL}, "split.tensors.count is 2, the 2 parts have 1 tensors"},
    };
    write_part(&(part){first, "a", 0, 2, 2, "llama"});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_part(&cases[i].part);
        refuse(first, GRAFT_E_MODEL, cases[i].message);
    }
    write_part(&(part){first, "a", 0, 2, 2, NULL});
    write_part(&(part){second, "b", 1, 2, 2, "llama"});
    refuse(second, GRAFT_E_MODEL, "p-00001-of-00002.gguf has no key \"general.architecture\"");
    write_part(&(part){first, "a", 0, 2, 2, "qwen2"});
    refuse(second, GRAFT_E_MODEL, "has another key \"general.architecture\"");
    test_temp_file(first, "GGUF", 4);
    refuse(second, GRAFT_E_MODEL, "p-00001-of-00002.gguf: at byte 4: the file ends inside");
    assert_int_equal(unlink(test_temp_path(first)), 0);
    assert_ok(graft_make_dirs(test_temp_path(first)));
    refuse(second, GRAFT_E_DISK, "p-00001-of-00002.gguf: is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_part_opens_all),
        cmocka_unit_test(every_part_is_hashed),
        cmocka_unit_test(whole_files_may_be_called_anything),
        cmocka_unit_test(missing_parts_are_named),
        cmocka_unit_test(names_tell_the_place),
        cmocka_unit_test(parts_of_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
