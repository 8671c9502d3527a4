#include "kernels/avx512/avx512.h"
#include "kernels/levels.h"

void graft_kernels_avx512(graft_kernels *table)
{
    graft_avx512_gemm(table);
    graft_avx512_attention(table);
    graft_avx512_norm(table);
    graft_avx512_columns(table);
    graft_avx512_rope(table);
    graft_avx512_swiglu(table);
    graft_avx512_loss(table);
    graft_avx512_optimizer(table);
}
