/* bench.h - what this machine does. */
#ifndef GRAFT_BENCH_H
#define GRAFT_BENCH_H

#include <graft/job.h>

/* Measures the FMA peak, products by shape, format and direction, and (if base_model is set) passes of that
 * model in tokens/s. Lines go to hooks->emit: a table, or with csv
 * kind,name,level,format,shape,direction,gflops,peak_gflops,fraction. seconds: time per figure. */
GRAFT_API graft_status graft_bench(graft_config *config, const graft_hooks *hooks, int csv,
                                   double seconds);

#endif
