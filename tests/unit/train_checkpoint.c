/* train/checkpoint.h, identity.h, notes.h: what a checkpoint is, what it costs, and what is refused. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/config.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "io/files.h"
#include "support/tiny_model.h"
#include "train/checkpoint.h"

typedef struct fixture {
    graft_config *config;
    graft_model *model;
    graft_adapter *adapter;
    graft_compute compute;
    graft_example example;
    graft_unit unit;
    graft_trainer trainer;
    graft_best best;
    graft_text identity;
} fixture;

static void open_fixture(fixture *f, const tiny_options *options, size_t rank)
{
    graft_cpu_level level;
    memset(f, 0, sizeof *f);
    assert_ok(graft_config_new(&f->config));
    assert_ok(graft_config_set(f->config, "max_steps", "9"));
    assert_ok(graft_config_check(f->config));
    assert_ok(graft_model_open(&f->model, tiny_model("checkpoint.gguf", options)));
    graft_adapter_options adapter = {.rank = rank, .alpha = 8, .seed = 5, .targets = "all-linear"};
    assert_ok(graft_adapter_new(&f->adapter, &adapter, f->model->slots, f->model->n_slots));
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, false));
    f->example.n = 4;
    assert_ok(graft_alloc(&f->example.ids, 4, sizeof *f->example.ids));
    assert_ok(graft_alloc(&f->example.weights, 4, sizeof *f->example.weights));
    assert_ok(graft_alloc(&f->example.roles, 4, 1));
    f->example.weights[2] = 1;
    f->unit = (graft_unit){&f->example, 1, 0};
    assert_ok(graft_trainer_init(&f->trainer, f->config, f->model, f->adapter, &f->compute, &f->unit, 1));
    graft_best_init(&f->best);
    f->trainer.step = 5;
    for (size_t i = 0; i < f->adapter->n_params; i++) {
        f->trainer.moments[0][i] = (graft_real)(i % 7) - 3;
        f->trainer.moments[1][i] = (graft_real)(i % 5);
    }
    graft_run_files files = {"0123", "4567", "89ab", NULL, NULL};
    assert_ok(graft_run_identity(&f->identity, &f->trainer, &files));
}

static void close_fixture(fixture *f)
{
    graft_best_clear(&f->best);
    graft_text_clear(&f->identity);
    graft_trainer_clear(&f->trainer);
    graft_adapter_free(f->adapter);
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
    graft_example_clear(&f->example);
    graft_config_free(f->config);
}

static graft_status save(const fixture *f, const char *folder)
{
    return graft_checkpoint_save(&f->trainer, &f->best, graft_text_z(&f->identity), folder, 2);
}

/* First of all tests, since the peak of memory is that of the whole process. */
static void saving_takes_the_state_and_little_more(void **state)
{
    tiny_options wide = tiny_default;
    fixture f;
    struct rusage before, after;
    graft_mapped file;
    (void)state;
    const char *folder = test_temp_path("memory");
    /* Once before, since code is memory, too: that of libhdf5, which an emulator of CPUs translates. */
    open_fixture(&f, &tiny_default, 2);
    assert_ok(save(&f, folder));
    close_fixture(&f);
    wide.n_embd = 256;
    wide.n_ff = 512;
    open_fixture(&f, &wide, 128);
    double n_state = 3.0 * (double)f.adapter->n_params * sizeof(float) / (1 << 20);
    getrusage(RUSAGE_SELF, &before);
    assert_ok(save(&f, folder));
    getrusage(RUSAGE_SELF, &after);
    assert_ok(graft_mapped_open(&file, test_temp_path("memory/step-5.h5")));
    double image = (double)file.size / (1 << 20);
    double peak = (double)(after.ru_maxrss - before.ru_maxrss) / 1024;
    graft_mapped_close(&file);
    print_message("state %.1f MiB, file %.1f MiB, saving takes %.1f MiB more\n", n_state, image, peak);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(peak < 1.1 * n_state + 6);
#endif
    assert_true(image < n_state + 0.1);
    close_fixture(&f);
}

