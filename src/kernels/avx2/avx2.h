/* kernels/avx2/avx2.h - each file overlays its slots of the table. */
#ifndef GRAFT_KERNELS_AVX2_H
#define GRAFT_KERNELS_AVX2_H

#include "kernels/kernels.h"

void graft_avx2_gemm(graft_kernels *table);
void graft_avx2_bytes(graft_kernels *table);
void graft_avx2_attention(graft_kernels *table);
void graft_avx2_norm(graft_kernels *table);
void graft_avx2_columns(graft_kernels *table);
void graft_avx2_rope(graft_kernels *table);
void graft_avx2_swiglu(graft_kernels *table);
void graft_avx2_loss(graft_kernels *table);
void graft_avx2_optimizer(graft_kernels *table);

#endif
