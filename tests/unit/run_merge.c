/* Models that a run merges at its end: the same bytes as `graft export` makes of its folder afterwards, whatever
 * happens meanwhile. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <graft/export.h>
#include <graft/log.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "support/tiny_run.h"

static char base[1024], folder[1024];

static struct {
    const char *stop_in; /* phase in which the stop is asked for */
    char phase[64];
    uint64_t steps;
    bool asked;
    const char *lost;    /* a file that goes away behind the last step */
    long fail_in;        /* allocations from the first progress of exporting on until one fails; 0: none */
} seen;

static void see(void *context, const graft_progress *p)
{
    (void)context;
    snprintf(seen.phase, sizeof seen.phase, "%s", p->phase);
    if (strcmp(seen.phase, "training") == 0) {
        seen.steps = p->done;
        if (seen.lost != NULL && p->done == TINY_STEPS) {
            assert_int_equal(unlink(seen.lost), 0);
        }
    }
    if (strcmp(seen.phase, "reading") == 0 && seen.fail_in > 0) {
        graft_alloc_fail_at((uint64_t)seen.fail_in);
        seen.fail_in = 0;
    }
}

static int ask(void *context)
{
    (void)context;
    seen.asked |= seen.stop_in != NULL && strcmp(seen.stop_in, seen.phase) == 0;
    return seen.asked;
}

static size_t warnings;
static char warning[4096];
static void keep_warning(void *context, graft_log_level level, const char *line)
{
    (void)context;
    if (level == GRAFT_LOG_WARN) {
        warnings++;
        snprintf(warning, sizeof warning, "%s", line);
    }
}

/* A run that learns enough to survive 8 bits, and exports the items. */
static tiny_run run_of(const char *items, const char *name, const char *value)
{
    memset(&seen, 0, sizeof seen);
    warnings = 0;
    warning[0] = 0;
    graft_log_set_sink(keep_warning, NULL);
    tiny_run run = {.base = base, .folder = folder, .only_at_ends = true,
                    .hooks = {.progress = see, .stop = ask},
                    .more = {"export", items, "learning_rate", "0.1", "eval_before", "false", name, value}};
    return run;
}

static int prepare(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "%s", byte_model("tiny.gguf"));
    snprintf(folder, sizeof folder, "%s", test_temp_path("run"));
    return graft_make_dirs(test_temp_path("near")) == GRAFT_OK ? 0 : -1;
}

static int all_well(void **state)
{
    (void)state;
    graft_alloc_fail_at(0);
    graft_clock_set(NULL);
    graft_log_set_sink(NULL, NULL);
    return 0;
}

/* `graft export` of the run folder, into test_temp_path(name). */
static void export_again(const char *adapter, const char *to, const char *type, const char *rounding,
                         const char *name)
{
    graft_config *config = NULL;
    char *text = NULL, path[1024];
    snprintf(path, sizeof path, "%s", test_temp_path(adapter));
    const char *adapters = path;
    graft_export_wish wish = {.adapters = &adapters, .n_adapters = 1, .to = to, .type = type,
                              .rounding = rounding, .out = test_temp_path(name)};
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_set(config, "base_model", base));
    assert_ok(graft_config_set(config, "threads", "2"));
    assert_ok(graft_export(config, &wish, NULL, 0, &text));
    graft_text_free(text);
    graft_config_free(config);
}

static void assert_says(const char *path, const char *words, bool says)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_file_read(&text, path, 1 << 24));
    assert_int_equal(memmem(text.data, text.len, words, strlen(words)) != NULL, says);
    graft_text_clear(&text);
}

static void assert_same_folders(const char *one, const char *other)
{
    char **names = NULL, **others = NULL;
    size_t n = 0, n_other = 0;
    assert_ok(graft_dir_list(&names, &n, one));
    assert_ok(graft_dir_list(&others, &n_other, other));
    assert_true(n > 2 && n == n_other);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(names[i], others[i]);
        tiny_assert_same(one, other, names[i]);
    }
    graft_dir_free(names, n);
    graft_dir_free(others, n_other);
}

static void the_end_of_a_run_rounded_to_the_nearest(void **state)
{
    (void)state;
    char out[1024], model[1024];
    tiny_run run = run_of("adapter,peft,gguf:q8_0,ollama:q4_1", NULL, NULL);
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    snprintf(model, sizeof model, "%s", test_temp_path("run/merged.gguf"));
    assert_says(model, "graft.rounding", true);
    assert_says(model, " tokens of prompt-completion.jsonl", true);
    snprintf(out, sizeof out, "%s", test_temp_path("out"));
    tiny_forget(out);
    assert_ok(graft_make_dirs(out));
    export_again("run/adapter.gguf", "gguf", "q8_0", NULL, "out/merged.gguf");
    tiny_assert_same(folder, out, "merged.gguf");
    tiny_assert_same(folder, out, "merged.gguf.survival.json");
    export_again("run/adapter.gguf", "ollama", "q4_1", "aware", "out/ollama");
    snprintf(model, sizeof model, "%s", test_temp_path("run/ollama"));
    assert_same_folders(model, test_temp_path("out/ollama"));
}

