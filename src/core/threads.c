/* core/threads.c - the threads of this process: a pool that waits for work.
 *
 * Workers look for the next loop for some microseconds, then sleep. Those of the system's OpenMP
 * library go on looking for milliseconds: beside another busy process each of its loops then lost
 * whole time slices, and work ran at a tenth of its speed. Threads that sleep may be woken on
 * one CPU together and stay there for a while, at half the speed of two: where there is one for
 * each CPU, each is bound to its own. */
#include "core/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"
#include "core/memory.h"

enum { MAX_THREADS = 4096, LOOKS = 4000 }; /* looks, with a pause each: tens of microseconds */

static atomic_int n_threads; /* 0: not chosen yet */

/* The loop that runs. Everything but the counters is written while all workers wait. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    atomic_uint generation; /* of the loop: a new number is new work */
    atomic_int n_busy;      /* workers that have not finished it */
    atomic_size_t next;     /* job */
    size_t n_jobs;
    graft_job *job;
    void *context;
    int n_workers;          /* that exist, beside the calling thread */
    int n_wanted;           /* that take part */
    unsigned born;          /* generation in which the newest workers were made */
    bool bound;             /* each thread has a CPU of its own; decided with the first loop */
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER; /* of the pool: one loop at a time */
static _Thread_local bool inside; /* a job */

void graft_threads_set(int n)
{
    int all = graft_cpu_count();
    atomic_store(&n_threads, n > 0 ? (n < MAX_THREADS ? n : MAX_THREADS) : all);
}

int graft_threads(void)
{
    if (atomic_load(&n_threads) == 0) {
        graft_threads_set(0);
    }
    return atomic_load(&n_threads);
}

static void run_jobs(int thread)
{
    size_t job;
    inside = true;
    while ((job = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed)) < pool.n_jobs) {
        pool.job(pool.context, job, thread);
    }
    inside = false;
}

/* Returns when there is another loop than `seen`. */
static unsigned wait_for_loop(unsigned seen)
{
    for (int i = 0; i < LOOKS; i++) {
        unsigned now = atomic_load_explicit(&pool.generation, memory_order_acquire);
        if (now != seen) {
            return now;
        }
        graft_cpu_pause();
    }
    pthread_mutex_lock(&pool.mutex);
    while (atomic_load(&pool.generation) == seen) {
        pthread_cond_wait(&pool.wake, &pool.mutex);
    }
    pthread_mutex_unlock(&pool.mutex);
    return atomic_load(&pool.generation);
}

static void finish_part(void)
{
    if (atomic_fetch_sub_explicit(&pool.n_busy, 1, memory_order_acq_rel) == 1) {
        pthread_mutex_lock(&pool.mutex);
        pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.mutex);
    }
}

static void *work(void *argument)
{
    int thread = (int)(intptr_t)argument;
    unsigned seen = pool.born;
    if (pool.bound) {
        graft_cpu_bind(thread);
    }
    for (;;) {
        seen = wait_for_loop(seen);
        if (thread <= pool.n_wanted) {
            run_jobs(thread);
        }
        finish_part();
    }
    return NULL;
}

/* As many workers as the system lets this process have, at most n. Each takes part in every loop
 * from the next one on. */
static void add_workers(int n)
{
    pthread_attr_t attributes;
    if (pool.n_workers == 0 && n + 1 == graft_cpu_count()) {
        pool.bound = true;
        graft_cpu_bind(0);
    }
    pool.born = atomic_load(&pool.generation);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pool.n_workers < n) {
        pthread_t worker;
        intptr_t number = pool.n_workers + 1;
        if (pthread_create(&worker, &attributes, work, (void *)number) != 0) {
            break; /* fewer threads: the same results, later */
        }
        pool.n_workers++;
    }
    pthread_attr_destroy(&attributes);
}

static void wait_for_workers(void)
{
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load_explicit(&pool.n_busy, memory_order_acquire) == 0) {
            return;
        }
        graft_cpu_pause();
    }
    pthread_mutex_lock(&pool.mutex);
    while (atomic_load_explicit(&pool.n_busy, memory_order_acquire) != 0) {
        pthread_cond_wait(&pool.done, &pool.mutex);
    }
    pthread_mutex_unlock(&pool.mutex);
}

static void run_loop(size_t n_jobs, graft_job *job, void *context, int threads)
{
    if (pool.n_workers < threads - 1) {
        add_workers(threads - 1);
    }
    pthread_mutex_lock(&pool.mutex);
    pool.n_jobs = n_jobs;
    pool.job = job;
    pool.context = context;
    pool.n_wanted = threads - 1;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.n_busy, pool.n_workers);
    atomic_fetch_add_explicit(&pool.generation, 1, memory_order_release);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
    run_jobs(0);
    wait_for_workers();
}

void graft_parallel(size_t n_jobs, graft_job *job, void *context)
{
    int threads = graft_threads();
    if (n_jobs < (size_t)threads) {
        threads = (int)n_jobs;
    }
    if (threads <= 1 || inside) {
        for (size_t j = 0; j < n_jobs; j++) {
            job(context, j, 0);
        }
        return;
    }
    pthread_mutex_lock(&owner);
    run_loop(n_jobs, job, context, threads);
    pthread_mutex_unlock(&owner);
}
