/* <graft/text.h>: text made safe for terminals, names guessed. */
#include "support/test.h"

#include <string.h>

#include <graft/job.h>
#include <graft/text.h>

static void assert_escaped(const char *bytes, size_t n, int keep_lines, const char *expected)
{
    char *safe;
    assert_ok(graft_text_escape(&safe, bytes, n, keep_lines));
    assert_string_equal(safe, expected);
    graft_text_free(safe);
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    assert_escaped("a\x1b[2Jb\r", 7, 1, "a\\x1b[2Jb\\x0d");
    assert_escaped("a\tb\nc", 5, 1, "a\tb\nc");
    assert_escaped("a\tb\nc", 5, 0, "a\\x09b\\x0ac");
    assert_escaped("\xc2\x9b" "1m \xe2\x80\xae", 8, 1, "\\u{9b}1m \\u{202e}");
    assert_escaped("\xff\0x", 3, 1, "\\xff\\x00x");
    assert_escaped("w\xc3\xb6rld", 6, 0, "w\xc3\xb6rld");
    assert_escaped("", 0, 0, "");
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    static const char *const known[] = {"lora_r", "lora_alpha", "seed", "data check"};
    assert_string_equal(graft_text_nearest("lora-aplha", known, 4), "lora_alpha");
    assert_string_equal(graft_text_nearest("lora_alpha", known, 4), "lora_alpha");
    assert_string_equal(graft_text_nearest("data chekc", known, 4), "data check");
    assert_null(graft_text_nearest("xeex", known, 4));
    assert_null(graft_text_nearest("", known, 4));
    assert_null(graft_text_nearest("seed", known, 0));
    char long_name[200];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(graft_text_nearest(long_name, known, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(the_nearest_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
