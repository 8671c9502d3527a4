/* train/pace.h: how many steps there is time for, from rates and times that are given. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>

#include "support/tiny_training.h"
#include "train/checkpoint.h"
#include "train/pace.h"

#define PER_EPOCH 300

/* 900 steps of 100 tokens, a second each, 3 epochs; an evaluation takes a minute. */
static graft_pace_costs usual(double *epoch)
{
    for (size_t i = 0; i <= PER_EPOCH; i++) {
        epoch[i] = 100.0 * (double)i;
    }
    return (graft_pace_costs){.most = 900, .seconds_left = 1e6, .first_epoch = epoch,
                              .per_epoch = PER_EPOCH, .tokens_per_second = 100, .evaluated = true,
                              .evaluation_seconds = 60, .evaluates_end = true, .close_seconds = 10};
}

static void plenty_of_time_is_all_steps_and_no_more(void **state)
{
    double epoch[PER_EPOCH + 1];
    graft_pace_costs c = usual(epoch);
    (void)state;
    assert_int_equal(graft_pace_fit(&c), 900);
    assert_int_equal(graft_pace_decide(&c, 900), 900);
    assert_float_equal(graft_pace_seconds(&c, 900, 0), 900 + 60 + 10, 1e-9);
    assert_float_equal(graft_pace_seconds(&c, 900, 1), 900 * 1.04 + 60 * 1.25 + 20, 1e-9);
    c.seconds_left = INFINITY;
    c.most = 1000000000;
    assert_int_equal(graft_pace_fit(&c), 1000000000);
}

/* Whatever the figures: the plan fits with its reserve, and one step more would not. */
static void a_plan_is_the_most_that_fits(void **state)
{
    double epoch[PER_EPOCH + 1];
    (void)state;
    for (int i = 0; i < 4000; i++) {
        graft_pace_costs c = usual(epoch);
        c.step = (uint64_t)(i * 37 % 880);
        c.seconds_left = 20 + i % 1103;
        c.tokens_per_second = 40 + i * 13 % 400;
        c.evaluation_seconds = i % 5 * 17;
        c.between = i % 3 > 0;
        c.evaluated = i % 7 > 0;
        c.eval_steps = i % 3 == 1 ? 0 : 50;
        c.of_base = i % 2 == 0;
        c.first_seconds = i % 11 == 0 ? 30 : 0;
        c.spread = i % 13 * 0.05;
        uint64_t n = graft_pace_fit(&c);
        assert_true(n >= c.step && n <= c.most);
        assert_true(n == c.step || graft_pace_seconds(&c, n, 1) <= c.seconds_left);
        assert_true(n == c.most || graft_pace_seconds(&c, n + 1, 1) > c.seconds_left);
        assert_int_equal(graft_pace_decide(&c, n), n);
    }
}

static void evaluations_take_their_time(void **state)
{
    double epoch[PER_EPOCH + 1];
    graft_pace_costs c = usual(epoch);
    (void)state;
    c.between = true;
    assert_float_equal(graft_pace_seconds(&c, 900, 0), 900 + 3 * 60 + 10, 1e-9); /* 300, 600, at the end */
    assert_float_equal(graft_pace_seconds(&c, 901, 0), 901 + 4 * 60 + 10, 1e-9);
    assert_float_equal(graft_pace_seconds(&c, 300, 0), 300 + 60 + 10, 1e-9);
    c.eval_steps = 100;
    assert_float_equal(graft_pace_seconds(&c, 350, 0), 350 + 4 * 60 + 10, 1e-9);
    c.step = 100; /* has it been evaluated at this step? */
    assert_float_equal(graft_pace_seconds(&c, 350, 0), 250 + 3 * 60 + 10, 1e-9);
    c.evaluated = false;
    assert_float_equal(graft_pace_seconds(&c, 350, 0), 250 + 4 * 60 + 10, 1e-9);
    assert_float_equal(graft_pace_seconds(&c, 100, 0), 60 + 10, 1e-9);
    c.step = 0;
    c.eval_steps = 0.25; /* a share of what the run has, not of what was asked for */
    assert_int_equal(graft_pace_interval(0.25, PER_EPOCH, 412), 103);
    assert_int_equal(graft_pace_interval(0.25, PER_EPOCH, 1), 1);
    assert_int_equal(graft_pace_interval(0, PER_EPOCH, 412), PER_EPOCH);
    assert_int_equal(graft_pace_interval(40, PER_EPOCH, 412), 40);
    assert_float_equal(graft_pace_seconds(&c, 412, 0), 412 + 4 * 60 + 10, 1e-9);
    c.between = false;
    c.evaluates_end = false;
    assert_float_equal(graft_pace_seconds(&c, 412, 0), 412 + 10, 1e-9);
}

