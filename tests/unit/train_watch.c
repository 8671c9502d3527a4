/* Steps whose numbers are bad: what is not applied, what is called a spike, what a repeated pass finds,
 * and that a run continues with the same bits after all of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "io/files.h"
#include "support/test.h"
#include "support/tiny_training.h"
#include "train/rollback.h"

#define RUN "seed: 9\n"
#define SETTINGS "max_steps=40 batch_size=6 learning_rate=1e-2 warmup_ratio=0 seed=9 "

/* --- numbers that are spoiled on their way --- */

typedef enum spoiling { NOTHING, LOSS, LOSS_ONCE, LEAP, GRADIENT, ONE_BIT, EVERY_TIME } spoiling;

static struct {
    spoiling how;
    graft_kernels kernels; /* as they were */
    int calls;             /* while something was spoiled */
} spoiled;

static double spoil_loss(const graft_real *logits, size_t n)
{
    double value = spoiled.kernels.log_sum_exp(logits, n);
    int call = __atomic_fetch_add(&spoiled.calls, 1, __ATOMIC_RELAXED);
    bool now = spoiled.how == LOSS || (spoiled.how == LOSS_ONCE && call == 0);
    return now ? (double)NAN : spoiled.how == LEAP ? value + 50 : value;
}

static void spoil_gradient(graft_act *out, const graft_real *logits, size_t n, graft_real lse,
                           size_t target, graft_real weight, graft_real softcap)
{
    spoiled.kernels.softmax_gradient(out, logits, n, lse, target,
                                     spoiled.how == GRADIENT ? (graft_real)INFINITY : weight,
                                     softcap);
}

/* The last bits of a number, as a tired machine might. */
static void spoil_norm(graft_act *y, size_t ldy, graft_real *inv_rms, const graft_real *x,
                       size_t ldx, const graft_real *g, graft_real eps, size_t n_rows, size_t n)
{
    spoiled.kernels.rmsnorm(y, ldy, inv_rms, x, ldx, g, eps, n_rows, n);
    if (spoiled.how == ONE_BIT || spoiled.how == EVERY_TIME) {
        int call = __atomic_fetch_add(&spoiled.calls, 1, __ATOMIC_RELAXED);
        uint16_t *bits = (uint16_t *)y + (spoiled.kernels.half ? 0 : 1); /* the upper half of a float */
        if (call == 0 || spoiled.how == EVERY_TIME) {
            *bits ^= (uint16_t)(1 + call % 8);
        }
    }
}

static void spoil(spoiling how)
{
    spoiled.how = how;
    spoiled.calls = 0;
}

static void open(tiny_training *f, const char *settings)
{
    tiny_training_open(f, settings);
    spoiled.kernels = f->compute.kernels;
    f->compute.kernels.log_sum_exp = spoil_loss;
    f->compute.kernels.softmax_gradient = spoil_gradient;
    f->compute.kernels.rmsnorm = spoil_norm;
    spoil(NOTHING);
}

/* --- steps that are not applied --- */

static void bad_step_with(const char *settings, spoiling how, graft_step_outcome outcome,
                          const char *where)
{
    tiny_training f, without;
    open(&f, settings);
    tiny_training_step(&f);
    graft_real *before = tiny_training_state(&f);
    spoil(how);
    graft_step_report report = tiny_training_step(&f);
    spoil(NOTHING);
    assert_int_equal(report.outcome, outcome);
    assert_contains(report.where, where);
    assert_int_equal(report.step, 2);
    assert_int_equal(f.trainer.n_batch, 6); /* the examples are still known */
    assert_int_equal(f.trainer.step, 2);
    assert_int_equal(f.trainer.watch.n_bad, 1);
    tiny_training_assert_state(&f, before);
    tiny_training_step(&f);
    assert_int_equal(f.trainer.watch.n_bad, 0);
    assert_int_equal(f.trainer.watch.n_skipped, 1);
    /* the same as if the batch had not been there */
    open(&without, settings);
    tiny_training_step(&without);
    without.trainer.step = 2;
    without.trainer.watch.n_skipped = 1;
    tiny_training_step(&without);
    graft_real *wanted = tiny_training_state(&without);
    tiny_training_assert_state(&f, wanted);
    graft_free(before);
    graft_free(wanted);
    tiny_training_close(&without);
    tiny_training_close(&f);
}

