/* support/test.h - what every cmocka program of graft starts with.
 *
 * A test is `static void name(void **state)`; main returns cmocka_run_group_tests(...). Programs
 * run with the repository root as working directory. */
#ifndef GRAFT_TESTS_SUPPORT_TEST_H
#define GRAFT_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <graft/status.h>

/* The call succeeds; otherwise its message is shown. */
#define assert_ok(expr) test_assert_ok((expr), #expr, __FILE__, __LINE__)

/* The call fails with this code and its message contains the text. */
#define assert_fails(expr, code, text) \
    test_assert_fails((expr), (code), (text), #expr, __FILE__, __LINE__)

/* Both texts are not NULL, and the first contains the second. */
#define assert_contains(text, part) test_assert_contains((text), (part), __FILE__, __LINE__)

/* Says why and marks the running test as skipped. */
#define test_skip(reason)                                     \
    do {                                                      \
        print_message("skip: %s: %s\n", __func__, (reason));  \
        skip();                                               \
    } while (0)

void test_assert_ok(graft_status status, const char *what, const char *file, int line);
void test_assert_fails(graft_status status, graft_status code, const char *text, const char *what,
                       const char *file, int line);
void test_assert_contains(const char *text, const char *part, const char *file, int line);

/* A new empty folder under build/tmp; removed with everything in it when the program ends. */
const char *test_temp_dir(void);

/* "FOLDER/name" in the folder of test_temp_dir; valid until the 16th next call. */
const char *test_temp_path(const char *name);

/* Writes n bytes to that path and returns it. */
const char *test_temp_file(const char *name, const void *bytes, size_t n);

/* True if the file can be read, e.g. the base model, which a test then needs or skips. */
bool test_file_exists(const char *path);

/* The base model that scripts/get-base fetches. */
#define TEST_BASE_MODEL "build/base/SmolLM2-135M-Instruct.Q4_1.gguf"

#endif
