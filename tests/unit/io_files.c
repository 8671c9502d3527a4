/* io/files.h: mapped and small files, folders, locks; files published whole or not at all. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"

/* --- system calls that fail on order --- */

enum { OPEN, WRITE, FSYNC, CLOSE, RENAME, N_CALLS };
static int fail_call = -1, fail_in, fail_errno; /* the fail_in-th call of a kind fails, once */
static size_t write_at_most;                    /* bytes a write takes; 0: all */
static int counts[N_CALLS];

static bool fails_now(int call)
{
    counts[call]++;
    if (call == fail_call && --fail_in == 0) {
        errno = fail_errno;
        return true;
    }
    return false;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return fails_now(OPEN) ? -1 : graft_io_system_calls.open(path, flags, mode);
}

static ssize_t faulty_write(int fd, const void *bytes, size_t n)
{
    if (fails_now(WRITE)) {
        return -1;
    }
    return write(fd, bytes, write_at_most != 0 && n > write_at_most ? write_at_most : n);
}

static int faulty_fsync(int fd)
{
    return fails_now(FSYNC) ? -1 : fsync(fd);
}

static int faulty_close(int fd)
{
    close(fd);
    return fails_now(CLOSE) ? -1 : 0;
}

static int faulty_rename(const char *from, const char *to)
{
    return fails_now(RENAME) ? -1 : rename(from, to);
}

static graft_io_calls faulty;

static void order_failure(int call, int in, int error)
{
    faulty = graft_io_system_calls;
    faulty.open = faulty_open;
    faulty.write = faulty_write;
    faulty.fsync = faulty_fsync;
    faulty.close = faulty_close;
    faulty.rename = faulty_rename;
    memset(counts, 0, sizeof counts);
    fail_call = call;
    fail_in = in;
    fail_errno = error;
    write_at_most = 0;
    graft_io_set_calls(&faulty);
}

/* Every failure of the real file system is over. */
static int all_well(void **state)
{
    (void)state;
    graft_io_set_calls(NULL);
    return 0;
}

/* --- helpers --- */

static const char *make_folder(const char *name)
{
    const char *path = test_temp_path(name);
    assert_ok(graft_make_dirs(path));
    return path;
}

static void assert_content(const char *path, const char *content)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_file_read(&text, path, 1 << 20));
    assert_string_equal(graft_text_z(&text), content);
    assert_int_equal(text.len, strlen(content));
    graft_text_clear(&text);
}

static size_t count_files(const char *folder)
{
    char **names;
    size_t n;
    assert_ok(graft_dir_list(&names, &n, folder));
    graft_dir_free(names, n);
    return n;
}

/* --- reading --- */

static void mapping_shows_the_bytes(void **state)
{
    (void)state;
    graft_mapped mapped;
    assert_ok(graft_mapped_open(&mapped, test_temp_file("m", "abc\0d", 5)));
    assert_int_equal(mapped.size, 5);
    assert_memory_equal(mapped.data, "abc\0d", 5);
    graft_mapped_close(&mapped);
    assert_null(mapped.data);
    graft_mapped_close(&mapped);
    graft_mapped_close(NULL);
    assert_ok(graft_mapped_open(&mapped, test_temp_file("empty", "", 0)));
    assert_null(mapped.data);
    assert_int_equal(mapped.size, 0);
    graft_mapped_close(&mapped);
}

static void what_is_no_file_is_named(void **state)
{
    (void)state;
    graft_mapped mapped;
    graft_text text;
    graft_text_init(&text);
    const char *missing = test_temp_path("missing");
    assert_fails(graft_mapped_open(&mapped, missing), GRAFT_E_DISK, "missing: cannot open: No such");
    assert_null(mapped.data);
    assert_fails(graft_mapped_open(&mapped, test_temp_dir()), GRAFT_E_DISK, ": is a directory");
    assert_fails(graft_mapped_open(&mapped, "/dev/null"), GRAFT_E_DISK, "is not a regular file");
    assert_fails(graft_file_read(&text, missing, 10), GRAFT_E_DISK, "missing: cannot open");
    assert_fails(graft_file_read(&text, test_temp_dir(), 10), GRAFT_E_DISK, ": is a directory");
    assert_null(text.data);
}

