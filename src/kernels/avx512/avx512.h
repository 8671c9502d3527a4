/* kernels/avx512/avx512.h - each file overlays its slots of the table. */
#ifndef GRAFT_KERNELS_AVX512_H
#define GRAFT_KERNELS_AVX512_H

#include "kernels/kernels.h"

void graft_avx512_gemm(graft_kernels *table);
void graft_avx512_attention(graft_kernels *table);
void graft_avx512_norm(graft_kernels *table);
void graft_avx512_columns(graft_kernels *table);
void graft_avx512_rope(graft_kernels *table);
void graft_avx512_swiglu(graft_kernels *table);
void graft_avx512_loss(graft_kernels *table);
void graft_avx512_optimizer(graft_kernels *table);

#endif
