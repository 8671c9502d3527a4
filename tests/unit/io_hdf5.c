/* io/hdf5.h: checkpoints as images behind a header. */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/sha256.h"
#include "io/calls.h"
#include "io/files.h"
#include "io/hdf5.h"

enum { N = 5000 };
static float numbers[N];
static const uint64_t counters[3] = {0, UINT64_MAX, 42};

static graft_h5_writer *make_sample(void)
{
    graft_h5_writer *image;
    for (int i = 0; i < N; i++) {
        numbers[i] = (float)i * 0.25f - 7.0f;
    }
    assert_ok(graft_h5_new(&image));
    assert_ok(graft_h5_put_f32(image, "adapter/blk.0.attn_q/a", numbers, N));
    assert_ok(graft_h5_put_f32(image, "adapter/blk.0.attn_q/b", numbers, 1));
    assert_ok(graft_h5_put_u64(image, "step", counters, 3));
    assert_ok(graft_h5_put_text(image, "config", "a\0b\xff", 4));
    assert_ok(graft_h5_put_text(image, "empty", NULL, 0));
    return image;
}

static const char *write_sample(const char *name)
{
    graft_h5_writer *image = make_sample();
    const char *path = test_temp_path(name);
    assert_ok(graft_h5_write(image, path));
    graft_h5_writer_free(image);
    return path;
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static float out[N];
    uint64_t u[3];
    size_t n;
    graft_h5 *image;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_h5_read(&image, write_sample("a.h5")));
    assert_ok(graft_h5_get_f32(image, "adapter/blk.0.attn_q/a", out, N));
    assert_memory_equal(out, numbers, sizeof out);
    assert_ok(graft_h5_get_u64(image, "step", u, 3));
    assert_memory_equal(u, counters, sizeof u);
    assert_ok(graft_h5_get_text(image, "config", &text));
    assert_int_equal(text.len, 4);
    assert_memory_equal(text.data, "a\0b\xff", 4);
    assert_ok(graft_h5_get_text(image, "empty", &text));
    assert_int_equal(text.len, 0);
    assert_ok(graft_h5_size(image, "adapter/blk.0.attn_q/b", &n));
    assert_int_equal(n, 1);
    graft_text_clear(&text);
    assert_ok(graft_h5_list(image, &text));
    assert_string_equal(text.data, "adapter/blk.0.attn_q/a f32 5000\nadapter/blk.0.attn_q/b f32 1\n"
                                   "config text 4\nempty text 0\nstep u64 3\n");
    graft_text_clear(&text);
    graft_h5_free(image);
    graft_h5_free(NULL);
}

enum { CHUNK = 1 << 20 };

static void packed_bytes_read_back(void **state)
{
    static const size_t sizes[] = {0, 1, CHUNK - 9, CHUNK - 8, CHUNK - 7, 3 * CHUNK + 5};
    static char bytes[4 * CHUNK];
    graft_h5_writer *writer;
    graft_h5 *image;
    graft_text text;
    graft_mapped file;
    (void)state;
    graft_text_init(&text);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i % 251 + i / 4099);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *path = test_temp_path("packed.h5");
        assert_ok(graft_h5_new(&writer));
        assert_ok(graft_h5_put_packed(writer, "a/b", bytes, sizes[i]));
        assert_ok(graft_h5_write(writer, path));
        graft_h5_writer_free(writer);
        assert_ok(graft_mapped_open(&file, path));
        assert_true(file.size < sizes[i] / 2 + 8192);
        graft_mapped_close(&file);
        assert_ok(graft_h5_read(&image, path));
        assert_ok(graft_h5_get_packed(image, "a/b", &text));
        assert_int_equal(text.len, sizes[i]);
        assert_memory_equal(graft_text_z(&text), bytes, sizes[i]);
        assert_fails(graft_h5_get_text(image, "a/b", &text), GRAFT_E_CHECKPOINT, "packed instead of");
        assert_fails(graft_h5_get_packed(image, "a", &text), GRAFT_E_CHECKPOINT, "is missing");
        graft_h5_free(image);
    }
    graft_text_clear(&text);
}

