/* kernels/amx/amx.h - products in tiles, those of attention too; the rest is that of avx512bf16. */
#ifndef GRAFT_KERNELS_AMX_H
#define GRAFT_KERNELS_AMX_H

#include "kernels/kernels.h"

void graft_amx_gemm(graft_kernels *table);
void graft_amx_attention(graft_kernels *table);

#endif
