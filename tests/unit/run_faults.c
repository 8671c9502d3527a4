/* Whole runs in which a call of the system, an allocation or the disk fails, once or from some moment
 * on. What must hold: the failure is an error of its own code and message or costs nothing; and the same
 * command, when all is well again, ends with the very adapter of a run that nothing happened to. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <graft/log.h>
#include <graft/verify.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"
#include "support/tiny_run.h"

/* --- calls that fail on order --- */

static struct {
    long n, fail_at;      /* calls that change the disk; the one that fails, 0: none */
    bool for_good;        /* and all behind it */
    bool torn;            /* a write that fails has written the first half */
    int error;
    bool happened;
} faults;

static bool fails(void)
{
    faults.n++;
    bool now = faults.fail_at > 0 &&
               (faults.for_good ? faults.n >= faults.fail_at : faults.n == faults.fail_at);
    faults.happened |= now;
    errno = now ? faults.error : errno;
    return now;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    return writes && fails() ? -1 : graft_io_system_calls.open(path, flags, mode);
}

static ssize_t faulty_write(int fd, const void *bytes, size_t n)
{
    if (!fails()) {
        return graft_io_system_calls.write(fd, bytes, n);
    }
    if (faults.torn && n > 1 && (faults.n & 1)) {
        return graft_io_system_calls.write(fd, bytes, n / 2); /* the rest fails if that is for good */
    }
    errno = faults.error;
    return -1;
}

static int faulty_fsync(int fd)
{
    (void)fd; /* what survives a loss of power is another test's matter */
    return fails() ? -1 : 0;
}

static int faulty_close(int fd)
{
    bool now = fails();
    int closed = graft_io_system_calls.close(fd);
    errno = now ? faults.error : errno;
    return now ? -1 : closed;
}

static int faulty_rename(const char *from, const char *to)
{
    return fails() ? -1 : graft_io_system_calls.rename(from, to);
}

static int faulty_unlink(const char *path)
{
    return fails() ? -1 : graft_io_system_calls.unlink(path);
}

static int faulty_mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : graft_io_system_calls.mkdir(path, mode);
}

static graft_io_calls faulty;

static void set_faults(long fail_at, bool for_good, bool torn, int error)
{
    memset(&faults, 0, sizeof faults);
    faults.fail_at = fail_at;
    faults.for_good = for_good;
    faults.torn = torn;
    faults.error = error;
    faulty = graft_io_system_calls;
    faulty.open = faulty_open;
    faulty.write = faulty_write;
    faulty.fsync = faulty_fsync;
    faulty.close = faulty_close;
    faulty.rename = faulty_rename;
    faulty.unlink = faulty_unlink;
    faulty.mkdir = faulty_mkdir;
    graft_io_set_calls(&faulty);
}

static int all_well(void **state)
{
    (void)state;
    graft_io_set_calls(NULL);
    graft_alloc_fail_at(0);
    graft_log_set_sink(NULL, NULL);
    return 0;
}

/* --- runs --- */

static char base[1024], reference[1024], folder[1024];

static uint64_t steps_seen;

static void see(void *context, const graft_progress *progress)
{
    (void)context;
    if (progress->phase != NULL && strcmp(progress->phase, "training") == 0) {
        steps_seen = progress->done;
    }
}

static tiny_run run_in(const char *where)
{
    return (tiny_run){.base = base, .folder = where, .hooks = {.progress = see}};
}

static int prepare(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "%s", byte_model("tiny.gguf"));
    snprintf(reference, sizeof reference, "%s", test_temp_path("reference"));
    snprintf(folder, sizeof folder, "%s", test_temp_path("run"));
    tiny_run run = run_in(folder); /* its path is part of the adapter */
    return tiny_train(&run) == GRAFT_OK && rename(folder, reference) == 0 ? 0 : -1;
}

/* All is well again: the same command. */
static void assert_continues(void)
{
    all_well(NULL);
    tiny_run run = run_in(folder);
    assert_ok(tiny_train(&run));
    tiny_assert_same(folder, reference, "adapter.gguf");
    tiny_assert_same(folder, reference, "adapter_model.safetensors");
    tiny_assert_same(folder, reference, "eval-before.json");
}

static void assert_said(graft_status status, graft_status expected, long k)
{
    if (status != GRAFT_OK && status != expected) {
        fail_msg("fault %ld: %s (%s)", k, graft_error_message(), graft_status_name(status));
    }
    assert_true(status == GRAFT_OK || strlen(graft_error_message()) > 10);
}

/* Runs with a fault at each call in turn; returns how many there were. */
static long at_each_call(bool for_good, bool torn, int error, long stride)
{
    long k = 1;
    for (;; k += stride) {
        tiny_run run = run_in(folder);
        tiny_forget(folder);
        steps_seen = 0;
        set_faults(k, for_good, torn, error);
        graft_status status = tiny_train(&run);
        assert_said(status, GRAFT_E_DISK, k);
        if (steps_seen > 0) { /* once it steps, it steps to the end */
            assert_int_equal(steps_seen, TINY_STEPS);
        }
        if (status == GRAFT_OK) {
            tiny_assert_same(folder, reference, "adapter.gguf");
        }
        bool happened = faults.happened;
        if (!happened) {
            break;
        }
        assert_continues();
    }
    assert_true(k > 60);
    return k / stride;
}

