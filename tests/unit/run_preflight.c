/* run/preflight.h, through whole runs: what is refused before anything is computed. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <graft/plan.h>
#include <graft/quantize.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"
#include "support/tiny_run.h"

static char base[1024], folder[1024];
static bool computed; /* something was evaluated or trained */

static void see(void *context, const graft_progress *progress)
{
    (void)context;
    computed |= progress->done > 0;
}

static tiny_run fresh_run(void)
{
    computed = false;
    tiny_forget(folder);
    return (tiny_run){.base = base, .folder = folder, .hooks = {.progress = see}};
}

static int prepare(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "%s", byte_model("tiny.gguf"));
    snprintf(folder, sizeof folder, "%s", test_temp_path("run"));
    return 0;
}

static int all_well(void **state)
{
    (void)state;
    graft_io_set_calls(NULL);
    return 0;
}

static graft_io_calls calls;

static uint64_t free_bytes;

static int small_disk(const char *path, struct statvfs *out)
{
    int result = graft_io_system_calls.statvfs(path, out);
    out->f_frsize = 1;
    out->f_bavail = free_bytes;
    return result;
}

static void set_free(uint64_t bytes)
{
    free_bytes = bytes;
    calls = graft_io_system_calls;
    calls.statvfs = small_disk;
    graft_io_set_calls(&calls);
}

static void too_little_room_for_a_run_is_refused_with_the_sum(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    set_free(6 << 20);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "output_dir: ");
    assert_contains(graft_error_message(), " has 6.0 MiB free, and this run writes up to ");
    assert_contains(graft_error_message(), "checkpoints of 1.0 MiB (save_total_limit 3, and one more");
    assert_contains(graft_error_message(), "2 artefacts (export)");
    assert_contains(graft_error_message(), "lower save_total_limit or lora_r");
    assert_false(computed);
    set_free(64 << 20);
    assert_ok(tiny_train(&run));
    set_free(9 << 20); /* what is there already makes room for what replaces it */
    assert_ok(tiny_train(&run));
}

static int unknown_disk(const char *path, struct statvfs *out)
{
    int result = graft_io_system_calls.statvfs(path, out);
    out->f_blocks = 0;
    out->f_bavail = 0;
    return result;
}

static void a_file_system_that_does_not_know_its_size_is_no_obstacle(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    calls = graft_io_system_calls;
    calls.statvfs = unknown_disk;
    graft_io_set_calls(&calls);
    assert_ok(tiny_train(&run));
}

static int read_only_open(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) != 0 && strncmp(path, folder, strlen(folder)) == 0) {
        errno = EROFS;
        return -1;
    }
    return graft_io_system_calls.open(path, flags, mode);
}

static void a_folder_that_cannot_be_written_to_is_refused_at_once(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    calls = graft_io_system_calls;
    calls.open = read_only_open;
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "output_dir: ");
    assert_contains(graft_error_message(), "Read-only file system");
    assert_false(computed);
}

static int read_only_checkpoints(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) != 0 && strstr(path, "/checkpoints/") != NULL) {
        errno = EACCES;
        return -1;
    }
    return graft_io_system_calls.open(path, flags, mode);
}

static void checkpoints_of_somebody_else_are_refused_at_once(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    calls = graft_io_system_calls;
    calls.open = read_only_checkpoints;
    graft_io_set_calls(&calls);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "Permission denied");
    assert_contains(graft_error_message(), "/checkpoints");
    assert_false(computed);
}

static void a_folder_that_is_a_file_is_named(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    test_temp_file("run", "x", 1);
    assert_fails(tiny_train(&run), GRAFT_E_DISK, "run: is a file and not a folder");
    assert_int_equal(unlink(folder), 0);
}

