/* Schedules, and runs whose end is planned anew: the learning rate must not jump. */
#include "support/test.h"

#include <math.h>

#include "optim/optimizer.h"

/* transformers' formulas, with its warm-up shifted by one step. */
static double reference(const char *name, uint64_t step, uint64_t warmup, uint64_t n)
{
    const double pi = 3.14159265358979323846;
    if (step < warmup) {
        return (double)(step + 1) / (double)warmup;
    }
    double progress = (double)(step - warmup) / (double)(n > warmup ? n - warmup : 1);
    return name[0] == 'l' ? fmax(0, 1 - progress)
           : name[1] == 'o' && name[2] == 's' ? fmax(0, 0.5 * (1 + cos(pi * progress)))
                                              : 1;
}

static void an_undisturbed_run_has_the_bits_it_always_had(void **state)
{
    static const uint64_t cases[][2] = {{0, 1}, {0, 8}, {2, 10}, {10, 10}, {100, 50}, {45, 900}};
    (void)state;
    for (const graft_schedule *s = graft_schedules; s->name != NULL; s++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            graft_course course = graft_course_of(cases[i][0], cases[i][1]);
            for (uint64_t step = 0; step < cases[i][1]; step++) {
                double factor = graft_course_factor(&course, s, step);
                double expected = reference(s->name, step, cases[i][0], cases[i][1]);
                assert_memory_equal(&factor, &expected, sizeof factor);
            }
        }
    }
}

/* The largest change between two steps, up to `n`; the last factor in *last. A warm-up rises by itself. */
static double steepest(graft_course course, const graft_schedule *s, uint64_t from, uint64_t n,
                       double *last)
{
    double worst = 0, before = graft_course_factor(&course, s, from - 1);
    for (uint64_t step = from; step < n; step++) {
        double now = graft_course_factor(&course, s, step);
        assert_true(now >= 0 && now <= 1);
        worst = fmax(worst, fabs(now - before));
        before = now;
    }
    *last = before;
    return worst;
}

static void another_end_does_not_make_the_rate_jump(void **state)
{
    static const struct {
        uint64_t warmup, n, step, next;
    } cases[] = {{45, 900, 300, 412}, {45, 900, 899, 2000}, {0, 100, 50, 60}, {10, 100, 10, 50},
                 {10, 100, 99, 100}, {5, 412, 200, 900}, {0, 1000, 1, 20}};
    (void)state;
    for (const graft_schedule *s = graft_schedules; s->name != NULL; s++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            graft_course before = graft_course_of(cases[i].warmup, cases[i].n), after = before;
            uint64_t step = cases[i].step;
            double last;
            graft_course_turn(&after, step, cases[i].next);
            assert_float_equal(graft_course_factor(&after, s, step),
                               graft_course_factor(&before, s, step), 1e-12);
            double rest = (double)(cases[i].next - step), was = (double)(cases[i].n - step);
            double allowed = 1.6 / rest + 1.6 / was; /* cosine falls by at most pi / 2 of its length */
            assert_true(steepest(after, s, step, cases[i].next, &last) <= allowed);
            assert_true(s->name[1] == 'o' && s->name[2] == 'n' ? last >= 1 : last <= 2 / rest);
        }
    }
}

static void a_warm_up_ends_earlier_if_there_is_no_time_for_it(void **state)
{
    const graft_schedule *s = graft_schedule_find("cosine");
    graft_course course = graft_course_of(40, 1000);
    double last;
    (void)state;
    graft_course_turn(&course, 10, 500); /* there is: nothing changes but the end */
    assert_float_equal(graft_course_factor(&course, s, 39), 1, 1e-12);
    assert_int_equal(course.n_rise, 40);
    graft_course_turn(&course, 10, 30);
    assert_int_equal(course.n_rise, 20);
    assert_float_equal(graft_course_factor(&course, s, 10), 11.0 / 40, 1e-12);
    assert_float_equal(graft_course_factor(&course, s, 19), 0.5, 1e-12);
    assert_float_equal(graft_course_factor(&course, s, 20), 0.5, 1e-12); /* the peak it reached */
    assert_true(steepest(course, s, 10, 30, &last) < 0.1 && last < 0.02);
    graft_course_turn(&course, 12, 900); /* and goes on if there is again */
    assert_int_equal(course.n_rise, 40);
    graft_course_turn(&course, 12, 13);
    assert_float_equal(graft_course_factor(&course, s, 12), 0.3, 1e-12);
}

/* Turning towards the end that there is changes nothing but rounding; progress never goes back. */
static void turns_add_up(void **state)
{
    const graft_schedule *s = graft_schedule_find("linear");
    graft_course course = graft_course_of(5, 300), straight = course;
    double progress = 0;
    (void)state;
    for (uint64_t step = 5; step < 300; step++) {
        graft_course_turn(&course, step, 300);
        assert_float_equal(graft_course_factor(&course, s, step),
                           graft_course_factor(&straight, s, step), 1e-12);
    }
    course = straight;
    for (uint64_t step = 5, end = 300; step < end; step++) {
        end = step % 7 == 0 ? 300 - step / 2 : step % 11 == 0 ? 400 : end;
        if (step + 1 < end) {
            graft_course_turn(&course, step, end);
        }
        assert_true(graft_course_progress(&course, step) >= progress - 1e-12);
        progress = graft_course_progress(&course, step);
        assert_true(progress <= 1 + 1e-12);
    }
    assert_true(progress > 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undisturbed_run_has_the_bits_it_always_had),
        cmocka_unit_test(another_end_does_not_make_the_rate_jump),
        cmocka_unit_test(a_warm_up_ends_earlier_if_there_is_no_time_for_it),
        cmocka_unit_test(turns_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
