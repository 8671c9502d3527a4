#include "kernels/peak.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm.h"
#include "kernels/product.h"

typedef struct spin_window {
    const struct graft_gemm *gemm;
    size_t rounds;
    char *scratch; /* n_threads blocks of block_bytes */
    size_t block_bytes;
} spin_window;

static void spin_job(void *context, size_t job, int thread)
{
    const spin_window *w = context;
    void *scratch = w->scratch + job * w->block_bytes;
    (void)thread;
    *(graft_real *)scratch = w->gemm->spin(w->rounds, scratch);
}

double graft_peak_gflops(const graft_kernels *kernels, int n_threads, double seconds)
{
    const double window_seconds = 0.01, first_flops = 1e7;
    const struct graft_gemm *gemm = kernels->bytes ? kernels->gemm_bytes : kernels->gemm;
    double best = 0, start = graft_clock_seconds();
    size_t n_windows = 0;
    spin_window w = {gemm, 1 + (size_t)(first_flops / (double)gemm->spin_flops), NULL,
                     graft_product_thread_bytes(kernels)};
    if (graft_alloc(&w.scratch, (size_t)n_threads, w.block_bytes) != GRAFT_OK) {
        return 0;
    }
    do {
        double begin = graft_clock_seconds();
        graft_parallel((size_t)n_threads, spin_job, &w);
        double took = graft_clock_seconds() - begin;
        double flops = (double)w.rounds * (double)w.gemm->spin_flops * n_threads;
        if (took < window_seconds) {
            w.rounds *= 2;
        } else {
            best = flops / took * 1e-9 > best ? flops / took * 1e-9 : best;
            n_windows++;
        }
        /* One alone may have lost its CPU to another process. */
    } while (n_windows < 3 || graft_clock_seconds() - start < seconds);
    graft_free(w.scratch);
    return best;
}
