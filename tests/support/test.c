/* support/test.c */
#include "support/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read by the address sanitiser where a program is built with it: impossible sizes are refused like
 * the system does it, which is what tests ask for. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

void test_assert_ok(graft_status status, const char *what, const char *file, int line)
{
    if (status != GRAFT_OK) {
        print_error("%s failed (%s): %s\n  noticed at %s\n", what, graft_status_name(status),
                    graft_error_message(), graft_error_place());
        _fail(file, line);
    }
}

void test_assert_fails(graft_status status, graft_status code, const char *text, const char *what,
                       const char *file, int line)
{
    if (status != code || strstr(graft_error_message(), text) == NULL) {
        print_error("%s gave \"%s\" (%s), expected \"...%s...\" (%s)\n", what,
                    status == GRAFT_OK ? "" : graft_error_message(), graft_status_name(status),
                    text, graft_status_name(code));
        _fail(file, line);
    }
}

void test_assert_contains(const char *text, const char *part, const char *file, int line)
{
    if (text == NULL || part == NULL || strstr(text, part) == NULL) {
        print_error("\"%s\" does not contain \"%s\"\n", text != NULL ? text : "(null)",
                    part != NULL ? part : "(null)");
        _fail(file, line);
    }
}

static char temp_dir[64];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static void remove_temp_dir(void)
{
    nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_temp_dir(void)
{
    if (temp_dir[0] == '\0') {
        mkdir("build", 0777);
        mkdir("build/tmp", 0777);
        snprintf(temp_dir, sizeof temp_dir, "build/tmp/test-%ld", (long)getpid());
        if (mkdir(temp_dir, 0777) != 0) {
            temp_dir[0] = '\0';
            fail_msg("no temporary folder can be made under build/tmp");
        }
        atexit(remove_temp_dir);
    }
    return temp_dir;
}

const char *test_temp_path(const char *name)
{
    static char paths[16][512];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", test_temp_dir(), name);
    return path;
}

const char *test_temp_file(const char *name, const void *bytes, size_t n)
{
    const char *path = test_temp_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return path;
}

bool test_file_exists(const char *path)
{
    return access(path, R_OK) == 0;
}
