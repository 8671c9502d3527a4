#include "kernels/avx2/avx2.h"
#include "kernels/levels.h"

void graft_kernels_avx2(graft_kernels *table)
{
    graft_avx2_gemm(table);
    graft_avx2_bytes(table);
    graft_avx2_attention(table);
    graft_avx2_norm(table);
    graft_avx2_columns(table);
    graft_avx2_rope(table);
    graft_avx2_swiglu(table);
    graft_avx2_loss(table);
    graft_avx2_optimizer(table);
}
