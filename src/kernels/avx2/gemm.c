/* kernels/avx2/gemm.c - products in tiles of 6 x 16. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/gemm_tmpl.h"

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC_WIDE, .nc_short = GRAFT_NC, .k_step = 1,
    .element_bytes = sizeof(float), .rows = GRAFT_ROWS, .row_block = GRAFT_ROW_BLOCK, .unpack = unpack,
    .multiply = multiply, .outer = outer, .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx2_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
    table->decode_row = decode_row;
}
