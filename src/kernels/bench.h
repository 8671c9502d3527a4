/* kernels/bench.h - rates of the large products, beside what the machine could do at best. */
#ifndef GRAFT_KERNELS_BENCH_H
#define GRAFT_KERNELS_BENCH_H

#include "kernels/kernels.h"

/* One line of a report. The texts live as long as the call that yields them. */
typedef struct graft_bench_row {
    const char *kind;      /* "product" */
    const char *name;      /* n_out x n_in */
    const char *level;     /* "avx2" */
    const char *format;    /* "Q4_0" */
    const char *shape;     /* n_tok x n_out x n_in */
    const char *direction; /* "forward", "backward" */
    double gflops;         /* the best of several runs */
    double peak_gflops;    /* graft_peak_gflops with the same threads, taken beside it */
    double fraction;       /* gflops / peak_gflops */
} graft_bench_row;

typedef struct graft_bench_shape {
    size_t n_tok, n_out, n_in;
} graft_bench_shape;

typedef struct graft_bench_options {
    const graft_bench_shape *shapes; /* NULL: shapes of models of 135M to 8B parameters */
    size_t n_shapes;
    const char *const *formats;      /* names, ending in NULL; NULL: the ones files use most */
    double seconds;                  /* per line; 0: 0.3 */
} graft_bench_options;

/* Anything but GRAFT_OK ends the measuring. */
typedef graft_status graft_bench_sink(void *context, const graft_bench_row *row);

/* Measures every shape that a format can hold, forward and backward, on graft_threads() threads.
 * GRAFT_E_CONFIG for an unknown format name, GRAFT_E_MEMORY, or what the sink says. */
graft_status graft_bench_products(const graft_kernels *kernels, const graft_bench_options *options,
                                  graft_bench_sink *sink, void *context);

#endif