static void the_same_state_gives_the_same_bytes(void **state)
{
    fixture f;
    graft_mapped a, b;
    (void)state;
    open_fixture(&f, &tiny_default, 4);
    assert_ok(graft_notes_set(&f.trainer.notes, "rate.factor", 0.1));
    assert_ok(save(&f, test_temp_path("one")));
    sleep(1); /* a time stamp would differ now */
    assert_ok(save(&f, test_temp_path("two")));
    assert_ok(graft_mapped_open(&a, test_temp_path("one/step-5.h5")));
    assert_ok(graft_mapped_open(&b, test_temp_path("two/step-5.h5")));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_memory_equal(a.data, "GRAFTCK1\1\0\0\0", 12);
    assert_memory_equal(a.data + 512, "\x89HDF\r\n\x1a\n", 8);
    graft_mapped_close(&a);
    graft_mapped_close(&b);
    close_fixture(&f);
}

static void what_is_saved_is_loaded(void **state)
{
    fixture f, g;
    (void)state;
    open_fixture(&f, &tiny_default, 4);
    f.trainer.plan.usual_tokens = 1500;
    f.trainer.plan.max_tokens_per_pass = 3000;
    assert_ok(graft_notes_set(&f.trainer.notes, "rate.factor", 0.1));
    assert_ok(save(&f, test_temp_path("c")));
    open_fixture(&g, &tiny_default, 4);
    memset(g.adapter->params, 0, g.adapter->n_params * sizeof *g.adapter->params);
    assert_ok(graft_checkpoint_load(&g.trainer, &g.best, graft_text_z(&g.identity),
                                    test_temp_path("c/step-5.h5")));
    size_t n = f.adapter->n_params * sizeof(graft_real);
    assert_memory_equal(g.adapter->params, f.adapter->params, n);
    assert_memory_equal(g.trainer.moments[0], f.trainer.moments[0], n);
    assert_memory_equal(g.trainer.moments[1], f.trainer.moments[1], n);
    assert_int_equal(g.trainer.step, 5);
    assert_true(graft_notes_get(&g.trainer.notes, "rate.factor", 1) == 0.1);
    /* whatever memory this machine has, sums are cut as they were */
    assert_int_equal(g.trainer.plan.usual_tokens, 1500);
    assert_int_equal(g.trainer.plan.max_tokens_per_pass, 3000);
    g.trainer.plan.room_bytes = 1000;
    g.trainer.plan.checkpointing = GRAFT_CHECKPOINTING_AUTO;
    assert_fails(graft_checkpoint_load(&g.trainer, &g.best, graft_text_z(&g.identity),
                                       test_temp_path("c/step-5.h5")), GRAFT_E_MEMORY,
                 "begun with passes of 1500 tokens");
    close_fixture(&f);
    close_fixture(&g);
}

static void another_adapter_is_refused(void **state)
{
    fixture f, g;
    (void)state;
    open_fixture(&f, &tiny_default, 4);
    assert_ok(save(&f, test_temp_path("c")));
    open_fixture(&g, &tiny_default, 2);
    assert_fails(graft_checkpoint_load(&g.trainer, &g.best, graft_text_z(&f.identity),
                                       test_temp_path("c/step-5.h5")), GRAFT_E_CHECKPOINT,
                 "other maps or another rank");
    close_fixture(&g);
    open_fixture(&g, &tiny_default, 4);
    g.trainer.n_asked = 4;
    assert_fails(graft_checkpoint_load(&g.trainer, &g.best, graft_text_z(&f.identity),
                                       test_temp_path("c/step-5.h5")), GRAFT_E_CHECKPOINT,
                 "is at step 5 of a run of 4");
    close_fixture(&f);
    close_fixture(&g);
}

