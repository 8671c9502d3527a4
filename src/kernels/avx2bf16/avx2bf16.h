/* kernels/avx2bf16/avx2bf16.h - each file overlays its slots of the table. */
#ifndef GRAFT_KERNELS_AVX2BF16_H
#define GRAFT_KERNELS_AVX2BF16_H

#include "kernels/kernels.h"

void graft_avx2bf16_gemm(graft_kernels *table);
void graft_avx2bf16_bytes(graft_kernels *table);
void graft_avx2bf16_attention(graft_kernels *table);
void graft_avx2bf16_norm(graft_kernels *table);
void graft_avx2bf16_columns(graft_kernels *table);
void graft_avx2bf16_rope(graft_kernels *table);
void graft_avx2bf16_swiglu(graft_kernels *table);
void graft_avx2bf16_loss(graft_kernels *table);

#endif
