/* Runs that are asked to stop, in every phase; the clock; and the file of the base while it is used. */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <graft/log.h>

#include "core/clock.h"
#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"
#include "support/tiny_run.h"

static char base[1024], reference[1024], folder[1024];

static struct {
    const char *phase; /* "" before the first progress */
    uint64_t steps;
    long asks, stop_at; /* sticky; 0: never */
    const char *stop_in; /* the phase in which the stop is asked for */
    bool asked;
    double seconds_left, longest_left, tokens_per_second;
} seen;

static char phase_kept[64];

static void see(void *context, const graft_progress *p)
{
    (void)context;
    snprintf(phase_kept, sizeof phase_kept, "%s", p->phase == NULL ? "" : p->phase);
    seen.phase = phase_kept;
    if (strcmp(phase_kept, "training") == 0) {
        seen.steps = p->done;
        seen.seconds_left = p->seconds_left;
        seen.longest_left = p->seconds_left > seen.longest_left ? p->seconds_left : seen.longest_left;
        seen.tokens_per_second = p->tokens_per_second;
    }
}

static int ask(void *context)
{
    (void)context;
    seen.asks++;
    seen.asked |= seen.stop_at > 0 && seen.asks >= seen.stop_at;
    seen.asked |= seen.stop_in != NULL && strcmp(seen.stop_in, seen.phase) == 0;
    return seen.asked;
}

static tiny_run fresh_run(void)
{
    memset(&seen, 0, sizeof seen);
    seen.phase = "";
    return (tiny_run){.base = base, .folder = folder, .hooks = {.progress = see, .stop = ask}};
}

static int prepare(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "%s", byte_model("tiny.gguf"));
    snprintf(reference, sizeof reference, "%s", test_temp_path("reference"));
    snprintf(folder, sizeof folder, "%s", test_temp_path("run"));
    tiny_run run = fresh_run();
    return tiny_train(&run) == GRAFT_OK && rename(folder, reference) == 0 ? 0 : -1;
}

static int all_well(void **state)
{
    (void)state;
    graft_io_set_calls(NULL);
    graft_clock_set(NULL);
    graft_log_set_sink(NULL, NULL);
    return 0;
}

static void assert_continues(void)
{
    tiny_run run = fresh_run();
    assert_ok(tiny_train(&run));
    tiny_assert_same(folder, reference, "adapter.gguf");
}

static bool is_saved(uint64_t step)
{
    char name[64];
    snprintf(name, sizeof name, "run/checkpoints/step-%d.h5", (int)step);
    return graft_path_exists(test_temp_path(name));
}

/* --- stopping --- */

static void every_time_it_asks_it_can_be_stopped(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        tiny_run run = fresh_run();
        tiny_forget(folder);
        seen.stop_at = k;
        graft_status status = tiny_train(&run);
        if (!seen.asked) {
            assert_ok(status);
            assert_true(k > 40);
            break;
        }
        assert_int_equal(status, GRAFT_E_INTERRUPTED);
        assert_contains(graft_error_message(), "the same command");
        if (seen.steps > 0) { /* within one step: nothing that was computed is missing */
            assert_true(is_saved(seen.steps));
        }
        assert_continues();
    }
}

