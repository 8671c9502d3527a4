/* kernels/avx512/gemm.c - products in tiles of 6 x 64. */
#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/gemm_tmpl.h"

static const struct graft_gemm gemm = {GEMM_ROWS, KC, 1, sizeof(float), pack, unpack,
                                       multiply, outer, spin, SPIN_FLOPS, GRAFT_ROWS};

void graft_avx512_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
    table->decode_row = decode_row;
}
