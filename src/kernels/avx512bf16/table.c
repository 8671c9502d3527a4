#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/levels.h"

void graft_kernels_avx512bf16(graft_kernels *table)
{
    graft_avx512bf16_gemm(table);
    graft_avx512bf16_bytes(table);
    graft_avx512bf16_attention(table);
    graft_avx512bf16_norm(table);
    graft_avx512bf16_columns(table);
    graft_avx512bf16_rope(table);
    graft_avx512bf16_swiglu(table);
    graft_avx512bf16_loss(table);
}