/* A first epoch from short to long examples: half of its steps are not half of its time. */
static void steps_differ_in_the_first_epoch(void **state)
{
    double epoch[PER_EPOCH + 1];
    graft_pace_costs c = usual(epoch);
    (void)state;
    for (size_t i = 0; i <= PER_EPOCH; i++) {
        epoch[i] = (double)(i * i) / 3; /* 30,000 in all */
    }
    assert_float_equal(graft_pace_seconds(&c, 150, 0), 75 + 70, 1e-9);
    assert_float_equal(graft_pace_seconds(&c, 300, 0), 300 + 70, 1e-9);
    assert_float_equal(graft_pace_seconds(&c, 600, 0), 600 + 70, 1e-9);
    c.step = 150;
    assert_float_equal(graft_pace_seconds(&c, 300, 0), 225 + 70, 1e-9);
}

static void no_time_is_no_step(void **state)
{
    double epoch[PER_EPOCH + 1];
    graft_pace_costs c = usual(epoch);
    static const double left[] = {-1e9, -1, 0, 50, 95};
    (void)state;
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        c.seconds_left = left[i];
        c.step = 0;
        assert_int_equal(graft_pace_fit(&c), 0);
        c.step = 7; /* a run that has some ends with them */
        assert_int_equal(graft_pace_fit(&c), 7);
        assert_int_equal(graft_pace_decide(&c, 400), 7);
    }
}

/* A simulation of a night: the clock is what the steps take. */
static uint64_t run_night(double deadline, double (*seconds_of)(uint64_t step), double *end,
                          int *n_plans)
{
    double epoch[PER_EPOCH + 1], now = 0, rate = 100;
    graft_pace_costs c = usual(epoch);
    c.seconds_left = deadline;
    uint64_t n = graft_pace_fit(&c);
    *n_plans = 1;
    while (c.step < n) {
        double seconds = seconds_of(c.step);
        now += seconds;
        c.step++;
        rate = 0.8 * rate + 0.2 * (100 / seconds);
        c.tokens_per_second = rate;
        c.seconds_left = deadline - now;
        if (c.step < n) {
            uint64_t next = graft_pace_decide(&c, n);
            *n_plans += next != n;
            n = next;
        }
    }
    *end = now + 60 + 10;
    return n;
}

static double steady(uint64_t step)
{
    (void)step;
    return 1;
}

static double noisy(uint64_t step)
{
    return step % 5 == 0 ? 1.1 : step % 3 == 0 ? 0.93 : 1.0;
}

static double throttled(uint64_t step)
{
    return step < 100 ? 1 : 2;
}

static double freed(uint64_t step)
{
    return step < 50 ? 1 : 0.4;
}

static double suspended(uint64_t step)
{
    return step == 80 ? 200 : 1;
}

static void a_night_ends_in_time(void **state)
{
    static const struct {
        double (*seconds_of)(uint64_t);
        uint64_t least, most;
        int plans;
    } cases[] = {{steady, 380, 420, 3},    {noisy, 370, 420, 8},  {throttled, 220, 270, 12},
                 {freed, 800, 900, 12},    {suspended, 180, 230, 12}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double end;
        int plans;
        uint64_t n = run_night(500, cases[i].seconds_of, &end, &plans);
        if (n < cases[i].least || n > cases[i].most || end > 500 || plans > cases[i].plans) {
            fail_msg("case %zu: %d steps, done at %.1f, %d plans", i, (int)n, end, plans);
        }
    }
}

/* A machine that others use: for a minute a step takes a second, for a minute three; when the last step is done,
 * the evaluation (a minute, as it was measured when nobody else was there) and the rest take `slower` times. */
static double run_loaded(double deadline, double slower, bool with_spread)
{
    double epoch[PER_EPOCH + 1], now = 0;
    graft_pace_costs c = usual(epoch);
    graft_pace_speed speed = {0};
    c.seconds_left = deadline;
    uint64_t n = graft_pace_fit(&c);
    while (c.step < n) {
        double seconds = (uint64_t)now / 60 % 2 == 0 ? 1 : 3;
        now += seconds;
        c.step++;
        graft_pace_measure(&speed, 100, seconds);
        c.tokens_per_second = speed.tokens / speed.seconds;
        c.spread = with_spread ? graft_pace_spread(&speed) : 0;
        c.seconds_left = deadline - now;
        n = c.step < n ? graft_pace_decide(&c, n) : n;
    }
    return now + slower * 70;
}