static void small_files_have_a_limit(void **state)
{
    (void)state;
    graft_text text;
    graft_text_init(&text);
    const char *path = test_temp_file("ten", "0123456789", 10);
    assert_ok(graft_file_read(&text, path, 10));
    assert_string_equal(text.data, "0123456789");
    assert_ok(graft_file_read(&text, path, 10)); /* replaces */
    assert_int_equal(text.len, 10);
    assert_fails(graft_file_read(&text, path, 9), GRAFT_E_DISK, "ten: 10 bytes, at most 9 are read");
    assert_fails(graft_file_read(&text, "/dev/zero", 1000), GRAFT_E_DISK, "more than 1000 bytes");
    assert_null(text.data);
}

static void digest_is_sha256(void **state)
{
    (void)state;
    char hex[65];
    assert_ok(graft_file_sha256(hex, test_temp_file("abc", "abc", 3)));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_fails(graft_file_sha256(hex, test_temp_path("missing")), GRAFT_E_DISK, "cannot open");
    assert_string_equal(hex, "");
}

/* --- folders --- */

static void folders_are_made_and_listed(void **state)
{
    (void)state;
    char **names, *joined;
    size_t n;
    const char *folder = make_folder("a/b//c/");
    assert_true(graft_path_is_dir(folder));
    assert_ok(graft_make_dirs(folder)); /* again */
    assert_ok(graft_path_join(&joined, folder, "z.txt"));
    assert_contains(joined, "/c/z.txt");
    assert_ok(graft_file_write(joined, "z", 1));
    assert_true(graft_path_exists(joined));
    assert_false(graft_path_is_dir(joined));
    assert_ok(graft_make_dirs(test_temp_path("a/b/c/d")));
    assert_ok(graft_dir_list(&names, &n, folder));
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "d");
    assert_string_equal(names[1], "z.txt");
    graft_dir_free(names, n);
    char *below;
    assert_ok(graft_path_join(&below, joined, "x"));
    assert_fails(graft_make_dirs(below), GRAFT_E_DISK, "z.txt: is a file and not a folder");
    graft_free(below);
    assert_ok(graft_file_remove(joined));
    assert_ok(graft_file_remove(joined)); /* missing is fine */
    assert_false(graft_path_exists(joined));
    assert_fails(graft_dir_list(&names, &n, joined), GRAFT_E_DISK, "cannot list");
    assert_null(names);
    graft_free(joined);
}

static void paths_are_joined(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *joined;
        assert_ok(graft_path_join(&joined, cases[i][0], cases[i][1]));
        assert_string_equal(joined, cases[i][2]);
        graft_free(joined);
    }
}

static void only_one_takes_the_lock(void **state)
{
    (void)state;
    graft_lock *lock, *second;
    const char *path = test_temp_path("lock");
    assert_ok(graft_lock_take(&lock, path));
    assert_fails(graft_lock_take(&second, path), GRAFT_E_CONFIG, "lock: another run");
    assert_null(second);
    graft_lock_free(lock);
    assert_ok(graft_lock_take(&second, path));
    graft_lock_free(second);
    graft_lock_free(NULL);
    assert_fails(graft_lock_take(&lock, test_temp_dir()), GRAFT_E_DISK, "cannot open");
}

/* --- publishing --- */

static void a_file_appears_at_commit(void **state)
{
    (void)state;
    graft_writer *writer;
    const char *folder = make_folder("publish");
    const char *path = test_temp_path("publish/f");
    assert_ok(graft_writer_open(&writer, path));
    assert_ok(graft_writer_write(writer, "hello ", 6));
    assert_int_equal(graft_writer_offset(writer), 6);
    assert_false(graft_path_exists(path));
    assert_ok(graft_writer_write(writer, "world", 5));
    assert_ok(graft_writer_commit(&writer));
    assert_null(writer);
    assert_content(path, "hello world");
    assert_int_equal(count_files(folder), 1);
    assert_ok(graft_writer_open(&writer, path));
    assert_ok(graft_writer_write(writer, "other", 5));
    graft_writer_discard(&writer);
    graft_writer_discard(&writer);
    graft_writer_discard(NULL);
    assert_content(path, "hello world");
    assert_int_equal(count_files(folder), 1);
}

