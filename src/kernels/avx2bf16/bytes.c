/* kernels/avx2bf16/bytes.c - as on AVX2, with rows of X that are bfloat16 where they are not bytes. */
#include "kernels/avx2bf16/act.h"
#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2/pairs.h"

#include "kernels/avx2bf16/rows.h"

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 1, .element_bytes = sizeof(float), .rows = GRAFT_ROWS,
    .row_block = BLOCK_ROWS, .unpack = unpack, .unpack_bytes = unpack_bytes,
    .multiply = multiply_act, .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx2bf16_bytes(graft_kernels *table)
{
    table->byte_limits = GRAFT_BYTE_LIMITS;
    table->to_bytes = to_bytes;
    table->gemm_bytes = &gemm;
}