static void a_run_on_a_loaded_machine_was_late(void **state)
{
    (void)state;
    bool was_late = false;
    for (double deadline = 600; deadline <= 1800; deadline += 30) {
        assert_true(run_loaded(deadline, 1.4, true) <= deadline);
        was_late = was_late || run_loaded(deadline, 1.4, false) > deadline;
    }
    assert_true(was_late); /* with a reserve that does not know how speed varies */
}

static void spread_is_the_deviation_of_the_time_per_token(void **state)
{
    graft_pace_speed speed = {0};
    (void)state;
    assert_float_equal(graft_pace_spread(&speed), 0, 0);
    for (int i = 0; i < 2000; i++) { /* long steps and short ones of the same speed */
        graft_pace_measure(&speed, i % 3 == 0 ? 1000 : 10, i % 3 == 0 ? 1.0 : 0.01);
    }
    assert_float_equal(graft_pace_spread(&speed), 0, 1e-6);
    speed = (graft_pace_speed){0};
    for (int i = 0; i < 2000; i++) {
        graft_pace_measure(&speed, 100, i % 2 == 0 ? 1 : 3);
    }
    assert_float_equal((float)(speed.tokens / speed.seconds), 50, 0.5);
    assert_float_equal(graft_pace_spread(&speed), 0.5, 0.01);
}

static void steps_of_milliseconds_are_measured_together(void **state)
{
    graft_pace_speed speed = {0};
    (void)state;
    for (int i = 0; i < 199; i++) {
        graft_pace_measure(&speed, 10, i % 2 == 0 ? 0.0025 : 0.0075);
    }
    assert_float_equal(speed.seconds, 0, 0); /* nothing is known yet */
    for (int i = 199; i < 40000; i++) {
        graft_pace_measure(&speed, 10, i % 2 == 0 ? 0.0025 : 0.0075);
    }
    assert_float_equal((float)(speed.tokens / speed.seconds), 2000, 20);
    assert_true(graft_pace_spread(&speed) < 0.02); /* of single steps: 0.5 */
}

/* Steps of about 0.01 s, each a tenth shorter or longer, and every 50th late. */
static double fast(uint64_t step)
{
    return 0.009 + 0.002 * (double)(step * 2654435761u % 1000) / 1000 + (step % 50 == 0 ? 0.02 : 0);
}

/* As the program measures them, from passes before the first step on, which are faster. */
static uint64_t run_fast(double deadline, double *end, int *n_plans)
{
    double epoch[PER_EPOCH + 1], now = 0;
    graft_pace_costs c = usual(epoch);
    graft_pace_speed speed = {0};
    c.most = 1000000000;
    c.evaluates_end = false;
    c.close_seconds = 2;
    c.seconds_left = deadline;
    c.tokens_per_second = 100 / 0.008;
    graft_pace_measure(&speed, 100, 0.008);
    uint64_t n = graft_pace_fit(&c);
    for (*n_plans = 1; c.step < n;) {
        double seconds = fast(c.step);
        now += seconds;
        c.step++;
        graft_pace_measure(&speed, 100, seconds);
        c.tokens_per_second = speed.seconds > 0 ? speed.tokens / speed.seconds : c.tokens_per_second;
        c.spread = graft_pace_spread(&speed);
        c.seconds_left = deadline - now;
        uint64_t next = c.step < n ? graft_pace_decide(&c, n) : n;
        *n_plans += next != n;
        n = next;
    }
    *end = now + 2;
    return n;
}

static void short_steps_were_planned_again_and_again(void **state)
{
    static const double deadlines[] = {18, 60, 600, 3600};
    (void)state;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        double end;
        int plans;
        uint64_t n = run_fast(deadlines[i], &end, &plans);
        if (plans > 10 || end > deadlines[i] || end < 0.9 * deadlines[i] - 4) {
            fail_msg("%g s: %d steps, done at %.2f, %d plans", deadlines[i], (int)n, end, plans);
        }
    }
}