static void a_second_run_says_who_has_the_folder(void **state)
{
    (void)state;
    char pid[64];
    tiny_run run = fresh_run();
    graft_lock *lock = NULL;
    assert_ok(graft_make_dirs(folder));
    assert_ok(graft_lock_take(&lock, test_temp_path("run/.lock")));
    snprintf(pid, sizeof pid, "another run is using this folder (process %ld on ", (long)getpid());
    assert_fails(tiny_train(&run), GRAFT_E_CONFIG, pid);
    assert_contains(graft_error_message(), "choose another output_dir");
    graft_lock_free(lock);
    assert_ok(tiny_train(&run));
}

static int no_locks(int fd, int operation)
{
    (void)fd, (void)operation;
    errno = ENOSYS;
    return -1;
}

static void a_file_system_without_locks_is_no_obstacle(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    calls = graft_io_system_calls;
    calls.flock = no_locks;
    graft_io_set_calls(&calls);
    assert_ok(tiny_train(&run));
}

static void what_a_killed_run_left_half_written_is_removed(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    assert_ok(graft_make_dirs(test_temp_path("run/checkpoints")));
    test_temp_file("run/checkpoints/step-2.h5.tmp-4711-0", "half", 4);
    test_temp_file("run/adapter.gguf.tmp-4711-3", "half", 4);
    test_temp_file("run/notes.tmp-of-mine", "whole", 5);
    assert_ok(tiny_train(&run));
    assert_false(graft_path_exists(test_temp_path("run/checkpoints/step-2.h5.tmp-4711-0")));
    assert_false(graft_path_exists(test_temp_path("run/adapter.gguf.tmp-4711-3")));
    assert_true(graft_path_exists(test_temp_path("run/notes.tmp-of-mine")));
}

static void a_run_killed_while_it_exported_a_folder_could_not_continue(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    assert_ok(graft_make_dirs(test_temp_path("run/ollama.tmp-4711-0/inner")));
    test_temp_file("run/ollama.tmp-4711-0/inner/half", "half", 4);
    assert_ok(tiny_train(&run));
    assert_false(graft_path_exists(test_temp_path("run/ollama.tmp-4711-0")));
}

/* --- graft plan --- */

static graft_status plan(const char *where, const char *setting, const char *value, char **text)
{
    graft_config *config = NULL;
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_set(config, "base_model", base));
    assert_ok(graft_config_set(config, "dataset", "datasets/prompt-completion.jsonl"));
    assert_ok(graft_config_set(config, "lora_r", "2"));
    assert_ok(graft_config_set(config, "output_dir", where));
    if (setting != NULL) {
        assert_ok(graft_config_set(config, setting, value));
    }
    graft_status status = graft_train_plan(config, NULL, 0, 1, text);
    graft_config_free(config);
    return status;
}

static void a_plan_did_not_look_at_the_disk(void **state)
{
    (void)state;
    char *text = NULL;
    tiny_forget(folder);
    set_free(3 << 20);
    assert_fails(plan(folder, NULL, NULL, &text), GRAFT_E_DISK, "output_dir: ");
    assert_contains(graft_error_message(), " has 3.0 MiB free, and this run writes up to ");
    assert_contains(text, "\"free_bytes\":3145728"); /* what it needs is told all the same */
    graft_text_free(text);
    set_free(64 << 20);
    assert_ok(plan(folder, NULL, NULL, &text));
    assert_contains(text, "\"exports\":2,");
    graft_text_free(text);
    assert_false(graft_path_exists(folder));
    test_temp_file("file", "x", 1);
    assert_fails(plan(test_temp_path("file/run"), NULL, NULL, &text), GRAFT_E_DISK, "output_dir: ");
    assert_contains(graft_error_message(), "file: is a file and not a folder");
    graft_text_free(text);
}

static unsigned long long planned_bytes(const char *setting, const char *value)
{
    unsigned long long bytes = 0;
    char *text = NULL;
    assert_ok(plan(folder, setting, value, &text));
    const char *at = strstr(text, "\"disk\":"); /* memory has other bytes, too */
    assert_non_null(at);
    at = strstr(at, "\"other_bytes\":");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"other_bytes\":%llu", &bytes), 1);
    graft_text_free(text);
    return bytes;
}

