/* core/threads.h: every job runs once, at any number of threads, with the same result. */
#include "support/test.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/threads.h"

enum { N_JOBS = 1000, TILE = 64 };

static atomic_int runs[N_JOBS];
static atomic_int bad_thread;

static void count_job(void *context, size_t job, int thread)
{
    (void)context;
    atomic_fetch_add(&runs[job], 1);
    if (thread < 0 || thread >= graft_threads()) {
        atomic_store(&bad_thread, 1);
    }
}

static void every_job_runs_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        graft_threads_set(threads);
        assert_int_equal(graft_threads(), threads);
        for (size_t n = 0; n <= N_JOBS; n = n * 3 + 1) {
            memset(runs, 0, sizeof runs);
            graft_parallel(n, count_job, NULL);
            for (size_t j = 0; j < N_JOBS; j++) {
                assert_int_equal(atomic_load(&runs[j]), j < n);
            }
        }
    }
    assert_int_equal(atomic_load(&bad_thread), 0);
}

static void sum_tile(void *context, size_t job, int thread)
{
    (void)thread;
    float sum = 0;
    for (size_t i = job * TILE; i < (job + 1) * TILE; i++) {
        sum += 1.0f / (float)(i + 1);
    }
    ((float *)context)[job] = sum;
}

static void result_does_not_depend_on_threads(void **state)
{
    (void)state;
    static float one[N_JOBS], many[N_JOBS];
    graft_threads_set(1);
    graft_parallel(N_JOBS, sum_tile, one);
    for (int threads = 2; threads <= 4; threads++) {
        graft_threads_set(threads);
        graft_parallel(N_JOBS, sum_tile, many);
        assert_memory_equal(one, many, sizeof one);
    }
}

static void inner_job(void *context, size_t job, int thread)
{
    (void)job;
    atomic_fetch_add((atomic_int *)context, thread == 0 ? 1 : 1000);
}

static void outer_job(void *context, size_t job, int thread)
{
    (void)job, (void)thread;
    graft_parallel(10, inner_job, context);
}

static void nested_loops_run_serially(void **state)
{
    (void)state;
    atomic_int total = 0;
    graft_threads_set(3);
    graft_parallel(8, outer_job, &total);
    assert_int_equal(atomic_load(&total), 80);
}

static void zero_takes_all_cpus(void **state)
{
    (void)state;
    graft_threads_set(0);
    assert_true(graft_threads() >= 1);
    graft_threads_set(-3);
    assert_true(graft_threads() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once),
        cmocka_unit_test(result_does_not_depend_on_threads),
        cmocka_unit_test(nested_loops_run_serially),
        cmocka_unit_test(zero_takes_all_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
