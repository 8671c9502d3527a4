#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/avx2/pairs.h"

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 1, .element_bytes = sizeof(float), .rows = GRAFT_ROWS,
    .row_block = GRAFT_ROW_BLOCK, .unpack = unpack, .unpack_bytes = unpack_bytes,
    .multiply = multiply, .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx2_bytes(graft_kernels *table)
{
    table->to_bytes = to_bytes;
    table->gemm_bytes = &gemm;
}