static void a_bad_step_changes_nothing(void **state)
{
    static const char *const settings[] = {SETTINGS "compute=f32", SETTINGS "compute=bf16",
                                           SETTINGS "lora_dropout=0.1 packing=false"};
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        bad_step_with(settings[i], LOSS, GRAFT_STEP_BAD_LOSS, "only the logits are not either");
        bad_step_with(settings[i], GRADIENT, GRAFT_STEP_BAD_GRADIENT, "the gradient of blk.1.ffn_down");
    }
}

/* AdamW's first step moves every parameter by the learning rate, whichever step of the run it is. */
static void a_bad_step_does_not_count_for_the_optimiser(void **state)
{
    tiny_training f;
    double moved = 0;
    (void)state;
    open(&f, SETTINGS "compute=f32 lr_scheduler_type=constant");
    spoil(LOSS);
    tiny_training_step(&f);
    tiny_training_step(&f);
    spoil(NOTHING);
    graft_real *before = tiny_training_state(&f);
    tiny_training_step(&f);
    for (size_t i = 0; i < f.adapter->n_params; i++) {
        double by = fabs((double)f.adapter->params[i] - (double)before[i]);
        moved = by > moved ? by : moved; /* with fmax gcc 12 for arm64 ends in an error of its own */
    }
    assert_true(fabs(moved - 1e-2) < 1e-5);
    graft_free(before);
    tiny_training_close(&f);
}

/* What is not finite in the adapter (which never is, after a step) shows where it is multiplied. */
static void the_first_tensor_and_the_examples_are_named(void **state)
{
    tiny_training f;
    graft_step_report report;
    (void)state;
    for (int half = 0; half < 2; half++) {
        open(&f, half ? SETTINGS "compute=bf16" : SETTINGS "compute=f32");
        f.adapter->maps[2].low_rank.b.data[1] = (graft_real)INFINITY; /* of attn_v of layer 0 */
        report = tiny_training_step(&f);
        assert_int_equal(report.outcome, GRAFT_STEP_BAD_LOSS);
        assert_contains(report.where, "the first that is not goes into blk.0.attn_output.weight");
        assert_in_range(report.n_suspects, 3, 6); /* tokens that several share count for one */
        assert_ptr_equal(report.suspects[0], f.trainer.batch[0]);
        tiny_training_close(&f);
    }
}

/* An update can only make parameters infinite with settings that nobody means. */
static void an_update_that_ruins_the_adapter_is_told(void **state)
{
    tiny_training f;
    graft_step_report report;
    (void)state;
    open(&f, SETTINGS "learning_rate=1000 weight_decay=1000 compute=f32");
    f.adapter->maps[f.adapter->n_maps - 1].low_rank.b.data[0] = (graft_real)1e35;
    report = tiny_training_step(&f);
    assert_int_equal(report.outcome, GRAFT_STEP_RUINED);
    assert_string_equal(report.where, "the update makes blk.1.ffn_down.weight lora_b, row 0, column 0 "
                                      "not finite");
    assert_int_equal(f.trainer.watch.n_skipped, 1);
    tiny_training_close(&f);
}

/* --- an interruption --- */

static void run_spoiled(tiny_training *f, uint64_t until)
{
    while (f->trainer.step < until) {
        uint64_t next = f->trainer.step + 1;
        spoil(next == 3 || next == 4 || next == 9 ? LOSS : next == 6 ? GRADIENT : NOTHING);
        tiny_training_step(f);
    }
    spoil(NOTHING);
}

