#include "kernels/amx/amx.h"
#include "kernels/levels.h"

void graft_kernels_amx(graft_kernels *table)
{
    static struct graft_gemm gemm; /* the same however often it is filled */
    graft_amx_gemm(table, &gemm);
    table->gemm = &gemm;
}
