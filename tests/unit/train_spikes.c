/* Curves of losses: what is called a spike or divergence in them, and what is noise. */
#include "support/test.h"
#include "train/watch.h"

/* Real ones: 8 and 16 examples per step, of one kind of task and of many. */
static const double many_tasks[] = {
    .707, .832, .602, .365, .521, .286, .352, .271, .791, .549, .299, .637, .331, .349, .240, .878,
    .230, .648, .422, .272, .511, .628, .758, .348, .590, .405, .394, .244, .659, .203, .834, .774};
static const double one_task[] = {
    .543, .304, .260, .176, .193, .138, .145, .149, .096, .122, .090, .115, .080, .092, .123,
    .088, .190, .066, .111, .161, .142, .107, .063, .149, .120, .082, .134, .068, .089, .079};

/* Which steps of a curve that is repeated are called spikes. */
static size_t spikes_in(const double *curve, size_t n, size_t times, size_t leap_at, double leap)
{
    graft_watch w;
    size_t found = 0;
    double from, level;
    graft_watch_init(&w);
    for (size_t i = 0; i < n * times; i++) {
        double loss = i == leap_at ? leap : curve[i % n];
        bool spike = loss > graft_watch_band(&w).limit;
        assert_true(!spike || i == leap_at);
        found += spike;
        assert_false(graft_watch_take(&w, loss, &from, &level));
    }
    return found;
}

static void spikes_are_found_and_noise_is_none(void **state)
{
    const size_t n_many = sizeof many_tasks / sizeof *many_tasks;
    const size_t n_one = sizeof one_task / sizeof *one_task;
    (void)state;
    assert_int_equal(spikes_in(many_tasks, n_many, 5, SIZE_MAX, 0), 0);
    assert_int_equal(spikes_in(one_task, n_one, 5, SIZE_MAX, 0), 0);
    for (size_t at = GRAFT_WATCH_LEAST; at < n_many * 5; at++) {
        assert_int_equal(spikes_in(many_tasks, n_many, 5, at, 4.0), 1);
    }
    for (size_t at = GRAFT_WATCH_LEAST; at < n_one * 5; at++) {
        assert_int_equal(spikes_in(one_task, n_one, 5, at, 1.5), 1);
    }
    /* before enough is known, nothing is called one */
    assert_int_equal(spikes_in(one_task, n_one, 1, GRAFT_WATCH_LEAST - 1, 100), 0);
}

static void divergence_is_told_once(void **state)
{
    graft_watch w;
    double from = 0, level = 0;
    size_t told = 0, when = 0;
    (void)state;
    graft_watch_init(&w);
    for (size_t i = 0; i < 60; i++) { /* a learning rate that is far too high, after a warm-up */
        double loss = i < 2 ? 0.6 : 7.0 + (double)(i % 3);
        if (graft_watch_take(&w, loss, &from, &level)) {
            told++;
            when = i;
            assert_true(from >= 0.6 && from <= 0.6 && level > 6);
        }
    }
    assert_int_equal(told, 1);
    assert_int_equal(when, GRAFT_WATCH_LEVEL - 1);
    graft_watch_init(&w);
    told = 0;
    for (size_t i = 0; i < 120; i++) { /* first it learns */
        double loss = i < 60 ? 2.0 / (1 + (double)i / 10) : 0.5 + (double)(i - 60) / 10;
        if (graft_watch_take(&w, loss, &from, &level)) {
            told++;
            assert_true(from < 0.4 && level > 1.3 && level < 2);
        }
    }
    assert_int_equal(told, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spikes_are_found_and_noise_is_none),
        cmocka_unit_test(divergence_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