/* It is saved as it is, and refused when it is opened; tests/oracle/test_checkpoint.py has more. */
static void unsound_content_is_refused(void **state)
{
    fixture f;
    graft_checkpoint c;
    (void)state;
    const char *folder = test_temp_path("bad"), *path = test_temp_path("bad/step-5.h5");
    open_fixture(&f, &tiny_default, 4);
    f.trainer.moments[1][17] = -1;
    assert_ok(save(&f, folder));
    assert_fails(graft_checkpoint_open(&c, path), GRAFT_E_CHECKPOINT,
                 "optimizer/v: number 17 is negative");
    f.trainer.moments[1][17] = 1;
    f.best.step = 6;
    assert_ok(save(&f, folder));
    assert_fails(graft_checkpoint_open(&c, path), GRAFT_E_CHECKPOINT, "best/state does not fit");
    f.best.step = 0;
    f.trainer.plan.usual_tokens = f.trainer.plan.max_tokens_per_pass + 1;
    assert_ok(save(&f, folder));
    assert_fails(graft_checkpoint_open(&c, path), GRAFT_E_CHECKPOINT, "run/passes is no plan");
    close_fixture(&f);
}

/* --- folders --- */

static void touch(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "keep/%s", name);
    assert_ok(graft_file_write(test_temp_path(path), "x", 1));
}

static void assert_files(const char *wanted)
{
    char **names, all[512] = "";
    size_t n, used = 0;
    assert_ok(graft_dir_list(&names, &n, test_temp_path("keep")));
    for (size_t i = 0; i < n; i++) {
        used += (size_t)snprintf(all + used, sizeof all - used, "%s ", names[i]);
    }
    graft_dir_free(names, n);
    assert_string_equal(all, wanted);
}

/* Files of an earlier run with higher numbers counted as the newest: what a run that began afresh in
 * the folder saved was deleted at once. */
static void a_new_checkpoint_is_never_deleted_for_older_ones(void **state)
{
    fixture f;
    (void)state;
    open_fixture(&f, &tiny_default, 4);
    assert_ok(graft_make_dirs(test_temp_path("keep")));
    touch("step-100.h5");
    touch("step-200.h5");
    touch("step-3.h5");
    touch("step-4.h5");
    touch("notes.txt");
    assert_ok(save(&f, test_temp_path("keep")));
    assert_files("notes.txt step-4.h5 step-5.h5 ");
    close_fixture(&f);
}

/* A name that nothing writes was taken for a number, and the file of that number was missing then. */
static void only_names_that_are_written_are_checkpoints(void **state)
{
    static const char *const others[] = {"step--6.h5", "step-0007.h5", "step-+8.h5", "step- 9.h5", "step-0.h5",
                                         "step-5.h5x", "step-99999999999999999999.h5"};
    uint64_t *steps = NULL;
    size_t n = 0;
    (void)state;
    assert_ok(graft_make_dirs(test_temp_path("keep")));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        touch(others[i]);
    }
    touch("step-12.h5");
    assert_ok(graft_checkpoint_steps(&steps, &n, test_temp_path("keep")));
    assert_int_equal(n, 3); /* with what the test before left */
    assert_int_equal(steps[0], 12);
    assert_int_equal(steps[1], 5);
    assert_int_equal(steps[2], 4);
    graft_free(steps);
}

/* --- identity --- */

static void assert_differences(const char *saved, const char *wanted, const char *run,
                               const char *machine)
{
    graft_text a, b;
    graft_text_init(&a);
    graft_text_init(&b);
    assert_ok(graft_run_differences(&a, &b, saved, wanted));
    assert_string_equal(graft_text_z(&a), run);
    assert_string_equal(graft_text_z(&b), machine);
    graft_text_clear(&a);
    graft_text_clear(&b);
}