static void wrong_requests_name_file_and_array(void **state)
{
    (void)state;
    float f[3];
    uint64_t u[3];
    size_t n;
    graft_h5 *image;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_h5_read(&image, write_sample("a.h5")));
    assert_fails(graft_h5_get_f32(image, "none", f, 3), GRAFT_E_CHECKPOINT,
                 "a.h5: array \"none\" is missing");
    assert_fails(graft_h5_get_f32(image, "none/at/all", f, 3), GRAFT_E_CHECKPOINT, "is missing");
    assert_fails(graft_h5_get_f32(image, "", f, 3), GRAFT_E_CHECKPOINT, "is missing");
    assert_fails(graft_h5_size(image, "adapter", &n), GRAFT_E_CHECKPOINT,
                 "array \"adapter\" is missing");
    assert_fails(graft_h5_get_f32(image, "step", f, 3), GRAFT_E_CHECKPOINT,
                 "a.h5: array \"step\" has 3 u64 instead of 3 f32");
    assert_fails(graft_h5_get_u64(image, "step", u, 2), GRAFT_E_CHECKPOINT,
                 "array \"step\" has 3 u64 instead of 2 u64");
    assert_fails(graft_h5_get_text(image, "step", &text), GRAFT_E_CHECKPOINT, "instead of 3 text");
    graft_h5_free(image);
}

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "./a", "a/./b", "a/."};
    graft_h5_writer *image;
    assert_ok(graft_h5_new(&image));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(graft_h5_put_text(image, bad[i], "x", 1), GRAFT_E_FAILED,
                     "cannot name an array");
    }
    static char deep[] = "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/n/too deep";
    assert_fails(graft_h5_put_text(image, deep, "x", 1), GRAFT_E_FAILED, "cannot name an array");
    *strrchr(deep, '/') = '\0';
    assert_ok(graft_h5_put_text(image, deep, "x", 1));
    char longest[1026];
    memset(longest, 'n', sizeof longest);
    longest[1025] = '\0';
    assert_fails(graft_h5_put_text(image, longest, "x", 1), GRAFT_E_FAILED, "cannot name an array");
    longest[1024] = '\0';
    assert_ok(graft_h5_put_text(image, longest, "x", 1));
    assert_ok(graft_h5_put_text(image, "a", "x", 1));
    assert_fails(graft_h5_put_text(image, "a", "x", 1), GRAFT_E_FAILED, "make the array \"a\"");
    assert_fails(graft_h5_put_text(image, "a/b", "x", 1), GRAFT_E_FAILED, "\"a/b\"");
    assert_ok(graft_h5_write(image, test_temp_path("names.h5")));
    graft_h5_writer_free(image);
    graft_h5 *read;
    size_t n;
    assert_ok(graft_h5_read(&read, test_temp_path("names.h5")));
    assert_ok(graft_h5_size(read, deep, &n));
    assert_ok(graft_h5_size(read, longest, &n));
    graft_h5_free(read);
}

/* The same state gives the same bytes, also a second later and after a first write. */
static void files_are_reproducible(void **state)
{
    (void)state;
    graft_mapped a, b, c;
    graft_h5_writer *image;
    assert_ok(graft_mapped_open(&a, write_sample("one.h5")));
    sleep(1); /* a time stamp would differ now */
    image = make_sample();
    assert_ok(graft_h5_write(image, test_temp_path("two.h5")));
    assert_ok(graft_h5_write(image, test_temp_path("three.h5")));
    graft_h5_writer_free(image);
    assert_ok(graft_mapped_open(&b, test_temp_path("two.h5")));
    assert_ok(graft_mapped_open(&c, test_temp_path("three.h5")));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_int_equal(a.size, c.size);
    assert_memory_equal(a.data, c.data, a.size);
    graft_mapped_close(&a);
    graft_mapped_close(&b);
    graft_mapped_close(&c);
}

