/* The best of several adapters, its way through a checkpoint, and what counts as better. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "support/test.h"
#include "support/tiny_model.h"
#include "train/checkpoint.h"

static void the_higher_value_is_better_and_of_equal_ones_the_lower_loss(void **state)
{
    (void)state;
    static const struct {
        graft_merit a, b;
        bool better;
    } cases[] = {
        {{0.5, 2, 1, 2}, {0.25, 1, 1, 4}, true},
        {{0.25, 1, 1, 4}, {0.5, 2, 1, 2}, false},
        {{0.5, 1, 1, 2}, {0.5, 2, 1, 2}, true},
        {{0.5, 2, 1, 2}, {0.5, 2, 1, 2}, false}, /* the earlier one stays */
        {{0.5, (double)NAN, 1, 2}, {0.5, 2, 1, 2}, false},
        {{(double)NAN, 1, 0, 0}, {0, 2, 0, 2}, false},
        {{0, 2, 0, 2}, {(double)NAN, 1, 0, 0}, true},
        {{-1.25, 1.25, 0, 0}, {-1.5, 1.5, 0, 0}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(graft_merit_is_better(&cases[i].a, &cases[i].b), cases[i].better);
    }
}

typedef struct fixture {
    graft_model *model;
    graft_adapter *adapter;
    graft_best best;
} fixture;

static void open_fixture(fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_ok(graft_model_open(&f->model, tiny_model("best.gguf", &tiny_default)));
    graft_adapter_options options = {.rank = 2, .alpha = 4, .seed = 5, .targets = "all-linear"};
    assert_ok(graft_adapter_new(&f->adapter, &options, f->model->slots, f->model->n_slots));
    graft_best_init(&f->best);
}

static void close_fixture(fixture *f)
{
    graft_best_clear(&f->best);
    graft_adapter_free(f->adapter);
    graft_model_close(f->model);
}

/* An evaluation of an adapter whose parameters are all `step`. */
static void offer(fixture *f, uint64_t step, double value, double loss, double threshold)
{
    graft_merit merit = {value, loss, 0, 0};
    for (size_t i = 0; i < f->adapter->n_params; i++) {
        f->adapter->params[i] = (graft_real)step;
    }
    assert_ok(graft_best_offer(&f->best, f->adapter, step, &merit, threshold));
}

static void assert_best(const fixture *f, uint64_t step, uint64_t n_stale)
{
    assert_int_equal(f->best.step, step);
    assert_int_equal(f->best.n_stale, n_stale);
    graft_best_restore(&f->best, f->adapter);
    assert_true(f->adapter->params[0] == (graft_real)step);
    assert_true(f->adapter->params[f->adapter->n_params - 1] == (graft_real)step);
}

static void evaluations_that_are_no_better_are_stale(void **state)
{
    fixture f;
    (void)state;
    open_fixture(&f);
    graft_best_restore(&f.best, f.adapter); /* nothing */
    offer(&f, 1, 0.5, 2, 0);
    assert_best(&f, 1, 0);
    offer(&f, 2, 0.4, 1, 0);
    assert_best(&f, 1, 1);
    offer(&f, 3, 0.5, 1, 0); /* chosen for its loss, but the value is no better */
    assert_best(&f, 3, 2);
    offer(&f, 4, 0.75, 3, 0);
    assert_best(&f, 4, 0);
    offer(&f, 5, 0.80, 3, 0.1); /* better, though not by enough to go on for */
    assert_best(&f, 5, 1);
    offer(&f, 6, 0.95, 3, 0.1);
    assert_best(&f, 6, 0);
    offer(&f, 7, (double)NAN, (double)NAN, 0);
    assert_best(&f, 6, 1);
    assert_int_equal(f.best.n_evaluations, 7);
    assert_true(isnan(f.best.last.value));
    close_fixture(&f);
}

