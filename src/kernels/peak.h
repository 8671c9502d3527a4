/* kernels/peak.h - how fast this machine could compute at best. */
#ifndef GRAFT_KERNELS_PEAK_H
#define GRAFT_KERNELS_PEAK_H

#include "kernels/kernels.h"

/* GFLOP/s of multiply-adds on registers at this level, of bfloat16 where activations are such, all n_threads together:
 * the best of many short windows within `seconds`. 0 if memory for the scratch is missing. At
 * level blas, which shows no registers: of an sgemm whose operands lie in the cache. n_threads at
 * most graft_threads(). */
double graft_peak_gflops(const graft_kernels *kernels, int n_threads, double seconds);

#endif
