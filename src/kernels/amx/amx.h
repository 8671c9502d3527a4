/* kernels/amx/amx.h - products in tiles; everything else is that of avx512bf16. */
#ifndef GRAFT_KERNELS_AMX_H
#define GRAFT_KERNELS_AMX_H

#include "kernels/gemm.h"

/* *gemm = the table's, with what tiles make faster. */
void graft_amx_gemm(graft_kernels *table, struct graft_gemm *gemm);

#endif
