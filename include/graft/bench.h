/* bench.h - what this machine does. */
#ifndef GRAFT_BENCH_H
#define GRAFT_BENCH_H

#include <graft/job.h>

typedef struct graft_bench_wish {
    int csv;             /* comma-separated values instead of a table */
    double seconds;      /* time per figure; 0: 0.3 */
    const char *shapes;  /* of products: "2048x1536x576,..." (tokens x n_out x n_in); NULL: usual */
    const char *formats; /* of weights: "Q4_0,F16"; NULL: the ones files use most */
    int ops;             /* of a pass: the time of each of its parts */
    int pass_only;       /* no products */
    size_t tokens;       /* of a pass; 0: 512 */
} graft_bench_wish;

/* Measures the FMA peak, products by shape, format and direction, and (if base_model is set) passes
 * of that model in tokens/s. Lines go to hooks->emit: a table, or with csv
 * kind,name,level,format,shape,direction,gflops,peak_gflops,fraction. GRAFT_E_CONFIG for shapes or formats that are none. */
GRAFT_API graft_status graft_bench(graft_config *config, const graft_hooks *hooks,
                                   const graft_bench_wish *wish);

#endif
