#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/levels.h"

void graft_kernels_avx2bf16(graft_kernels *table)
{
    graft_avx2bf16_gemm(table);
    graft_avx2bf16_bytes(table);
    graft_avx2bf16_attention(table);
    graft_avx2bf16_norm(table);
    graft_avx2bf16_columns(table);
    graft_avx2bf16_rope(table);
    graft_avx2bf16_swiglu(table);
    graft_avx2bf16_loss(table);
}