/* Sizes around the buffer, with writes that take only a part at a time. */
static void short_writes_are_continued(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200001};
    char *bytes;
    graft_mapped mapped;
    graft_writer *writer;
    const char *path = test_temp_path("short");
    assert_ok(graft_alloc(&bytes, 200001, 1));
    for (size_t i = 0; i < 200001; i++) {
        bytes[i] = (char)(i * 7 + (i >> 8));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        order_failure(WRITE, 2, EINTR);
        write_at_most = 1000;
        assert_ok(graft_writer_open(&writer, path));
        assert_ok(graft_writer_write(writer, bytes, sizes[i] / 3));
        assert_ok(graft_writer_write(writer, bytes + sizes[i] / 3, sizes[i] - sizes[i] / 3));
        assert_ok(graft_writer_commit(&writer));
        assert_ok(graft_mapped_open(&mapped, path));
        assert_int_equal(mapped.size, sizes[i]);
        if (sizes[i] > 0) {
            assert_memory_equal(mapped.data, bytes, sizes[i]);
        }
        graft_mapped_close(&mapped);
    }
    graft_free(bytes);
}

/* Each call fails in turn until none is left to fail: the old file stays, the folder stays clean. */
static void every_failure_leaves_the_old_file(void **state)
{
    (void)state;
    static const int errors[N_CALLS] = {EACCES, ENOSPC, EIO, EDQUOT, EXDEV};
    static char big[100000];
    const char *folder = make_folder("faults");
    const char *path = test_temp_path("faults/f");
    int failures = 0;
    memset(big, 'x', sizeof big);
    for (int call = 0; call < N_CALLS; call++) {
        for (int in = 1;; in++) {
            all_well(NULL);
            assert_ok(graft_file_write(path, "old", 3));
            order_failure(call, in, errors[call]);
            graft_status status = graft_file_write(path, big, sizeof big);
            bool failed = fail_in <= 0;
            /* the new name is there before the folder is opened, synced and closed */
            bool published = counts[RENAME] == 1 && call != RENAME;
            all_well(NULL);
            assert_int_equal(count_files(folder), 1);
            if (!failed) {
                assert_ok(status);
                break;
            }
            failures++;
            if (!published) {
                assert_int_equal(status, GRAFT_E_DISK);
                assert_contains(graft_error_message(), "faults/f: cannot ");
                assert_contains(graft_error_message(), strerror(errors[call]));
                assert_content(path, "old");
            } else if (call != CLOSE) {
                assert_int_equal(status, GRAFT_E_DISK);
                assert_contains(graft_error_message(), "faults: cannot ");
            }
        }
    }
    assert_in_range(failures, 8, 20);
}

static void a_full_disk_is_reported(void **state)
{
    (void)state;
    if (!test_file_exists("/dev/full")) {
        test_skip("no /dev/full");
    }
    graft_appender *appender;
    assert_ok(graft_appender_open(&appender, "/dev/full", false));
    assert_fails(graft_appender_line(appender, "x", 1), GRAFT_E_DISK,
                 "/dev/full: cannot write: No space left on device");
    graft_appender_close(appender);
}

static void only_regular_files_are_replaced(void **state)
{
    (void)state;
    graft_writer *writer;
    assert_fails(graft_writer_open(&writer, test_temp_dir()), GRAFT_E_DISK, ": is a directory");
    assert_fails(graft_writer_open(&writer, "/dev/null"), GRAFT_E_DISK, "is not a regular file");
    assert_fails(graft_writer_open(&writer, test_temp_path("no/such/f")), GRAFT_E_DISK,
                 "no/such/f: cannot create: No such file or directory");
    assert_null(writer);
}

static void a_leftover_does_not_block_writing(void **state)
{
    (void)state;
    char name[512];
    const char *path = test_temp_path("left");
    snprintf(name, sizeof name, "%s.tmp-%ld-0", path, (long)getpid());
    FILE *leftover = fopen(name, "w");
    assert_non_null(leftover);
    fclose(leftover);
    assert_ok(graft_file_write(path, "new", 3));
    assert_content(path, "new");
    assert_true(graft_path_exists(name));
}

/* --- appending --- */