static void every_difference_is_named(void **state)
{
    (void)state;
    assert_differences("a: 1\nb: 2\n", "a: 1\nb: 2\n", "", "");
    assert_differences("a: 1\nb: 2\n", "b: 2\na: 1\n", "", "");
    assert_differences("a: 1\nb: 2\nc: x\n", "a: 3\nb: 2\nc: y\n", "a: 1 -> 3; c: x -> y", "");
    assert_differences("a: 1\ngone: 2\nnot: \n", "a: 1\nnew: 7\nnot: 0\n",
                       "new: (not set) -> 7; not: (not set) -> 0; gone: 2 -> (not set)", "");
    assert_differences("a: 1\nkernels: avx2 f32\n", "a: 1\nkernels: amx bf16\n", "",
                       "kernels: avx2 f32 -> amx bf16");
    assert_differences(
        "d: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "d: f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "d: 0123456789ab... -> f123456789ab...", "");
    assert_differences("", "a: 1\n", "a: (not set) -> 1", "");
    assert_differences("nonsense", "", "nonsense: (not set) -> (not set)", "");
    assert_differences("a: \x1b[2J\n", "a: 1\n", "a: \\x1b[2J -> 1", "");
}

/* A new setting needs a decision. */
static void every_setting_is_known_to_shape_runs_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < graft_settings_n(); i++) {
        bool known;
        (void)graft_setting_shapes_runs(graft_settings_at(i)->name, &known);
        if (!known) {
            fail_msg("%s: say in train/identity.c whether a run with another value is another run",
                     graft_settings_at(i)->name);
        }
    }
}

/* --- notes --- */

static void notes_keep_their_bits(void **state)
{
    static const double values[] = {0, -0.0, 0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -2};
    graft_notes a = {0}, b = {0};
    graft_text text;
    char name[16];
    (void)state;
    graft_text_init(&text);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(name, sizeof name, "n%zu", i);
        assert_ok(graft_notes_set(&a, name, 7));
        assert_ok(graft_notes_set(&a, name, values[i]));
    }
    assert_ok(graft_notes_format(&a, &text));
    assert_ok(graft_notes_parse(&b, graft_text_z(&text)));
    assert_int_equal(b.n, sizeof values / sizeof *values);
    for (size_t i = 0; i < b.n; i++) {
        assert_memory_equal(&a.items[i].value, &b.items[i].value, sizeof(double));
    }
    assert_true(graft_notes_get(&b, "none", 3) == 3);
    assert_fails(graft_notes_set(&a, "bad name", 1), GRAFT_E_FAILED, "cannot be noted");
    assert_fails(graft_notes_set(&a, "", 1), GRAFT_E_FAILED, "cannot be noted");
    assert_fails(graft_notes_set(&a, "x", NAN), GRAFT_E_FAILED, "cannot be noted");
    for (size_t i = a.n; i < GRAFT_NOTES_MAX; i++) {
        snprintf(name, sizeof name, "m%zu", i);
        assert_ok(graft_notes_set(&a, name, 1));
    }
    assert_fails(graft_notes_set(&a, "more", 1), GRAFT_E_FAILED, "no room");
    static const char *const bad[] = {"a\n", "a:1\n", "a: \n", "a: 1 2\n", "a: nan\n", "a: 1\na: 2\n",
                                      "A: 1\n", ": 1\n", "a: 1\n\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(graft_notes_parse(&b, bad[i]), GRAFT_E_CHECKPOINT, "stands no line");
    }
    graft_text_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saving_takes_the_state_and_little_more),
        cmocka_unit_test(the_same_state_gives_the_same_bytes),
        cmocka_unit_test(what_is_saved_is_loaded),
        cmocka_unit_test(another_adapter_is_refused),
        cmocka_unit_test(unsound_content_is_refused),
        cmocka_unit_test(a_new_checkpoint_is_never_deleted_for_older_ones),
        cmocka_unit_test(only_names_that_are_written_are_checkpoints),
        cmocka_unit_test(every_difference_is_named),
        cmocka_unit_test(every_setting_is_known_to_shape_runs_or_not),
        cmocka_unit_test(notes_keep_their_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