/* Trees of more than one level: a node has room for 32 leaves of 8 links, and for 64 chunks. */
static void large_groups_and_arrays_read_back(void **state)
{
    (void)state;
    enum { GROUPS = 700, MANY_CHUNKS = 150 };
    graft_h5_writer *writer;
    graft_h5 *image;
    graft_text text;
    char *bytes, name[40];
    const char *path = test_temp_path("large.h5");
    size_t n = (size_t)MANY_CHUNKS * CHUNK - 8;
    assert_ok(graft_alloc(&bytes, n, 1));
    for (size_t i = 0; i < n; i += 4099) {
        bytes[i] = (char)(i / 4099);
    }
    assert_ok(graft_h5_new(&writer));
    assert_ok(graft_h5_put_packed(writer, "packed", bytes, n));
    for (uint64_t i = 0; i < GROUPS; i++) {
        snprintf(name, sizeof name, "g/%03d/n", (int)(i * 467 % GROUPS));
        assert_ok(graft_h5_put_u64(writer, name, &i, 1));
    }
    assert_ok(graft_h5_write(writer, path));
    graft_h5_writer_free(writer);
    assert_ok(graft_h5_read(&image, path));
    graft_text_init(&text);
    assert_ok(graft_h5_get_packed(image, "packed", &text));
    assert_int_equal(text.len, n);
    assert_memory_equal(text.data, bytes, n);
    for (uint64_t i = 0; i < GROUPS; i++) {
        uint64_t found = 0;
        snprintf(name, sizeof name, "g/%03d/n", (int)(i * 467 % GROUPS));
        assert_ok(graft_h5_get_u64(image, name, &found, 1));
        assert_int_equal(found, i);
    }
    graft_text_clear(&text);
    assert_ok(graft_h5_list(image, &text));
    assert_true(graft_str_starts_with(text.data, "g/000/n u64 1\ng/001/n u64 1\n"));
    assert_true(graft_str_ends_with(text.data, "g/699/n u64 1\npacked packed 157286400\n"));
    graft_text_clear(&text);
    graft_h5_free(image);
    graft_free(bytes);
}

static void an_image_can_grow_after_writing(void **state)
{
    (void)state;
    graft_h5_writer *writer;
    graft_h5 *image;
    uint64_t u[3];
    const char *path = test_temp_path("grow.h5");
    assert_ok(graft_h5_new(&writer));
    assert_ok(graft_h5_put_u64(writer, "a", counters, 3));
    assert_ok(graft_h5_write(writer, path));
    assert_ok(graft_h5_put_u64(writer, "b", counters, 3));
    assert_ok(graft_h5_write(writer, path));
    graft_h5_writer_free(writer);
    assert_ok(graft_h5_read(&image, path));
    assert_ok(graft_h5_get_u64(image, "b", u, 3));
    assert_memory_equal(u, counters, sizeof u);
    graft_h5_free(image);
}

/* Any changed byte and any cut is noticed before anything of it is read. */
static void damage_is_noticed(void **state)
{
    (void)state;
    graft_mapped file;
    graft_h5 *image;
    uint8_t *copy;
    assert_ok(graft_mapped_open(&file, write_sample("a.h5")));
    size_t n = file.size;
    assert_ok(graft_alloc(&copy, n + 1, 1));
    memcpy(copy, file.data, n);
    graft_mapped_close(&file);
    for (size_t at = 0; at < n; at += at < 600 ? 1 : 997) {
        copy[at] ^= 0x20;
        assert_int_equal(graft_h5_read(&image, test_temp_file("bad.h5", copy, n)),
                         GRAFT_E_CHECKPOINT);
        assert_null(image);
        copy[at] ^= 0x20;
    }
    for (size_t cut = 0; cut < n; cut += cut < 600 ? 1 : 997) {
        assert_int_equal(graft_h5_read(&image, test_temp_file("bad.h5", copy, cut)),
                         GRAFT_E_CHECKPOINT);
    }
    assert_fails(graft_h5_read(&image, test_temp_file("bad.h5", copy, n + 1)), GRAFT_E_CHECKPOINT,
                 "bad.h5: holds ");
    copy[600] ^= 1;
    assert_fails(graft_h5_read(&image, test_temp_file("bad.h5", copy, n)), GRAFT_E_CHECKPOINT,
                 "bad.h5: its digest does not match: the file is damaged");
    copy[600] ^= 1;
    copy[8] = 2;
    assert_fails(graft_h5_read(&image, test_temp_file("bad.h5", copy, n)), GRAFT_E_CHECKPOINT,
                 "bad.h5: checkpoint version 2; only 1 is supported");
    assert_fails(graft_h5_read(&image, test_temp_file("bad.h5", "GRAFTCK", 7)), GRAFT_E_CHECKPOINT,
                 "bad.h5: not a graft checkpoint");
    assert_fails(graft_h5_read(&image, test_temp_path("none.h5")), GRAFT_E_DISK, "cannot open");
    graft_free(copy);
}