static void a_call_that_fails_once_costs_nothing_that_is_done(void **state)
{
    (void)state;
    print_message("%ld calls\n", at_each_call(false, false, EIO, 1));
}

static void a_disk_that_is_full_from_a_call_on_costs_no_step(void **state)
{
    (void)state;
    print_message("%ld calls\n", at_each_call(true, true, ENOSPC, 2));
}

static void a_failed_allocation_costs_nothing_that_is_saved(void **state)
{
    (void)state;
    tiny_run run = run_in(folder);
    long n = 0;
    for (uint64_t k = 1;; k += 1 + k / 8) {
        tiny_forget(folder);
        uint64_t before = graft_alloc_count();
        run.fail_allocation = k;
        graft_status status = tiny_train(&run);
        assert_said(status, GRAFT_E_MEMORY, (long)k);
        bool happened = graft_alloc_count() - before >= k;
        assert_continues();
        if (!happened) {
            break;
        }
        n++;
    }
    print_message("%ld allocations\n", n);
    assert_true(n > 40);
}

/* Every allocation between the first step and the last evaluation is one of saving or measuring. */
static long alloc_in; /* allocations from the first step on until one fails; 0: none */

static void see_and_fail(void *context, const graft_progress *progress)
{
    see(context, progress);
    if (alloc_in > 0 && steps_seen == 1) {
        graft_alloc_fail_at((uint64_t)alloc_in);
        alloc_in = 0;
    }
}

static bool is_saved(uint64_t step)
{
    char name[64];
    snprintf(name, sizeof name, "run/checkpoints/step-%d.h5", (int)step);
    return graft_path_exists(test_temp_path(name));
}

static void a_failed_allocation_between_steps_loses_no_step(void **state)
{
    (void)state;
    for (long k = 1; k < 3000; k += 1 + k / 4) {
        tiny_run run = run_in(folder);
        run.hooks.progress = see_and_fail;
        tiny_forget(folder);
        steps_seen = 0;
        alloc_in = k;
        graft_status status = tiny_train(&run);
        assert_said(status, GRAFT_E_MEMORY, k);
        if (status != GRAFT_OK && steps_seen < TINY_STEPS) {
            assert_true(is_saved(steps_seen) || is_saved(steps_seen + 1)); /* not all are shown */
        }
        assert_continues();
    }
}

/* --- what fails at the end --- */

static int no_room_for_adapters(const char *from, const char *to)
{
    if (strstr(to, "adapter_model.safetensors") != NULL) {
        errno = ENOSPC;
        return -1;
    }
    return graft_io_system_calls.rename(from, to);
}

static void an_export_that_fails_is_all_that_is_done_again(void **state)
{
    (void)state;
    tiny_run run = run_in(folder);
    graft_io_calls calls = graft_io_system_calls;
    calls.rename = no_room_for_adapters;
    tiny_forget(folder);
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "adapter_model.safetensors: cannot rename");
    graft_io_set_calls(NULL);
    steps_seen = 0;
    assert_continues();
    assert_int_equal(steps_seen, 0);
}

static size_t count_lines(const char *path)
{
    graft_text text;
    size_t n = 0;
    graft_text_init(&text);
    assert_ok(graft_file_read(&text, path, 1 << 20));
    for (size_t i = 0; i < text.len; i++) {
        n += text.data[i] == '\n';
    }
    graft_text_clear(&text);
    return n;
}

static int no_room_before(const char *from, const char *to)
{
    if (strstr(to, "eval-before") != NULL) {
        errno = ENOSPC;
        return -1;
    }
    return graft_io_system_calls.rename(from, to);
}

static void the_scores_of_the_start_are_written_by_the_same_command(void **state)
{
    (void)state;
    tiny_run run = run_in(folder);
    graft_io_calls calls = graft_io_system_calls;
    calls.rename = no_room_before;
    tiny_forget(folder);
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "eval-before.json: cannot rename");
    graft_io_set_calls(NULL);
    steps_seen = 0;
    assert_continues();
    assert_int_equal(steps_seen, 0);
    tiny_assert_same(folder, reference, "eval-after.json");
    assert_int_equal(count_lines(test_temp_path("run/metrics.jsonl")),
                     count_lines(test_temp_path("reference/metrics.jsonl")));
}

static int no_room_for_tables(const char *from, const char *to)
{
    if (strstr(to, "eval-after") != NULL || strstr(to, "report.html") != NULL) {
        errno = ENOSPC;
        return -1;
    }
    return graft_io_system_calls.rename(from, to);
}