/* "what improves it by no more than this does not count" */
static void one_in_a_hundred_was_more_than_a_hundredth(void **state)
{
    (void)state;
    for (uint64_t hits = 1; hits < 100; hits++) {
        fixture f;
        open_fixture(&f);
        for (uint64_t k = 0; k < 3; k++) {
            uint64_t n = hits + k - k / 2; /* hits, one more, and the same again */
            graft_merit merit = {(double)n / 100, 1, n, 100};
            assert_ok(graft_best_offer(&f.best, f.adapter, k, &merit, k == 1 ? 0.01 : 0));
            assert_int_equal(f.best.n_stale, k);
        }
        close_fixture(&f);
    }
}

static void nothing_measured_is_never_the_best(void **state)
{
    fixture f;
    (void)state;
    open_fixture(&f);
    offer(&f, 1, (double)NAN, 1, 0);
    assert_null(f.best.params);
    offer(&f, 2, 0.0, 1, 0);
    assert_best(&f, 2, 0);
    close_fixture(&f);
}

static void a_checkpoint_holds_it(void **state)
{
    fixture f;
    graft_best again;
    graft_compute compute;
    graft_trainer trainer;
    graft_config *config = NULL;
    graft_cpu_level level;
    graft_example example = {0};
    (void)state;
    open_fixture(&f);
    const char *folder = test_temp_path("best-checkpoints");
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_check(config));
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&compute, level, false));
    example.n = 4;
    assert_ok(graft_alloc(&example.ids, 4, sizeof *example.ids));
    assert_ok(graft_alloc(&example.weights, 4, sizeof *example.weights));
    assert_ok(graft_alloc(&example.roles, 4, 1));
    example.weights[2] = 1;
    graft_unit unit = {&example, 1, 0};
    assert_ok(graft_trainer_init(&trainer, config, f.model, f.adapter, &compute, &unit, 1));
    assert_ok(graft_text_append_z(&f.best.basis, "data and settings"));
    offer(&f, 1, 0.5, 2, 0);
    offer(&f, 2, 0.25, (double)NAN, 0);
    f.best.score.hits = 20;
    f.best.score.of = 40;
    f.best.evaluated = 2;
    trainer.step = 2;
    assert_ok(graft_checkpoint_save(&trainer, &f.best, "a run\n", folder, 2));
    char *path = NULL;
    assert_ok(graft_checkpoint_newest(&path, folder));

    graft_best_init(&again);
    assert_ok(graft_text_append_z(&again.basis, "data and settings"));
    assert_ok(graft_checkpoint_load(&trainer, &again, "a run\n", path));
    assert_true(f.adapter->params[0] == 2);
    assert_int_equal(again.step, 1);
    assert_int_equal(again.n_stale, 1);
    assert_int_equal(again.n_evaluations, 2);
    assert_int_equal(again.evaluated, 2);
    assert_int_equal(again.score.hits, 20);
    assert_int_equal(again.score.of, 40);
    assert_true(again.score.value == 0.5 && again.score.loss == 2);
    assert_true(again.last.value == 0.25 && isnan(again.last.loss));
    assert_int_equal(again.n_params, f.adapter->n_params);
    assert_memory_equal(again.params, f.best.params, again.n_params * sizeof *again.params);
    graft_best_clear(&again);

    /* scores of other data do not compare */
    assert_ok(graft_text_append_z(&again.basis, "other data"));
    assert_ok(graft_checkpoint_load(&trainer, &again, "a run\n", path));
    assert_null(again.params);
    assert_int_equal(again.evaluated, 0);
    graft_best_clear(&again);

    graft_free(path);
    graft_trainer_clear(&trainer);
    graft_compute_clear(&compute);
    graft_example_clear(&example);
    graft_config_free(config);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_higher_value_is_better_and_of_equal_ones_the_lower_loss),
        cmocka_unit_test(evaluations_that_are_no_better_are_stale),
        cmocka_unit_test(one_in_a_hundred_was_more_than_a_hundredth),
        cmocka_unit_test(nothing_measured_is_never_the_best),
        cmocka_unit_test(a_checkpoint_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