/* A right digest over bytes that are no HDF5 file. */
static void a_digest_alone_is_not_enough(void **state)
{
    (void)state;
    uint8_t file[512 + 64] = {'G', 'R', 'A', 'F', 'T', 'C', 'K', '1', 1, 0, 0, 0, 64};
    graft_sha256 hash;
    graft_h5 *image;
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, file + 512, 64);
    graft_sha256_final(&hash, file + 20);
    assert_fails(graft_h5_read(&image, test_temp_file("fake.h5", file, sizeof file)),
                 GRAFT_E_CHECKPOINT, "fake.h5: what it holds is no HDF5 image of graft's kind");
}

static ssize_t full_disk(int fd, const void *bytes, size_t n)
{
    (void)fd, (void)bytes, (void)n;
    errno = ENOSPC;
    return -1;
}

static void a_full_disk_leaves_the_old_checkpoint(void **state)
{
    (void)state;
    graft_io_calls calls = graft_io_system_calls;
    graft_h5_writer *writer;
    graft_h5 *image;
    const char *path = write_sample("a.h5");
    calls.write = full_disk;
    assert_ok(graft_h5_new(&writer));
    graft_io_set_calls(&calls);
    graft_status status = graft_h5_write(writer, path);
    graft_io_set_calls(NULL);
    assert_fails(status, GRAFT_E_DISK, "a.h5: cannot write: No space left on device");
    graft_h5_writer_free(writer);
    assert_ok(graft_h5_read(&image, path));
    graft_h5_free(image);
}

/* libhdf5 takes images of one name for one file. */
static void images_that_are_open_together_are_not_mixed_up(void **state)
{
    (void)state;
    static const uint64_t one[1] = {1}, two[1] = {2};
    graft_h5_writer *writers[2], *fresh;
    graft_h5 *images[2];
    uint64_t got = 0;
    const char *paths[2] = {"one.h5", "two.h5"};
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_h5_new(&writers[i]));
        assert_ok(graft_h5_put_u64(writers[i], "n", i == 0 ? one : two, 1));
    }
    assert_ok(graft_h5_new(&fresh));
    assert_ok(graft_h5_put_u64(fresh, "n", two, 1));
    graft_h5_writer_free(fresh);
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_h5_write(writers[i], test_temp_path(paths[i])));
        graft_h5_writer_free(writers[i]);
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_h5_read(&images[i], test_temp_path(paths[i])));
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_h5_get_u64(images[i], "n", &got, 1));
        assert_int_equal(got, i + 1);
    }
    graft_h5_free(images[0]);
    graft_h5_free(images[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(packed_bytes_read_back),
        cmocka_unit_test(wrong_requests_name_file_and_array),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(files_are_reproducible),
        cmocka_unit_test(large_groups_and_arrays_read_back),
        cmocka_unit_test(an_image_can_grow_after_writing),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(a_digest_alone_is_not_enough),
        cmocka_unit_test(a_full_disk_leaves_the_old_checkpoint),
        cmocka_unit_test(images_that_are_open_together_are_not_mixed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