static void a_table_that_fails_at_the_end_is_exit_8_with_the_adapter_written(void **state)
{
    (void)state;
    tiny_run run = run_in(folder);
    graft_io_calls calls = graft_io_system_calls;
    calls.rename = no_room_for_tables;
    tiny_forget(folder);
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "eval-after.json: cannot rename");
    assert_contains(graft_error_message(), "the adapter is written, and whole");
    graft_io_set_calls(NULL);
    tiny_assert_same(folder, reference, "adapter.gguf");
    steps_seen = 0;
    assert_continues();
    assert_int_equal(steps_seen, 0);
    assert_true(graft_path_exists(test_temp_path("run/report.html")));
}

static int no_room_for_models(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) != 0 && strstr(path, "merged.gguf") != NULL) {
        errno = ENOSPC;
        return -1;
    }
    return graft_io_system_calls.open(path, flags, mode);
}

static void a_merged_model_without_room_was_the_end_of_the_report(void **state)
{
    (void)state;
    tiny_run run = run_in(folder);
    graft_io_calls calls = graft_io_system_calls;
    run.more[0] = "export";
    run.more[1] = "gguf:f16,adapter,peft";
    calls.open = no_room_for_models;
    tiny_forget(folder);
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "export: gguf:f16: ");
    assert_contains(graft_error_message(), "No space left");
    assert_contains(graft_error_message(), "The run is finished, and all else is in ");
    graft_io_set_calls(NULL);
    tiny_assert_same(folder, reference, "adapter_model.safetensors");
    assert_true(graft_path_exists(test_temp_path("run/report.html")));
    assert_true(graft_path_exists(test_temp_path("run/SHA256SUMS")));
    assert_ok(tiny_train(&run)); /* with room it is all that is missing */
    assert_true(graft_path_exists(test_temp_path("run/merged.gguf")));
}

/* --- verifying --- */

static void a_failed_allocation_was_a_broken_file_to_verify(void **state)
{
    (void)state;
    const char *path = reference;
    uint64_t n = graft_alloc_count();
    char *text = NULL;
    assert_ok(graft_verify(&path, 1, NULL, NULL, 0, &text));
    graft_text_free(text);
    n = graft_alloc_count() - n;
    for (uint64_t k = 1; k <= n; k += 1 + n / 400) {
        graft_alloc_fail_at(k);
        graft_status status = graft_verify(&path, 1, NULL, NULL, 0, &text);
        graft_alloc_fail_at(0);
        graft_text_free(text);
        if (status != GRAFT_OK && status != GRAFT_E_MEMORY) {
            fail_msg("allocation %d of %d: %d: %s", (int)k, (int)n, (int)status, graft_error_message());
        }
    }
}

/* --- what cannot be written is written later --- */

static int refuse_writes_of; /* the step from which on the disk is full; it has room at the next one */

static void see_and_fill(void *context, const graft_progress *progress)
{
    see(context, progress);
    if (progress->phase == NULL || strcmp(progress->phase, "training") != 0) {
        return;
    }
    if ((int)progress->done == refuse_writes_of) {
        set_faults(1, true, false, ENOSPC);
    } else if ((int)progress->done == refuse_writes_of + 1) {
        graft_io_set_calls(NULL);
    }
}

static size_t warnings;
static void count_warnings(void *context, graft_log_level level, const char *line)
{
    (void)context;
    warnings += level == GRAFT_LOG_WARN && strstr(line, "metrics.jsonl: cannot write") != NULL;
}

static void records_of_a_full_disk_are_written_when_there_is_room(void **state)
{
    (void)state;
    tiny_run run = run_in(folder);
    run.hooks.progress = see_and_fill;
    for (refuse_writes_of = 1; refuse_writes_of < TINY_STEPS; refuse_writes_of++) {
        tiny_forget(folder);
        warnings = 0;
        graft_log_set_sink(count_warnings, NULL);
        assert_ok(tiny_train(&run));
        graft_io_set_calls(NULL);
        assert_int_equal(warnings, 1);
        assert_int_equal(count_lines(test_temp_path("run/metrics.jsonl")),
                         count_lines(test_temp_path("reference/metrics.jsonl")));
        tiny_assert_same(folder, reference, "adapter.gguf");
        assert_true(graft_path_exists(test_temp_path("run/eval-step-2.json")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_call_that_fails_once_costs_nothing_that_is_done, all_well),
        cmocka_unit_test_teardown(a_disk_that_is_full_from_a_call_on_costs_no_step, all_well),
        cmocka_unit_test_teardown(a_failed_allocation_costs_nothing_that_is_saved, all_well),
        cmocka_unit_test_teardown(a_failed_allocation_between_steps_loses_no_step, all_well),
        cmocka_unit_test_teardown(an_export_that_fails_is_all_that_is_done_again, all_well),
        cmocka_unit_test_teardown(the_scores_of_the_start_are_written_by_the_same_command,
                                  all_well),
        cmocka_unit_test_teardown(a_table_that_fails_at_the_end_is_exit_8_with_the_adapter_written,
                                  all_well),
        cmocka_unit_test_teardown(a_failed_allocation_was_a_broken_file_to_verify, all_well),
        cmocka_unit_test_teardown(a_merged_model_without_room_was_the_end_of_the_report, all_well),
        cmocka_unit_test_teardown(records_of_a_full_disk_are_written_when_there_is_room, all_well),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