/* Of 500 examples the 100 of eval_samples are scored, before and after. */
static void scores_of_all_examples_were_counted(void **state)
{
    (void)state;
    char lines[500 * 48];
    size_t n = 0;
    for (int i = 0; i < 500; i++) {
        n += (size_t)snprintf(lines + n, sizeof lines - n,
                              "{\"prompt\":\"%d\",\"completion\":\"a\"}\n", i);
    }
    const char *many = test_temp_file("many.jsonl", lines, n);
    set_free((uint64_t)1 << 30);
    unsigned long long none = planned_bytes(NULL, NULL), some = planned_bytes("eval_dataset", many);
    assert_true(some > none && some - none <= 4 * 100 * 2048); /* one per epoch, and one before */
}

static graft_status plan_limited(const char *hours)
{
    static const char *const settings[] = {"val_set_size", "2", "eval_strategy", "steps",
                                           "eval_steps", "2",
                                           "max_steps", "1000000000",
                                           "eval_max_new_tokens", "2"};
    graft_config *config = NULL;
    char *text = NULL;
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_set(config, "base_model", base));
    assert_ok(graft_config_set(config, "dataset", "datasets/prompt-completion.jsonl"));
    assert_ok(graft_config_set(config, "output_dir", folder));
    assert_ok(graft_config_set(config, "max_hours", hours));
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i += 2) {
        assert_ok(graft_config_set(config, settings[i], settings[i + 1]));
    }
    graft_status status = graft_train_plan(config, NULL, 1, 1, &text);
    graft_text_free(text);
    graft_config_free(config);
    return status;
}

static void a_plan_needed_room_for_steps_that_there_is_no_time_for(void **state)
{
    (void)state;
    tiny_forget(folder);
    set_free((uint64_t)256 << 30);
    assert_ok(plan_limited("1"));
    assert_fails(plan_limited("1000000"), GRAFT_E_DISK, "MiB of scores (eval_samples, eval_steps)");
}

static bool trained;

static void see_training(void *context, const graft_progress *progress)
{
    (void)context;
    trained = progress->done > 0 && strcmp(progress->phase, "training") == 0;
}

static int stop_once_trained(void *context)
{
    (void)context;
    return trained;
}

/* A billion steps are asked for, and an hour allowed: the scores of all of them would be terabytes. */
static void steps_that_there_is_no_time_for_needed_room(void **state)
{
    (void)state;
    tiny_run run = fresh_run();
    run.hooks = (graft_hooks){.progress = see_training, .stop = stop_once_trained};
    set_free((uint64_t)256 << 30);
    const char *const limited[] = {"max_steps", "1000000000", "max_hours", "1", NULL};
    memcpy(run.more, limited, sizeof limited);
    assert_fails(tiny_train(&run), GRAFT_E_INTERRUPTED, "stopped at step");
    tiny_run asked = fresh_run();
    const char *const all[] = {"max_steps", "1000000000", NULL};
    memcpy(asked.more, all, sizeof all);
    assert_fails(tiny_train(&asked), GRAFT_E_DISK, "MiB of scores (eval_samples, eval_steps)");
    assert_false(computed);
    tiny_run years = fresh_run(); /* the plan itself needs the room */
    years.hooks = run.hooks;
    trained = false;
    const char *const planned[] = {"max_steps", "1000000000", "max_hours", "1000000", NULL};
    memcpy(years.more, planned, sizeof planned);
    assert_fails(tiny_train(&years), GRAFT_E_DISK, "MiB of scores (eval_samples, eval_steps)");
}

