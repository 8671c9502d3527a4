/* train/rollback.h: which checkpoint a rollback goes to, and that those it may need are kept. */
#include "support/test.h"
#include "support/tiny_training.h"

#include "core/memory.h"
#include "io/files.h"
#include "train/rollback.h"

#define RUN "seed: 9\n"
#define SETTINGS "max_steps=40 batch_size=6 learning_rate=1e-2 warmup_ratio=0 seed=9 save_steps=1"

/* However few are kept, those that a rollback may need stay. */
static void checkpoints_for_a_rollback_are_kept(void **state)
{
    tiny_training f;
    graft_best best;
    char *path = NULL;
    bool found = false;
    const char *folder = test_temp_path("kept");
    (void)state;
    graft_best_init(&best);
    tiny_training_open(&f, SETTINGS);
    for (size_t i = 0; i < 33; i++) {
        tiny_training_step(&f);
        assert_ok(graft_checkpoint_save(&f.trainer, &best, RUN, folder, 2));
    }
    char **names = NULL;
    size_t n = 0;
    assert_ok(graft_dir_list(&names, &n, folder));
    assert_int_equal(n, 5); /* 10 and 20, 30, and the two latest */
    assert_string_equal(names[0], "step-10.h5");
    assert_string_equal(names[4], "step-33.h5");
    graft_dir_free(names, n);
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, folder, NULL, 25));
    assert_true(found);
    assert_int_equal(f.trainer.step, 20);
    assert_ok(graft_file_write(test_temp_path("kept/step-20.h5"), "torn", 4));
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, folder, NULL, 25));
    assert_true(found);
    assert_int_equal(f.trainer.step, 10);
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, "seed: 8\n", folder, NULL, 25));
    assert_false(found); /* another run's */
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, folder, NULL, 9));
    assert_false(found);
    assert_ok(graft_rollback_forget(folder, 20));
    assert_ok(graft_checkpoint_newest(&path, folder));
    assert_contains(path, "step-20.h5");
    graft_free(path);
    tiny_training_close(&f);
}

/* After --force the anchors before it are those of another run, also when that is interrupted. */
static void anchors_of_the_run_that_is_gone_on_from_serve(void **state)
{
    tiny_training f;
    graft_best best;
    bool found = false;
    const char *folder = test_temp_path("forced"), *now = "seed: 8\n";
    const char *newest = test_temp_path("forced/step-21.h5");
    (void)state;
    graft_best_init(&best);
    tiny_training_open(&f, SETTINGS);
    for (size_t i = 0; i < 23; i++) {
        tiny_training_step(&f);
        assert_ok(graft_checkpoint_save(&f.trainer, &best, i < 22 ? RUN : "seed: 7\n", folder, 99));
    }
    assert_ok(graft_rollback_accept(&f.trainer, RUN));
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_rollback_load(&found, &f.trainer, &best, now, folder, NULL, 25));
        assert_true(found);
        assert_int_equal(f.trainer.step, 20);
        tiny_training_step(&f); /* the note is in the next checkpoint */
        assert_ok(graft_checkpoint_save(&f.trainer, &best, now, folder, 99));
        f.trainer.notes.n = 0;
        assert_ok(graft_checkpoint_load(&f.trainer, &best, now, newest));
    }
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, "seed: 6\n", folder, NULL, 19));
    assert_int_equal(f.trainer.step, 10);
    assert_ok(graft_rollback_accept(&f.trainer, "seed: 5\n"));
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, now, folder, NULL, 25));
    assert_false(found);
    tiny_training_close(&f);
}

static void a_rollback_without_anchors_goes_to_where_the_process_began(void **state)
{
    tiny_training f;
    graft_best best;
    bool found = false;
    const char *folder = test_temp_path("elsewhere");
    const char *start = test_temp_path("elsewhere/step-3.h5");
    const char *empty = test_temp_path("empty");
    (void)state;
    graft_best_init(&best);
    tiny_training_open(&f, SETTINGS);
    for (size_t i = 0; i < 3; i++) {
        tiny_training_step(&f);
    }
    assert_ok(graft_checkpoint_save(&f.trainer, &best, RUN, folder, 2));
    tiny_training_step(&f);
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, empty, start, 10));
    assert_true(found);
    assert_int_equal(f.trainer.step, 3);
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, empty, start, 0));
    assert_false(found); /* the start of the run is meant */
    assert_false(graft_rollback_has_accepted(&f.trainer));
    assert_ok(graft_rollback_accept(&f.trainer, RUN));
    assert_true(graft_rollback_has_accepted(&f.trainer));
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, empty, start, 0));
    assert_true(found); /* it began there, from what another one had trained */
    assert_int_equal(f.trainer.step, 3);
    assert_ok(graft_file_remove(start));
    assert_ok(graft_rollback_load(&found, &f.trainer, &best, RUN, empty, start, 10));
    assert_false(found);
    tiny_training_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_for_a_rollback_are_kept),
        cmocka_unit_test(anchors_of_the_run_that_is_gone_on_from_serve),
        cmocka_unit_test(a_rollback_without_anchors_goes_to_where_the_process_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
