/* core/status.h, core/log.h: messages, places, threads, the log sink. */
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/status.h"

static void failure_keeps_code_message_and_place(void **state)
{
    (void)state;
    assert_int_equal(graft_fail(GRAFT_E_DATA, "%s:%d: no role", "train.jsonl", 7), GRAFT_E_DATA);
    assert_string_equal(graft_error_message(), "train.jsonl:7: no role");
    assert_int_equal(graft_error_code(), GRAFT_E_DATA);
    assert_contains(graft_error_place(), "core_status.c:");
}

static void success_is_never_a_failure(void **state)
{
    (void)state;
    assert_int_equal(graft_fail(GRAFT_OK, "said ok"), GRAFT_E_FAILED);
}

static void prefix_goes_in_front(void **state)
{
    (void)state;
    graft_fail(GRAFT_E_MODEL, "tensor \"x\" is cut");
    assert_int_equal(graft_fail_prefix("%s", "base.gguf"), GRAFT_E_MODEL);
    assert_string_equal(graft_error_message(), "base.gguf: tensor \"x\" is cut");
    assert_int_equal(graft_fail(GRAFT_E_DISK, "again: %s", graft_error_message()), GRAFT_E_DISK);
    assert_string_equal(graft_error_message(), "again: base.gguf: tensor \"x\" is cut");
}

static void message_is_one_harmless_line(void **state)
{
    (void)state;
    graft_fail(GRAFT_E_DATA, "a\nb\x1b[31mc\td\n\n");
    assert_string_equal(graft_error_message(), "a b?[31mc d");
}

static void long_message_is_cut_before_a_character(void **state)
{
    (void)state;
    char text[4000] = "x"; /* odd offset: a plain cut would split one of the two-byte letters */
    for (size_t i = 1; i + 2 < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa4", 3);
    }
    for (int shift = 0; shift < 2; shift++) {
        graft_fail(GRAFT_E_DATA, "%s", text + shift);
        size_t n = strlen(graft_error_message());
        assert_in_range(n, 1900, 2047);
        assert_int_equal((unsigned char)graft_error_message()[n - 1], 0xa4);
    }
}

static void *other_thread(void *seen)
{
    *(bool *)seen = graft_error_message()[0] == '\0';
    graft_fail(GRAFT_E_DISK, "elsewhere");
    return NULL;
}

static void threads_do_not_see_each_others_failures(void **state)
{
    (void)state;
    graft_fail(GRAFT_E_DATA, "here");
    bool empty = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &empty), 0);
    pthread_join(thread, NULL);
    assert_true(empty);
    assert_string_equal(graft_error_message(), "here");
}

static graft_status forwards(graft_status inner, int *cleaned)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(inner);
    *cleaned += 10;
done:
    *cleaned += 1;
    return status;
}

static void try_jumps_to_done(void **state)
{
    (void)state;
    int cleaned = 0;
    assert_int_equal(forwards(GRAFT_E_MODEL, &cleaned), GRAFT_E_MODEL);
    assert_int_equal(cleaned, 1);
    assert_int_equal(forwards(GRAFT_OK, &cleaned), GRAFT_OK);
    assert_int_equal(cleaned, 12);
}

static void every_status_has_its_own_name(void **state)
{
    (void)state;
    for (int a = 0; a <= GRAFT_E_GATE; a++) {
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(graft_status_name((graft_status)a),
                                    graft_status_name((graft_status)b));
        }
    }
}

static void keep_line(void *context, graft_log_level level, const char *line)
{
    snprintf(context, 64, "%d %s", (int)level, line);
}

static void sink_receives_lines_until_removed(void **state)
{
    (void)state;
    char seen[64] = "";
    graft_log(GRAFT_LOG_WARN, "nobody listens");
    graft_log_set_sink(keep_line, seen);
    graft_log(GRAFT_LOG_WARN, "%d\nlines", 2);
    assert_string_equal(seen, "2 2 lines");
    graft_log_set_sink(NULL, NULL);
    graft_log(GRAFT_LOG_INFO, "gone");
    assert_string_equal(seen, "2 2 lines");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_keeps_code_message_and_place),
        cmocka_unit_test(success_is_never_a_failure),
        cmocka_unit_test(prefix_goes_in_front),
        cmocka_unit_test(message_is_one_harmless_line),
        cmocka_unit_test(long_message_is_cut_before_a_character),
        cmocka_unit_test(threads_do_not_see_each_others_failures),
        cmocka_unit_test(try_jumps_to_done),
        cmocka_unit_test(every_status_has_its_own_name),
        cmocka_unit_test(sink_receives_lines_until_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
