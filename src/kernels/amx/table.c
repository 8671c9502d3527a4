#include "kernels/amx/amx.h"
#include "kernels/levels.h"

void graft_kernels_amx(graft_kernels *table)
{
    graft_amx_gemm(table);
    graft_amx_attention(table);
}