/* Asked for in a phase, the stop comes in that phase. */
static void each_phase_looks_whether_to_stop(void **state)
{
    (void)state;
    static const struct {
        const char *phase, *said;
        uint64_t steps;
        bool only_at_ends;
    } rows[] = {
        {"", "before step 1; the same command starts again", 0, false},
        {"evaluating the base", "before step 1; the same command starts again", 0, false},
        {"training", "at step 1 of 4", 1, false},
        {"evaluating step 2", "at step 2 of 4", 2, false},
        {"evaluating the result", "while the result was evaluated", 4, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tiny_run run = fresh_run();
        tiny_forget(folder);
        run.only_at_ends = rows[i].only_at_ends;
        seen.stop_in = rows[i].phase;
        assert_fails(tiny_train(&run), GRAFT_E_INTERRUPTED, rows[i].said);
        assert_string_equal(seen.phase, rows[i].phase);
        assert_int_equal(seen.steps, rows[i].steps);
        if (rows[i].steps > 0) {
            assert_true(is_saved(rows[i].steps));
        }
    }
}

/* The same for what does not tell how far it is: these ask while they read. */
static void reading_hashing_and_tokenising_look_whether_to_stop(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    tiny_forget(folder);
    seen.stop_in = "evaluating the base";
    assert_fails(tiny_train(&run), GRAFT_E_INTERRUPTED, "before step 1");
    assert_true(seen.asks >= 1 + 1 + 1 + 3 + 2); /* start, a batch of lines, the base's digest, each example */
}

static bool in_rename;

static int rename_and_ask(const char *from, const char *to)
{
    if (strstr(to, "step-2.h5") != NULL) {
        seen.asked = in_rename = true;
    }
    return graft_io_system_calls.rename(from, to);
}

static void a_stop_while_saving_waits_for_the_checkpoint(void **state)
{
    (void)state;
    graft_io_calls calls = graft_io_system_calls;
    calls.rename = rename_and_ask;
    tiny_run run = fresh_run();
    tiny_forget(folder);
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_INTERRUPTED, "stopped at step 2 of 4");
    graft_io_set_calls(NULL);
    assert_true(in_rename && is_saved(2) && seen.steps == 2);
    assert_continues();
}

static int rename_and_ask_late(const char *from, const char *to)
{
    seen.asked |= strstr(to, "adapter.gguf") != NULL;
    return graft_io_system_calls.rename(from, to);
}

static void a_stop_while_exporting_finishes_what_is_exported(void **state)
{
    (void)state;
    graft_io_calls calls = graft_io_system_calls;
    calls.rename = rename_and_ask_late;
    tiny_run run = fresh_run();
    run.only_at_ends = true;
    tiny_forget(folder);
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_INTERRUPTED, "while the result was evaluated");
    graft_io_set_calls(NULL);
    assert_true(graft_path_exists(test_temp_path("run/adapter_model.safetensors")));
    run = fresh_run();
    run.only_at_ends = true;
    assert_ok(tiny_train(&run));
    assert_true(graft_path_exists(test_temp_path("run/eval-after.json")));
}

/* --- the clock --- */

static double clock_now, clock_step;

static double strange_clock(void)
{
    return clock_now += clock_step;
}

/* A machine that slept through step 6: 9 hours in one step. */
static void see_and_sleep(void *context, const graft_progress *p)
{
    see(context, p);
    if (strcmp(seen.phase, "training") == 0 && p->done == 5) {
        clock_now += 9 * 3600;
    }
}

static tiny_run long_run(const char *steps)
{
    tiny_run run = fresh_run();
    const char *more[] = {"max_steps", steps, "eval_before", "false", "eval_after", "false", NULL};
    memcpy(run.more, more, sizeof more);
    run.only_at_ends = true;
    tiny_forget(folder);
    return run;
}

static void a_night_in_suspend_is_forgotten_by_the_estimate(void **state)
{
    (void)state;
    tiny_run run = long_run("20");
    run.hooks.progress = see_and_sleep;
    clock_now = 1000, clock_step = 0.01;
    graft_clock_set(strange_clock);
    assert_ok(tiny_train(&run));
    graft_clock_set(NULL);
    assert_int_equal(seen.steps, 20);
    assert_true(seen.longest_left < 600);       /* 15 steps of 9 hours it would be */
    assert_true(seen.tokens_per_second > 100);
}

static void a_clock_that_stands_still_or_goes_back_does_no_harm(void **state)
{
    (void)state;
    static const double steps[] = {0, -5};
    for (int i = 0; i < 2; i++) {
        tiny_run run = long_run("4");
        clock_now = 1000, clock_step = steps[i];
        graft_clock_set(strange_clock);
        assert_ok(tiny_train(&run));
        graft_clock_set(NULL);
        assert_true(is_saved(4) && seen.seconds_left >= 0 && seen.tokens_per_second >= 0);
    }
}

static void see_and_set_back(void *context, const graft_progress *p)
{
    see(context, p);
    if (strcmp(seen.phase, "training") == 0 && p->done == 2) {
        clock_now -= 100000;
    }
}