static void resumed_with(const char *settings)
{
    tiny_training f;
    graft_text identity;
    graft_best best;
    char *path = NULL, folder[256];
    snprintf(folder, sizeof folder, "%s", test_temp_path("resumed"));
    graft_best_init(&best);
    graft_text_init(&identity);
    open(&f, settings);
    run_spoiled(&f, 12);
    graft_real *whole = tiny_training_state(&f);
    graft_watch watch = f.trainer.watch;
    tiny_training_close(&f);
    for (uint64_t cut = 1; cut < 12; cut++) {
        open(&f, settings);
        f.trainer.watch.factor = 0.5; /* is part of the checkpoint, too */
        f.trainer.watch.n_rollbacks = 1;
        run_spoiled(&f, cut);
        assert_ok(graft_run_identity(&identity, &f.trainer, &(graft_run_files){.base = "base"}));
        assert_ok(graft_checkpoint_save(&f.trainer, &best, graft_text_z(&identity), folder, 2));
        tiny_training_close(&f);
        open(&f, settings);
        assert_ok(graft_checkpoint_newest(&path, folder));
        assert_ok(graft_checkpoint_load(&f.trainer, &best, graft_text_z(&identity), path));
        assert_true(f.trainer.watch.factor == 0.5);
        assert_int_equal(f.trainer.watch.n_rollbacks, 1);
        graft_text_clear(&identity);
        graft_free(path);
        tiny_training_close(&f);
    }
    for (uint64_t cut = 1; cut < 12; cut++) {
        open(&f, settings);
        run_spoiled(&f, cut);
        assert_ok(graft_run_identity(&identity, &f.trainer, &(graft_run_files){.base = "base"}));
        assert_ok(graft_rollback_forget(folder, 0));
        assert_ok(graft_checkpoint_save(&f.trainer, &best, graft_text_z(&identity), folder, 2));
        tiny_training_close(&f);
        open(&f, settings);
        assert_ok(graft_checkpoint_newest(&path, folder));
        assert_ok(graft_checkpoint_load(&f.trainer, &best, graft_text_z(&identity), path));
        run_spoiled(&f, 12);
        tiny_training_assert_state(&f, whole);
        assert_int_equal(f.trainer.watch.n_skipped, 4);
        assert_memory_equal(f.trainer.watch.losses, watch.losses, sizeof watch.losses);
        assert_true(f.trainer.watch.lowest == watch.lowest && f.trainer.watch.first == watch.first);
        graft_text_clear(&identity);
        graft_free(path);
        tiny_training_close(&f);
    }
    graft_free(whole);
}

static void a_resumed_run_with_bad_steps_has_the_same_bits(void **state)
{
    (void)state;
    resumed_with(SETTINGS "compute=f32");
    resumed_with(SETTINGS "compute=bf16 lora_dropout=0.2");
}

/* --- spikes --- */

static void a_spike_is_said_or_skipped(void **state)
{
    tiny_training f;
    graft_step_report report;
    static const char *const settings[] = {SETTINGS, SETTINGS "loss_spike=skip",
                                           SETTINGS "loss_spike=ignore"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        open(&f, settings[i]);
        for (size_t k = 0; k < 20; k++) {
            report = tiny_training_step(&f);
            assert_false(report.spike);
        }
        graft_real *before = tiny_training_state(&f);
        spoil(LEAP);
        report = tiny_training_step(&f);
        spoil(NOTHING);
        assert_int_equal(report.spike, i != 2);
        assert_int_equal(report.outcome, i == 1 ? GRAFT_STEP_SPIKE : GRAFT_STEP_APPLIED);
        assert_int_equal(f.trainer.watch.n_skipped, i == 1);
        if (i == 1) {
            tiny_training_assert_state(&f, before);
        }
        report = tiny_training_step(&f);
        assert_false(report.spike);
        graft_free(before);
        tiny_training_close(&f);
    }
}

/* --- a pass that is computed twice --- */