static void rounding_to_the_nearest_can_be_asked_for(void **state)
{
    (void)state;
    tiny_run run = run_of("adapter,gguf:q8_0", "export_rounding", "nearest");
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    assert_string_not_equal(seen.phase, "reading");
    export_again("run/adapter.gguf", "gguf", "q8_0", "nearest", "near/merged.gguf");
    tiny_assert_same(folder, test_temp_path("near"), "merged.gguf");
    assert_says(test_temp_path("run/merged.gguf"), "as asked for", true);
}

/* What weights are rounded for is what the run read, with the date that its template told. The zones never have
 * the same date. */
static void a_merge_on_another_day_is_the_same(void **state)
{
    (void)state;
    static const char dated[] = "{{ strftime_now('%d %b') }}{% for m in messages %}{{ m['role'] + '\n' + "
                                "m['content'] + '<|im_end|>\n' }}{% endfor %}"
                                "{% if add_generation_prompt %}assistant\n{% endif %}";
    char path[1024];
    snprintf(path, sizeof path, "%s", test_temp_file("dated.jinja", dated, sizeof dated - 1));
    tiny_run run = run_of("adapter,gguf:q8_0", "chat_template", path);
    tiny_forget(folder);
    setenv("TZ", "UTC+12", 1);
    tzset();
    assert_ok(tiny_train(&run));
    setenv("TZ", "UTC-14", 1);
    tzset();
    export_again("run/adapter.gguf", "gguf", "q8_0", "aware", "near/merged.gguf");
    unsetenv("TZ");
    tzset();
    tiny_assert_same(folder, test_temp_path("near"), "merged.gguf");
}

/* "all else is in run: graft export makes artefacts of it" was not so. */
static void a_merged_model_alone_left_nothing_to_export_again(void **state)
{
    (void)state;
    tiny_run run = run_of("gguf:q8_0", NULL, NULL);
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    assert_true(graft_path_exists(test_temp_path("run/adapter.gguf")));
    assert_says(test_temp_path("run/config.yaml"), "adapter", true);
    export_again("run/adapter.gguf", "gguf", "q8_0", NULL, "near/again.gguf");
    assert_int_equal(rename(test_temp_path("near/again.gguf"), test_temp_path("near/merged.gguf")), 0);
    tiny_assert_same(folder, test_temp_path("near"), "merged.gguf");
}

static void a_dora_is_merged_from_the_folder_of_peft(void **state)
{
    (void)state;
    tiny_run run = run_of("gguf:q8_0", "use_dora", "true");
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    assert_false(graft_path_exists(test_temp_path("run/adapter.gguf")));
    export_again("run", "gguf", "q8_0", NULL, "near/merged.gguf");
    tiny_assert_same(folder, test_temp_path("near"), "merged.gguf");
}

static void a_stop_while_a_model_is_merged_leaves_it_to_the_next_run(void **state)
{
    (void)state;
    static const char *const phases[] = {"reading", "exporting"};
    char whole[1024];
    tiny_run run = run_of("adapter,gguf:q8_0", NULL, NULL);
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    snprintf(whole, sizeof whole, "%s", test_temp_path("whole"));
    tiny_forget(whole);
    assert_int_equal(rename(folder, whole), 0);
    for (size_t i = 0; i < 2; i++) {
        run = run_of("adapter,gguf:q8_0", NULL, NULL);
        tiny_forget(folder);
        seen.stop_in = phases[i];
        assert_fails(tiny_train(&run), GRAFT_E_INTERRUPTED,
                     "stopped while gguf:q8_0 was exported; the same command continues");
        assert_true(graft_path_exists(test_temp_path("run/adapter.gguf")));
        assert_false(graft_path_exists(test_temp_path("run/merged.gguf")));
        run = run_of("adapter,gguf:q8_0", NULL, NULL);
        assert_ok(tiny_train(&run));
        assert_int_equal(seen.steps, 0);
        tiny_assert_same(folder, whole, "merged.gguf");
        tiny_assert_same(folder, whole, "adapter.gguf");
    }
}

static void examples_that_are_gone_by_then_are_said(void **state)
{
    (void)state;
    char command[2400], data[1024];
    snprintf(data, sizeof data, "%s", test_temp_path("data.jsonl"));
    snprintf(command, sizeof command, "cp datasets/prompt-completion.jsonl '%s'", data);
    assert_int_equal(system(command), 0);
    tiny_run run = run_of("adapter,gguf:q8_0", "dataset", data);
    seen.lost = data;
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    assert_true(warnings > 0);
    assert_says(test_temp_path("run/run.log"), "weights are rounded to the nearest, which loses more: ", true);
    assert_says(test_temp_path("run/merged.gguf"), "data.jsonl", true);
}

