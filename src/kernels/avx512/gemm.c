/* kernels/avx512/gemm.c - products in tiles of 6 x 64. */
#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/gemm_tmpl.h"

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 1, .element_bytes = sizeof(float), .rows = GRAFT_ROWS,
    .row_block = GRAFT_ROW_BLOCK, .unpack = unpack, .multiply = multiply, .outer = outer,
    .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx512_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
    table->decode_row = decode_row;
}
