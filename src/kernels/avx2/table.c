#include "kernels/avx2/avx2.h"
#include "kernels/levels.h"

void graft_kernels_avx2(graft_kernels *table)
{
    graft_avx2_gemm(table);
}
