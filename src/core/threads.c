/* core/threads.c - the only file that knows OpenMP. */
#include "core/threads.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdint.h>

static atomic_int n_threads; /* 0: not chosen yet */

void graft_threads_set(int n)
{
    atomic_store(&n_threads, n > 0 ? n : omp_get_num_procs());
}

int graft_threads(void)
{
    if (atomic_load(&n_threads) == 0) {
        graft_threads_set(0);
    }
    return atomic_load(&n_threads);
}

void graft_parallel(size_t n_jobs, graft_job *job, void *context)
{
    int threads = graft_threads();
    if (n_jobs < (size_t)threads) {
        threads = (int)n_jobs;
    }
    if (threads <= 1 || omp_in_parallel()) {
        for (size_t j = 0; j < n_jobs; j++) {
            job(context, j, 0);
        }
        return;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t j = 0; j < n_jobs; j++) {
        job(context, j, omp_get_thread_num());
    }
}