/* The run is finished, and says what is missing; with memory it is all that is made. */
static void memory_that_merging_lacks_ended_the_run_without_a_report(void **state)
{
    (void)state;
    for (long k = 1; k < 400; k += 1 + k / 2) {
        tiny_run run = run_of("adapter,gguf:q8_0", NULL, NULL);
        tiny_forget(folder);
        seen.fail_in = k;
        graft_status status = tiny_train(&run);
        graft_alloc_fail_at(0);
        if (status != GRAFT_OK) {
            assert_int_equal(status, GRAFT_E_MEMORY);
            assert_true(graft_path_exists(test_temp_path("run/adapter.gguf")));
        }
        run = run_of("adapter,gguf:q8_0", NULL, NULL);
        assert_ok(tiny_train(&run));
        tiny_assert_same(folder, test_temp_path("whole"), "merged.gguf");
    }
}

/* --- time --- */

static double clock_now;

static double slow_clock(void)
{
    return clock_now += 100; /* seconds between two looks at it */
}

/* What a run with a limit that is too short for anything is told of its end. */
static void tell_end(char out[512], const char *items, const char *rounding)
{
    tiny_run run = run_of(items, "export_rounding", rounding);
    run.more[8] = "max_hours";
    run.more[9] = "0.01";
    tiny_forget(folder);
    graft_clock_set(slow_clock);
    assert_fails(tiny_train(&run), GRAFT_E_CONFIG, "s left are too little for one step");
    graft_clock_set(NULL);
    const char *at = strstr(graft_error_message(), "writing the results (about ");
    assert_non_null(at);
    snprintf(out, 512, "%s", at);
    strchr(out, ')')[1] = 0;
}

/* Changes a byte of the base, or only its time, while a model is written. */
static void change_base(void *context, const graft_progress *p)
{
    const bool *bytes = context;
    FILE *file = strcmp(p->phase, "exporting") == 0 ? fopen(base, "r+b") : NULL;
    if (file != NULL) {
        assert_int_equal(fseek(file, -1, SEEK_END), 0);
        int last = fgetc(file);
        assert_int_equal(fseek(file, -1, SEEK_END), 0);
        assert_int_equal(fputc(*bytes ? last ^ 1 : last, file), *bytes ? last ^ 1 : last);
        assert_int_equal(fclose(file), 0);
    }
}

static void a_base_that_changed_meanwhile_was_merged_under_its_old_digest(void **state)
{
    (void)state;
    char kept[1024];
    const char *adapter = kept;
    tiny_run run = run_of("adapter", NULL, NULL);
    tiny_forget(folder);
    assert_ok(tiny_train(&run));
    snprintf(kept, sizeof kept, "%s", test_temp_path("run/adapter.gguf"));
    for (int i = 0; i < 2; i++) {
        bool bytes = i == 1;
        char *text = NULL;
        graft_config *config = NULL;
        graft_hooks hooks = {.progress = change_base, .context = &bytes};
        graft_export_wish wish = {.adapters = &adapter, .n_adapters = 1, .to = "gguf", .type = "q8_0",
                                  .rounding = "nearest", .out = test_temp_path("changed.gguf")};
        assert_ok(graft_config_new(&config));
        assert_ok(graft_config_set(config, "base_model", base));
        assert_int_equal(graft_export(config, &wish, &hooks, 0, &text), bytes ? GRAFT_E_MODEL : GRAFT_OK);
        assert_int_equal(graft_path_exists(wish.out), !bytes);
        assert_true(!bytes || strstr(graft_error_message(), "was changed while it was used") != NULL);
        unlink(wish.out);
        graft_text_free(text);
        graft_config_free(config);
    }
    snprintf(base, sizeof base, "%s", byte_model("tiny.gguf"));
}

static void time_for_merging_was_not_kept(void **state)
{
    (void)state;
    char plain[512], nearest[512], aware[512];
    tell_end(plain, "adapter", "aware");
    tell_end(nearest, "adapter,gguf:q4_0", "nearest");
    tell_end(aware, "adapter,gguf:q4_0", "aware");
    print_message("%s %s %s\n", plain, nearest, aware);
    assert_string_equal(plain, nearest);
    assert_string_not_equal(plain, aware);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_end_of_a_run_rounded_to_the_nearest, all_well),
        cmocka_unit_test_teardown(rounding_to_the_nearest_can_be_asked_for, all_well),
        cmocka_unit_test_teardown(a_merge_on_another_day_is_the_same, all_well),
        cmocka_unit_test_teardown(a_merged_model_alone_left_nothing_to_export_again, all_well),
        cmocka_unit_test_teardown(a_dora_is_merged_from_the_folder_of_peft, all_well),
        cmocka_unit_test_teardown(a_stop_while_a_model_is_merged_leaves_it_to_the_next_run, all_well),
        cmocka_unit_test_teardown(examples_that_are_gone_by_then_are_said, all_well),
        cmocka_unit_test_teardown(a_base_that_changed_meanwhile_was_merged_under_its_old_digest, all_well),
        cmocka_unit_test_teardown(time_for_merging_was_not_kept, all_well),
        cmocka_unit_test_teardown(memory_that_merging_lacks_ended_the_run_without_a_report, all_well),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