static void long_times_average_the_spread_out(void **state)
{
    double epoch[PER_EPOCH + 1];
    graft_pace_costs c = usual(epoch);
    (void)state;
    c.most = 1000000;
    c.evaluates_end = false;
    c.close_seconds = 0;
    c.spread = 0.3;
    assert_float_equal(graft_pace_seconds(&c, 60, 1), (float)(60 * (1 + 0.6 / sqrt(2))), 1e-4);
    assert_float_equal(graft_pace_seconds(&c, 28800, 1), 28800 * 1.04F, 0.1); /* a night */
    c.spread = 100; /* a step that took hours */
    assert_true(graft_pace_seconds(&c, 28800, 1) < 28800 * 1.05);
    for (uint64_t n = 1; n < 3000; n++) { /* a plan is looked for by halving */
        assert_true(graft_pace_seconds(&c, n, 1) < graft_pace_seconds(&c, n + 1, 1));
    }
}

static void a_little_more_time_is_no_new_plan(void **state)
{
    double epoch[PER_EPOCH + 1];
    graft_pace_costs c = usual(epoch);
    (void)state;
    c.seconds_left = 500;
    uint64_t n = graft_pace_fit(&c);
    c.seconds_left = 510;
    assert_true(graft_pace_fit(&c) > n);
    assert_int_equal(graft_pace_decide(&c, n), n);
    c.seconds_left = 600;
    assert_true(graft_pace_decide(&c, n) > n);
    c.seconds_left = 495; /* the reserve is for this */
    assert_int_equal(graft_pace_decide(&c, n), n);
    c.seconds_left = 450;
    assert_true(graft_pace_decide(&c, n) < n);
}

/* --- in checkpoints --- */

static graft_trainer planned(void)
{
    graft_trainer t = {.n_steps = 412, .n_asked = 900, .course = graft_course_of(21, 412)};
    graft_course_turn(&t.course, 100, 300);
    t.n_steps = 300;
    t.pace = (graft_pace_memory){true, 1234.5, 99.25, 61.5, true, {7300.5, 73.25, 0.875, 0, 0}};
    return t;
}

static void notes_keep_the_plan(void **state)
{
    graft_trainer saved = planned(), read = {.n_steps = 900, .n_asked = 900,
                                             .course = graft_course_of(45, 900)};
    (void)state;
    assert_ok(graft_pace_note(&read)); /* a run without a limit has none */
    assert_int_equal(read.notes.n, 0);
    assert_ok(graft_pace_recall(&read, &read.notes, 100, "none.h5"));
    assert_int_equal(read.n_steps, 900);
    assert_false(read.pace.planned);
    assert_ok(graft_pace_note(&saved));
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_pace_recall(&read, &saved.notes, 100, "it.h5"));
        assert_int_equal(read.n_steps, 300);
        assert_memory_equal(&read.course, &saved.course, sizeof read.course);
        assert_true(read.pace.planned && read.pace.of_adapter);
        assert_float_equal(read.pace.spent, 1234.5, 0);
        assert_float_equal(read.pace.tokens_per_second, 99.25, 0);
        assert_float_equal(read.pace.evaluation_seconds, 61.5, 0);
        assert_memory_equal(&read.pace.speed, &saved.pace.speed, sizeof read.pace.speed);
        read.n_steps = 120; /* going back to an earlier plan, when there was more time */
    }
    read.n_asked = 250; /* other settings, with --force */
    assert_ok(graft_pace_recall(&read, &saved.notes, 100, "it.h5"));
    assert_int_equal(read.n_steps, 250);
}

/* Checkpoints of earlier versions do not have what came later. */
static void notes_without_the_latest_steps_are_read(void **state)
{
    graft_trainer saved = planned(), read = {.n_steps = 900, .n_asked = 900};
    const graft_pace_speed unknown = {0};
    (void)state;
    assert_ok(graft_pace_note(&saved));
    assert_int_equal(saved.notes.n, 13);
    saved.notes.n = 10;
    assert_ok(graft_pace_recall(&read, &saved.notes, 100, "it.h5"));
    assert_int_equal(read.n_steps, 300);
    assert_float_equal(read.pace.tokens_per_second, 99.25, 0);
    assert_memory_equal(&read.pace.speed, &unknown, sizeof unknown);
}

static void a_plan_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *name;
        double value;
    } cases[] = {{"pace.steps", 99}, {"pace.steps", 300.5}, {"pace.to", 1e300}, {"pace.from", -1},
                 {"pace.rise", 22},  {"pace.decayed", 1.5}, {"pace.spent_seconds", -2},
                 {"pace.tokens_per_second", -1}, {"pace.latest_tokens", -1},
                 {"pace.latest_seconds", -1}, {"pace.latest_squares", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_trainer saved = planned(), read = {.n_steps = 900, .n_asked = 900};
        assert_ok(graft_pace_note(&saved));
        assert_ok(graft_notes_set(&saved.notes, cases[i].name, cases[i].value));
        assert_fails(graft_pace_recall(&read, &saved.notes, 100, "it.h5"), GRAFT_E_CHECKPOINT,
                     "it.h5: run/notes: what it says of \"pace\" is no plan of a run at step 100");
        assert_int_equal(read.n_steps, 900);
    }
    graft_trainer read = {.n_steps = 900, .n_asked = 900};
    assert_ok(graft_notes_set(&read.notes, "pace.steps", 300)); /* and nothing else */
    assert_fails(graft_pace_recall(&read, &read.notes, 100, "it.h5"), GRAFT_E_CHECKPOINT, "no plan");
}