static void save_minutes_goes_on_after_a_clock_was_set_back(void **state)
{
    (void)state;
    tiny_run run = long_run("8");
    const char *more[] = {"save_steps", "0", "save_minutes", "1", "save_total_limit", "8", NULL};
    memcpy(&run.more[6], more, sizeof more);
    run.hooks.progress = see_and_set_back;
    clock_now = 1e6, clock_step = 10; /* asked several times a step, which takes longer than a minute */
    graft_clock_set(strange_clock);
    assert_ok(tiny_train(&run));
    graft_clock_set(NULL);
    assert_true(is_saved(5) || is_saved(6));
}

/* --- the base --- */

static void (*at_step_2)(void);
static bool done_it;

static void see_and_meddle(void *context, const graft_progress *p)
{
    see(context, p);
    if (strcmp(seen.phase, "training") == 0 && p->done == 1 && !done_it) {
        done_it = true;
        at_step_2();
    }
}

static void patch(long offset, const void *bytes, size_t n)
{
    int fd = open(base, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, offset < 0 ? lseek(fd, 0, SEEK_END) + offset : offset), (long)n);
    close(fd);
}

static void keep_copy(void)
{
    char command[3000];
    snprintf(command, sizeof command, "cp -p %s %s.kept", base, base);
    assert_int_equal(system(command), 0);
}

static void put_back(void)
{
    char command[3000];
    snprintf(command, sizeof command, "cp -p %s.kept %s", base, base);
    assert_int_equal(system(command), 0);
}

static void grow(void) { patch(0, "GGUF", 4), assert_int_equal(truncate(base, 1 << 20), 0); }
static void overwrite(void) { patch(-64, "\x3f\x00\x00\x3f", 4); }
static void touch(void) { assert_int_equal(utimensat(AT_FDCWD, base, NULL, 0), 0); }

static void replace(void)
{
    char other[1100];
    snprintf(other, sizeof other, "%s.other", base);
    assert_ok(graft_file_write(other, "quite another file", 18));
    assert_int_equal(rename(other, base), 0);
}

static graft_status meddle(void (*what)(void))
{
    tiny_run run = fresh_run();
    run.hooks.progress = see_and_meddle;
    at_step_2 = what;
    done_it = false;
    tiny_forget(folder);
    keep_copy();
    graft_status status = tiny_train(&run);
    assert_true(done_it);
    return status;
}

static void a_base_that_changes_ends_the_run_and_is_not_saved(void **state)
{
    (void)state;
    static void (*const ways[])(void) = {grow, overwrite};
    for (int i = 0; i < 2; i++) {
        assert_fails(meddle(ways[i]), GRAFT_E_MODEL, "tiny.gguf: "); /* in whose words, by who looks first */
        put_back();
        assert_false(is_saved(2));
        assert_continues();
    }
}

static void a_base_that_is_only_touched_or_replaced_ends_nothing(void **state)
{
    (void)state;
    static void (*const ways[])(void) = {touch, replace};
    for (int i = 0; i < 2; i++) {
        assert_ok(meddle(ways[i]));
        tiny_assert_same(folder, reference, "adapter.gguf");
        put_back();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_time_it_asks_it_can_be_stopped, all_well),
        cmocka_unit_test_teardown(each_phase_looks_whether_to_stop, all_well),
        cmocka_unit_test_teardown(reading_hashing_and_tokenising_look_whether_to_stop, all_well),
        cmocka_unit_test_teardown(a_stop_while_saving_waits_for_the_checkpoint, all_well),
        cmocka_unit_test_teardown(a_stop_while_exporting_finishes_what_is_exported, all_well),
        cmocka_unit_test_teardown(a_night_in_suspend_is_forgotten_by_the_estimate, all_well),
        cmocka_unit_test_teardown(a_clock_that_stands_still_or_goes_back_does_no_harm, all_well),
        cmocka_unit_test_teardown(save_minutes_goes_on_after_a_clock_was_set_back, all_well),
        cmocka_unit_test_teardown(a_base_that_changes_ends_the_run_and_is_not_saved, all_well),
        cmocka_unit_test_teardown(a_base_that_is_only_touched_or_replaced_ends_nothing, all_well),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