static void recheck_with(const char *settings)
{
    tiny_training f, sound;
    graft_step_report report;
    open(&sound, settings);
    for (size_t i = 0; i < 4; i++) {
        report = tiny_training_step(&sound);
        assert_false(report.disagreed);
    }
    graft_real *wanted = tiny_training_state(&sound);
    open(&f, settings);
    tiny_training_step(&f);
    spoil(ONE_BIT);
    report = tiny_training_step(&f);
    spoil(NOTHING);
    assert_true(report.disagreed);
    assert_int_equal(report.outcome, GRAFT_STEP_APPLIED);
    tiny_training_step(&f);
    tiny_training_step(&f);
    tiny_training_assert_state(&f, wanted);
    graft_free(wanted);
    wanted = tiny_training_state(&f);
    spoil(ONE_BIT); /* once more is too much */
    assert_fails(graft_trainer_step(&f.trainer, &report), GRAFT_E_NUMERICS,
                 "step 5: for the second time");
    assert_contains(graft_error_message(), "this machine computes wrongly");
    tiny_training_assert_state(&f, wanted);
    graft_free(wanted);
    tiny_training_close(&f);
    tiny_training_close(&sound);
    open(&f, settings);
    spoil(EVERY_TIME);
    assert_fails(graft_trainer_step(&f.trainer, &report), GRAFT_E_NUMERICS,
                 "step 1: one pass gave three different results");
    spoil(NOTHING);
    tiny_training_close(&f);
}

static void a_flipped_bit_is_found(void **state)
{
    (void)state;
    graft_threads_set(1); /* so that which call it is does not depend on their race */
    recheck_with(SETTINGS "recheck_steps=1 compute=f32");
    recheck_with(SETTINGS "recheck_steps=1 compute=bf16");
    recheck_with(SETTINGS "recheck_steps=1 packing=false gradient_checkpointing=true");
    graft_threads_set(0);
}

/* Only every so many steps; and repeating changes no bit. */
static void rechecks_come_as_often_as_asked(void **state)
{
    tiny_training f;
    graft_step_report report;
    (void)state;
    graft_threads_set(1);
    open(&f, SETTINGS "recheck_steps=3");
    for (size_t i = 1; i <= 3; i++) {
        spoil(ONE_BIT);
        report = tiny_training_step(&f);
        assert_int_equal(report.disagreed, i == 3);
    }
    tiny_training_close(&f);
    graft_real *states[2];
    for (size_t i = 0; i < 2; i++) {
        open(&f, i == 0 ? SETTINGS "recheck_steps=0" : SETTINGS "recheck_steps=1");
        for (size_t k = 0; k < 4; k++) {
            tiny_training_step(&f);
        }
        states[i] = tiny_training_state(&f);
        if (i == 1) {
            tiny_training_assert_state(&f, states[0]);
        }
        tiny_training_close(&f);
    }
    graft_free(states[0]);
    graft_free(states[1]);
    graft_threads_set(0);
}

/* A NaN that is not there when one looks again is the machine's, not the data's. */
static void a_loss_that_is_finite_when_repeated_is_an_error_of_the_machine(void **state)
{
    tiny_training f;
    (void)state;
    open(&f, SETTINGS);
    tiny_training_step(&f);
    tiny_training_step(&f);
    graft_real *wanted = tiny_training_state(&f);
    tiny_training_close(&f);
    open(&f, SETTINGS);
    tiny_training_step(&f);
    spoil(LOSS_ONCE);
    graft_step_report report = tiny_training_step(&f);
    assert_true(report.disagreed);
    assert_int_equal(report.outcome, GRAFT_STEP_APPLIED);
    tiny_training_assert_state(&f, wanted);
    graft_free(wanted);
    tiny_training_close(&f);
}

/* --- rollbacks --- */

static graft_config *config_of(const char *save_steps, const char *save_minutes)
{
    graft_config *c = NULL;
    assert_ok(graft_config_new(&c));
    assert_ok(graft_config_set(c, "save_steps", save_steps));
    assert_ok(graft_config_set(c, "save_minutes", save_minutes));
    assert_ok(graft_config_check(c));
    return c;
}

