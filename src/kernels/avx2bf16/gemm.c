/* kernels/avx2bf16/gemm.c - products in tiles of 6 x 16. Rows of X become floats before the strips of a
 * panel need them, and W stays what its blocks say: nothing but activations is rounded to bfloat16. */
#include "kernels/avx2bf16/act.h"
#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/vector/gemm_tmpl.h"

#include "kernels/avx2bf16/rows.h"

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC_WIDE, .nc_short = GRAFT_NC, .k_step = 1,
    .element_bytes = sizeof(float), .rows = GRAFT_ROWS, .row_block = BLOCK_ROWS, .unpack = unpack,
    .multiply = multiply_act, .outer = outer, .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx2bf16_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
}