/* Steps up to `n`; where the plan changes on the way, it does so twice. */
static void advance_planned(tiny_training *f, size_t n, double *losses, double *rates)
{
    graft_step_report report;
    while (f->trainer.step < n) {
        uint64_t step = f->trainer.step;
        if (step == 3 || step == 5) {
            graft_trainer_end_at(&f->trainer, step == 3 ? 14 : 9);
            f->trainer.pace.planned = true;
            assert_ok(graft_pace_note(&f->trainer));
        }
        assert_ok(graft_trainer_step(&f->trainer, &report));
        losses[step] = report.loss;
        rates[step] = report.learning_rate;
    }
}

/* A run that was planned anew before it was interrupted goes on with that plan and its bits. */
static void resumed_run_keeps_its_plan(void **state)
{
    static const char settings[] = "max_steps=20 batch_size=6 learning_rate=1e-2 warmup_ratio=0.1 "
                                   "seed=9 lora_dropout=0.2 compute=f32";
    tiny_training whole, parts;
    double losses[9], rates[9], again[9], rates_again[9];
    graft_best best;
    graft_text identity;
    (void)state;
    graft_best_init(&best);
    graft_text_init(&identity);
    const char *folder = test_temp_path("planned");
    tiny_training_open(&whole, settings);
    assert_ok(graft_run_identity(&identity, &whole.trainer, &(graft_run_files){.base = "base"}));
    advance_planned(&whole, 9, losses, rates);
    assert_int_equal(whole.trainer.n_steps, 9);
    for (size_t i = 2; i < 9; i++) { /* it only falls, and without a jump */
        assert_true(rates[i] <= rates[i - 1] && rates[i - 1] - rates[i] < 5e-3);
    }
    for (size_t stop = 4; stop <= 8; stop += 2) {
        char path[64];
        tiny_training_open(&parts, settings);
        advance_planned(&parts, stop, again, rates_again);
        assert_ok(graft_checkpoint_save(&parts.trainer, &best, graft_text_z(&identity), folder, 2));
        tiny_training_close(&parts);
        tiny_training_open(&parts, settings);
        snprintf(path, sizeof path, "planned/step-%zu.h5", stop);
        assert_ok(graft_checkpoint_load(&parts.trainer, &best, graft_text_z(&identity),
                                        test_temp_path(path)));
        assert_int_equal(parts.trainer.n_steps, stop == 4 ? 14 : 9);
        advance_planned(&parts, 9, again, rates_again);
        assert_memory_equal(again, losses, sizeof losses);
        assert_memory_equal(rates_again, rates, sizeof rates);
        assert_memory_equal(parts.adapter->params, whole.adapter->params,
                            whole.adapter->n_params * sizeof *whole.adapter->params);
        tiny_training_close(&parts);
    }
    tiny_training_close(&whole);
    graft_text_clear(&identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plenty_of_time_is_all_steps_and_no_more),
        cmocka_unit_test(a_plan_is_the_most_that_fits),
        cmocka_unit_test(evaluations_take_their_time),
        cmocka_unit_test(steps_differ_in_the_first_epoch),
        cmocka_unit_test(no_time_is_no_step),
        cmocka_unit_test(a_night_ends_in_time),
        cmocka_unit_test(a_run_on_a_loaded_machine_was_late),
        cmocka_unit_test(spread_is_the_deviation_of_the_time_per_token),
        cmocka_unit_test(steps_of_milliseconds_are_measured_together),
        cmocka_unit_test(short_steps_were_planned_again_and_again),
        cmocka_unit_test(long_times_average_the_spread_out),
        cmocka_unit_test(a_little_more_time_is_no_new_plan),
        cmocka_unit_test(notes_keep_the_plan),
        cmocka_unit_test(notes_without_the_latest_steps_are_read),
        cmocka_unit_test(a_plan_that_makes_no_sense_is_refused),
        cmocka_unit_test(resumed_run_keeps_its_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
