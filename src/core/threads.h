/* core/threads.h - a parallel loop over jobs.
 *
 * What a job is must not depend on the number of threads: callers cut work into tiles of fixed
 * size, never along a reduction axis, so results are bit-identical at any thread count. */
#ifndef GRAFT_CORE_THREADS_H
#define GRAFT_CORE_THREADS_H

#include <stddef.h>

typedef void graft_job(void *context, size_t job, int thread);

/* Sets the number of threads used from now on (>= 1). 0: all CPUs this process may run on. */
void graft_threads_set(int n);
int graft_threads(void);

/* Runs job(context, j, thread) for j in [0, n_jobs); thread is in [0, graft_threads()).
 * If there are as many threads as CPUs, the first call binds the calling thread and all others to
 * one each. Jobs are handed out dynamically in order. Returns when all are done. Not nested: inside a job
 * it runs serially with the same thread number 0, so do not nest. */
void graft_parallel(size_t n_jobs, graft_job *job, void *context);

#endif