static void rollbacks_go_to_steps_that_no_clock_chose(void **state)
{
    static const struct {
        const char *save_steps, *save_minutes;
        uint64_t every, step, n_bad, target;
    } cases[] = {
        {"0", "10", 50, 40, 3, 0},     {"0", "10", 50, 103, 3, 50}, /* too near to the bad ones */
        {"0", "10", 50, 111, 3, 100},  {"0", "10", 50, 149, 3, 100}, {"0", "0", 0, 500, 3, 0},
        {"1", "10", 10, 35, 3, 20},    {"7", "0", 14, 60, 3, 42},    {"100", "1", 100, 250, 200, 0},
        {"0", "10", 50, 5, 5, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_watch w;
        graft_config *c = config_of(cases[i].save_steps, cases[i].save_minutes);
        graft_watch_init(&w);
        w.n_bad = cases[i].n_bad;
        assert_int_equal(graft_watch_anchor_steps(c), cases[i].every);
        assert_int_equal(graft_watch_target(&w, c, cases[i].step), cases[i].target);
        if (cases[i].target > 0) {
            assert_true(graft_watch_needs(&w, c, cases[i].step, cases[i].target));
            assert_false(graft_watch_needs(&w, c, cases[i].step, cases[i].target + 1));
        }
        graft_config_free(c);
    }
}

static void rollbacks_halve_the_learning_rate_and_are_counted(void **state)
{
    tiny_training f;
    (void)state;
    open(&f, SETTINGS "lr_scheduler_type=constant");
    graft_watch *w = &f.trainer.watch;
    for (uint64_t k = 1; k <= GRAFT_MAX_ROLLBACKS; k++) {
        spoil(LOSS);
        for (size_t i = 0; i < 3; i++) {
            assert_false(graft_watch_is_stuck(w, f.config));
            tiny_training_step(&f);
        }
        spoil(NOTHING);
        assert_true(graft_watch_is_stuck(w, f.config));
        assert_true(graft_watch_may_roll_back(w));
        graft_watch before = *w;
        assert_ok(graft_adapter_reset(f.adapter));
        graft_trainer_rewind(&f.trainer);
        graft_watch_roll_back(w, &before);
        assert_int_equal(w->n_rollbacks, k);
        assert_int_equal(w->n_skipped, 0);
        graft_step_report report = tiny_training_step(&f);
        assert_true(fabs(report.learning_rate - 1e-2 * pow(0.5, (double)k)) < 1e-12);
    }
    assert_false(graft_watch_may_roll_back(w));
    tiny_training_close(&f);
}

/* A rollback to the start begins as the run did, however its adapter begins. */
static void an_adapter_of_any_kind_begins_anew(void **state)
{
    tiny_training f;
    (void)state;
    open(&f, SETTINGS);
    for (size_t i = 0; graft_adapter_kinds[i] != NULL; i++) {
        graft_adapter *adapter = NULL;
        graft_real *before = NULL;
        graft_adapter_options options = {.rank = 2, .alpha = 4, .seed = 7, .targets = "all-linear",
                                         .init = graft_adapter_kinds[i]->name};
        assert_ok(graft_adapter_new(&adapter, &options, f.model->slots, f.model->n_slots));
        assert_ok(graft_alloc(&before, adapter->n_params, sizeof *before));
        memcpy(before, adapter->params, adapter->n_params * sizeof *before);
        for (size_t k = 0; k < adapter->n_params; k++) {
            adapter->params[k] = (graft_real)NAN;
        }
        assert_ok(graft_adapter_reset(adapter));
        assert_memory_equal(adapter->params, before, adapter->n_params * sizeof *before);
        graft_free(before);
        graft_adapter_free(adapter);
    }
    tiny_training_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_step_changes_nothing),
        cmocka_unit_test(a_bad_step_does_not_count_for_the_optimiser),
        cmocka_unit_test(the_first_tensor_and_the_examples_are_named),
        cmocka_unit_test(an_update_that_ruins_the_adapter_is_told),
        cmocka_unit_test(a_resumed_run_with_bad_steps_has_the_same_bits),
        cmocka_unit_test(a_spike_is_said_or_skipped),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(rechecks_come_as_often_as_asked),
        cmocka_unit_test(a_loss_that_is_finite_when_repeated_is_an_error_of_the_machine),
        cmocka_unit_test(rollbacks_go_to_steps_that_no_clock_chose),
        cmocka_unit_test(rollbacks_halve_the_learning_rate_and_are_counted),
        cmocka_unit_test(an_adapter_of_any_kind_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