static void lines_are_appended(void **state)
{
    (void)state;
    graft_appender *appender;
    const char *path = test_temp_path("log");
    assert_ok(graft_appender_open(&appender, path, false));
    assert_ok(graft_appender_line(appender, "one", 3));
    graft_appender_close(appender);
    assert_ok(graft_appender_open(&appender, path, false));
    assert_ok(graft_appender_line(appender, "", 0));
    assert_ok(graft_appender_line(appender, "two", 3));
    graft_appender_close(appender);
    assert_content(path, "one\n\ntwo\n");
    assert_ok(graft_appender_open(&appender, path, true));
    assert_ok(graft_appender_line(appender, "new", 3));
    graft_appender_close(appender);
    assert_content(path, "new\n");
    graft_appender_close(NULL);
    assert_fails(graft_appender_open(&appender, test_temp_dir(), false), GRAFT_E_DISK,
                 "cannot open for writing");
}

static void a_torn_line_keeps_to_itself(void **state)
{
    (void)state;
    graft_appender *appender;
    const char *path = test_temp_file("torn", "{\"step\": 1}\n{\"st", 16);
    assert_ok(graft_appender_open(&appender, path, false));
    assert_ok(graft_appender_line(appender, "{}", 2));
    graft_appender_close(appender);
    assert_content(path, "{\"step\": 1}\n{\"st\n{}\n");
}

static void appending_allocates_once(void **state)
{
    (void)state;
    graft_appender *appender;
    assert_ok(graft_appender_open(&appender, test_temp_path("count"), true));
    assert_ok(graft_appender_line(appender, "0123456789", 10));
    uint64_t before = graft_alloc_count();
    for (int i = 0; i < 100; i++) {
        assert_ok(graft_appender_line(appender, "0123456789", 10));
    }
    assert_int_equal(graft_alloc_count(), before);
    graft_appender_close(appender);
}

/* Every allocation fails in turn: an error, no leftovers (a leak checker sees the rest). */
static void no_memory_is_an_error(void **state)
{
    (void)state;
    const char *folder = make_folder("nomem");
    const char *path = test_temp_path("nomem/f");
    for (uint64_t n = 1;; n++) {
        graft_alloc_fail_at(n);
        graft_status status = graft_file_write(path, "x", 1);
        bool reached = graft_path_exists(path) && status == GRAFT_OK;
        graft_alloc_fail_at(0);
        if (reached) {
            assert_in_range(n, 4, 20);
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        assert_ok(graft_file_remove(path));
        assert_int_equal(count_files(folder), 0);
    }
}

static int no_mkdir(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    errno = EIO;
    return -1;
}

/* Files synced in a new folder were lost with it: nothing had made its own name durable. */
static void a_new_folder_is_synced_in_its_parent(void **state)
{
    (void)state;
    order_failure(-1, 0, 0);
    assert_ok(graft_make_dirs(test_temp_path("one/two")));
    assert_int_equal(counts[FSYNC], 2);
    assert_ok(graft_make_dirs(test_temp_path("one/two")));
    assert_int_equal(counts[FSYNC], 2); /* it was there */
    order_failure(FSYNC, 1, EIO);
    assert_fails(graft_make_dirs(test_temp_path("one/three")), GRAFT_E_DISK, "cannot sync");
}

/* It was "No such file or directory" whatever had happened. */
static void a_folder_that_cannot_be_made_says_why(void **state)
{
    (void)state;
    order_failure(-1, 0, 0);
    faulty.mkdir = no_mkdir;
    assert_fails(graft_make_dirs(test_temp_path("none")), GRAFT_E_DISK, "Input/output error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_shows_the_bytes),
        cmocka_unit_test(what_is_no_file_is_named),
        cmocka_unit_test(small_files_have_a_limit),
        cmocka_unit_test(digest_is_sha256),
        cmocka_unit_test(folders_are_made_and_listed),
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(only_one_takes_the_lock),
        cmocka_unit_test(a_file_appears_at_commit),
        cmocka_unit_test_teardown(short_writes_are_continued, all_well),
        cmocka_unit_test_teardown(every_failure_leaves_the_old_file, all_well),
        cmocka_unit_test(a_full_disk_is_reported),
        cmocka_unit_test(only_regular_files_are_replaced),
        cmocka_unit_test(a_leftover_does_not_block_writing),
        cmocka_unit_test(lines_are_appended),
        cmocka_unit_test(a_torn_line_keeps_to_itself),
        cmocka_unit_test(appending_allocates_once),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test_teardown(a_new_folder_is_synced_in_its_parent, all_well),
        cmocka_unit_test_teardown(a_folder_that_cannot_be_made_says_why, all_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