/* Merged models are of the size of the base, or of another type's. */
static void merged_models_counted_as_adapters(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"adapter", "gguf"}, {"gguf:q8_0", "gguf:f16"}, {"gguf:f16", "gguf:f32"},
                                           {"ollama:adapter", "ollama"}, {"hf:f16", "hf:f32"}};
    set_free(64 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned long long bytes[2];
        for (size_t k = 0; k < 2; k++) {
            char *text = NULL;
            assert_ok(plan(folder, "export", cases[i][k], &text));
            const char *at = strstr(text, "\"export_bytes\":");
            assert_non_null(at);
            assert_int_equal(sscanf(at, "\"export_bytes\":%llu", &bytes[k]), 1);
            graft_text_free(text);
        }
        assert_true(bytes[0] < bytes[1]);
    }
}

static void too_little_room_for_a_model_is_refused_before_it_is_written(void **state)
{
    (void)state;
    graft_config *config = NULL;
    char *out = NULL;
    graft_quantize_wish wish = {.type = "f16"};
    assert_ok(graft_config_new(&config));
    set_free(20 << 10);
    assert_fails(graft_quantize(config, base, test_temp_path("small.gguf"), &wish, NULL, 0, &out),
                 GRAFT_E_DISK, "small.gguf: needs 0.");
    assert_contains(graft_error_message(), " MiB, and 0.0 MiB are free there");
    assert_false(graft_path_exists(test_temp_path("small.gguf")));
    graft_config_free(config);
}

static void a_result_that_cannot_be_written_is_said_before_the_model_reads(void **state)
{
    (void)state;
    graft_config *config = NULL;
    char *out = NULL;
    graft_hooks hooks = {.progress = see};
    computed = false;
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_set(config, "base_model", base));
    assert_ok(graft_config_set(config, "dataset", "datasets/prompt-completion.jsonl"));
    assert_fails(graft_imatrix(config, test_temp_path("nowhere/imatrix.gguf"), 0, &hooks, 0, &out),
                 GRAFT_E_DISK, "nowhere/imatrix.gguf: cannot create: No such");
    set_free(1000);
    assert_fails(graft_imatrix(config, test_temp_path("imatrix.gguf"), 0, &hooks, 0, &out),
                 GRAFT_E_DISK, "imatrix.gguf: needs 1.0 MiB, and 0.0 MiB are free there");
    assert_false(computed);
    graft_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(too_little_room_for_a_run_is_refused_with_the_sum, all_well),
        cmocka_unit_test_teardown(a_file_system_that_does_not_know_its_size_is_no_obstacle, all_well),
        cmocka_unit_test_teardown(a_folder_that_cannot_be_written_to_is_refused_at_once, all_well),
        cmocka_unit_test_teardown(checkpoints_of_somebody_else_are_refused_at_once, all_well),
        cmocka_unit_test_teardown(a_folder_that_is_a_file_is_named, all_well),
        cmocka_unit_test_teardown(a_second_run_says_who_has_the_folder, all_well),
        cmocka_unit_test_teardown(a_file_system_without_locks_is_no_obstacle, all_well),
        cmocka_unit_test_teardown(what_a_killed_run_left_half_written_is_removed, all_well),
        cmocka_unit_test_teardown(a_run_killed_while_it_exported_a_folder_could_not_continue, all_well),
        cmocka_unit_test_teardown(a_plan_did_not_look_at_the_disk, all_well),
        cmocka_unit_test_teardown(scores_of_all_examples_were_counted, all_well),
        cmocka_unit_test_teardown(a_plan_needed_room_for_steps_that_there_is_no_time_for, all_well),
        cmocka_unit_test_teardown(steps_that_there_is_no_time_for_needed_room, all_well),
        cmocka_unit_test_teardown(merged_models_counted_as_adapters, all_well),
        cmocka_unit_test_teardown(too_little_room_for_a_model_is_refused_before_it_is_written, all_well),
        cmocka_unit_test_teardown(a_result_that_cannot_be_written_is_said_before_the_model_reads,
                                  all_well),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
